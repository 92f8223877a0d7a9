// Goal: CRC-32C is the standard's, in hardware and in software; Hash64 sees every byte and the length.
// Method: RFC 3720 appendix B.4 vectors; random data cut at random places; avalanche and collisions.
internal import Base
internal import Testing

@Suite struct ChecksumTests {
  static let vectors: [(bytes: [UInt8], crc: UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ((0..<32).map { UInt8($0) }, 0x46DD_794E),
    ((0..<32).map { 31 - UInt8($0) }, 0x113F_DB5C),
    (
      [
        0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00,
        0x00, 0x18, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00,
      ], 0xD996_3A56
    ),
    (Array("123456789".utf8), 0xE306_9283),
    ([], 0),
  ]

  static func crc(_ bytes: [UInt8], software: Bool) -> UInt32 {
    var crc = CRC32C(inSoftware: software)
    unsafe bytes.withUnsafeBytes { unsafe crc.update($0) }
    return crc.value
  }

  @Test func `the vectors of RFC 3720 hold`() {
    for (bytes, expected) in Self.vectors {
      #expect(unsafe bytes.withUnsafeBytes { unsafe CRC32C.of($0) } == expected)
      #expect(Self.crc(bytes, software: true) == expected)
      #expect(Self.crc(bytes, software: false) == expected)
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `hardware and software agree on any cut of any data`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for length in [1, 7, 8, 9, 15, 16, 17, 63, 64, 1_000] {
      let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let whole = Self.crc(bytes, software: true)
      #expect(Self.crc(bytes, software: false) == whole)
      let cut = Int(random.below(UInt64(length)))
      var pieces = CRC32C()
      unsafe Array(bytes[..<cut]).withUnsafeBytes { unsafe pieces.update($0) }
      unsafe Array(bytes[cut...]).withUnsafeBytes { unsafe pieces.update($0) }
      #expect(pieces.value == whole)
    }
  }

  static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
    unsafe bytes.withUnsafeBytes { unsafe Hash64.of($0, seed: seed) }
  }

  @Test func `zeros of different lengths have different hashes`() {
    let hashes = Set((0..<200).map { Self.hash([UInt8](repeating: 0, count: $0)) })
    #expect(hashes.count == 200)
  }

  @Test func `each bit and the seed change about half of the hash`() {
    var random = SeededRandom(seed: 11)
    for length in [1, 3, 8, 15, 16, 17, 31, 32, 100] {
      var bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let before = Self.hash(bytes)
      var changed = 0
      for bit in 0..<(length * 8) {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        let difference = (Self.hash(bytes) ^ before).nonzeroBitCount
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(difference >= 8)
        changed += difference
      }
      let mean = Double(changed) / Double(length * 8)
      #expect(mean > 26 && mean < 38)
      #expect(Self.hash(bytes, seed: 1) != before)
    }
  }

  @Test func `a hundred thousand short keys do not collide`() {
    let hashes = Set((0..<100_000).map { Self.hash(Array("evt_\($0)".utf8)) })
    #expect(hashes.count == 100_000)
  }

  @Test func `hashes are stable: they are stored`() {
    #expect(Self.hash([]) == Self.hash([]))
    #expect(Self.hash(Array("job.completed".utf8)) == 9_768_986_979_535_901_673)
  }
}
