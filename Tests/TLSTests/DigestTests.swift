import TLS
import Testing

// Goal: digests and comparisons are the known ones.
// Method: published answers.
@Suite struct DigestTests {
  @Test func `SHA-256 gives the published digest`() {
    let digest = Digest.sha256(Array("abc".utf8))
    #expect(
      Digest.hex(digest) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      Digest.hex(Digest.sha256([]))
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func `comparison in constant time tells equal from unequal`() {
    #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
    #expect(constantTimeEquals([UInt8](), []))
    #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
    #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
    #expect(!constantTimeEquals([1], []))
  }

  @Test func `random bytes have the asked length and differ`() {
    #expect(SecureRandom.bytes(0).isEmpty)
    #expect(SecureRandom.bytes(33).count == 33)
    #expect(SecureRandom.bytes(32) != SecureRandom.bytes(32))
    #expect(SecureRandom.word() != SecureRandom.word())
  }
}
