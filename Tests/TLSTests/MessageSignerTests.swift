import TLS
import Testing

/// Signs with a kept signer, as the delivery path does.
private func sign(
  _ signer: inout MessageSigner, id: String, timestampSeconds: Int64, body: String
) -> [UInt8] {
  var signature = [UInt8](repeating: 0, count: 32)
  unsafe Array(id.utf8).withUnsafeBytes { id in
    unsafe Array(body.utf8).withUnsafeBytes { body in
      unsafe signature.withUnsafeMutableBytes {
        unsafe signer.sign(id: id, timestampSeconds: timestampSeconds, body: body, into: $0)
      }
    }
  }
  return signature
}

// Goal: the kept signers give the same bytes as a signature made at leisure.
// Method: known answers, and many messages in a row against the one-shot signature.
@Suite struct MessageSignerTests {
  @Test func `a published message has the published signature as text`() throws {
    let secret = try WebhookSecret(parsing: "whsec_plJ3nmyCDGBKInavdOK15jsl")
    var signer = MessageSigner(key: secret.bytes)
    let signature = sign(
      &signer, id: "msg_loFOjxBNrRLzqYUf", timestampSeconds: 1_731_705_121,
      body: #"{"event_type":"ping","data":{"success":true}}"#)
    var text = [UInt8](repeating: 0, count: MessageSigner.signatureTextCount)
    unsafe signature.withUnsafeBytes { signature in
      unsafe text.withUnsafeMutableBytes {
        unsafe MessageSigner.writeText(of: signature, into: $0)
      }
    }
    #expect(
      String(decoding: text, as: UTF8.self)
        == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=")
  }

  @Test func `message after message each is signed from the start`() {
    let key = Array("key".utf8)
    var signer = MessageSigner(key: key)
    for number in [0, 1, 9, 10, 1_731_705_121, Int64.max, -7, Int64.min] {
      let message = Array("msg_\(number).\(number).body \(number)".utf8)
      #expect(
        sign(&signer, id: "msg_\(number)", timestampSeconds: number, body: "body \(number)")
          == HMACSignature.bytes(of: message, key: key))
    }
  }

  /// > Source: RFC 4231, test cases 1, 2, 6 and 7.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0b, count: 20), "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      "This is a test using a larger than block-size key and a larger than block-size data. "
        + "The key needs to be hashed before being used by the HMAC algorithm.",
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ])
  func `keys and messages of the standard give its answers`(
    key: [UInt8], message: String, answer: String
  ) {
    #expect(Digest.hex(HMACSignature.bytes(of: Array(message.utf8), key: key)) == answer)
  }

  @Test func `an empty body and an empty key are signed too`() {
    var signer = MessageSigner(key: [])
    #expect(
      sign(&signer, id: "a", timestampSeconds: 1, body: "")
        == HMACSignature.bytes(of: Array("a.1.".utf8), key: [0]))
    #expect(
      Digest.hex(HMACSignature.bytes(of: [], key: []))
        == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
  }
}

// Goal: a cached key signs like a fresh one, whatever was evicted, and the cache keeps its bound.
// Method: far more endpoints than places, in several rounds, against the one-shot signature.
@Suite struct SignerCacheTests {
  private func sign(
    _ cache: inout SignerCache, endpoint: UInt32, keyVersion: UInt32, key: [UInt8], body: String
  ) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: 32)
    unsafe key.withUnsafeBytes { key in
      unsafe Array("id".utf8).withUnsafeBytes { id in
        unsafe Array(body.utf8).withUnsafeBytes { body in
          unsafe signature.withUnsafeMutableBytes {
            unsafe cache.sign(
              endpoint: endpoint, keyVersion: keyVersion, key: key, id: id, timestampSeconds: 5,
              body: body, into: $0)
          }
        }
      }
    }
    return signature
  }

  @Test func `evicted and kept keys sign alike`() {
    var cache = SignerCache(capacity: 16)
    for round in 0..<3 {
      for endpoint in 0..<100 as Range<UInt32> {
        let key = Array("key \(endpoint)".utf8)
        let signature = sign(
          &cache, endpoint: endpoint, keyVersion: 1, key: key, body: "\(round)")
        #expect(signature == HMACSignature.bytes(of: Array("id.5.\(round)".utf8), key: key))
      }
    }
    #expect(cache.count == 16)
  }

  @Test func `a kept key is found by number and version alone`() {
    var cache = SignerCache(capacity: 1)
    let first = sign(&cache, endpoint: 7, keyVersion: 1, key: [1], body: "x")
    #expect(sign(&cache, endpoint: 7, keyVersion: 1, key: [2], body: "x") == first)
    #expect(sign(&cache, endpoint: 7, keyVersion: 2, key: [2], body: "x") != first)
    #expect(sign(&cache, endpoint: 7, keyVersion: 1, key: [], body: "x") == first)
    #expect(cache.count == 2)
  }

  @Test func `the key used longest ago gives way`() {
    var cache = SignerCache(capacity: 8)
    for endpoint in 0..<8 as Range<UInt32> {
      _ = sign(&cache, endpoint: endpoint, keyVersion: 0, key: [UInt8(endpoint)], body: "x")
    }
    let kept = sign(&cache, endpoint: 0, keyVersion: 0, key: [99], body: "x")
    _ = sign(&cache, endpoint: 8, keyVersion: 0, key: [8], body: "x")
    #expect(sign(&cache, endpoint: 0, keyVersion: 0, key: [99], body: "x") == kept)
    let evicted = HMACSignature.bytes(of: Array("id.5.x".utf8), key: [99])
    #expect(sign(&cache, endpoint: 1, keyVersion: 0, key: [99], body: "x") == evicted)
  }
}
