internal import Base
internal import TLS

extension MicroCase {
  /// The signature of a delivery by the signer that is kept for its endpoint, 64 endpoints in turn.
  static func hmac() -> MicroCase {
    let signers = SignerBox()
    let keys = (0..<64).map { key in (0..<24).map { UInt8(key * 3 + $0) } }
    let (id, body) = (Sample.id, Sample.data)
    return MicroCase(name: "hmac", event: "512 B signed and written as text") { events in
      var sum: UInt64 = 0
      var text: [64 of UInt8] = .init(repeating: 0)
      for event in 0..<events {
        unsafe withUnsafeMutableBytes(of: &text) { text in
          unsafe keys[event & 63].withUnsafeBytes { key in
            unsafe id.withUnsafeBytes { id in
              unsafe body.withUnsafeBytes { body in
                unsafe signers.sign(UInt32(event & 63), key, id, body, into: text)
              }
            }
          }
        }
        sum &+= UInt64(text[10])
      }
      return sum
    }
  }
}

/// A closure keeps no noncopyable value; an object does.
private final class SignerBox {
  private var cache = SignerCache(capacity: 1024)

  func sign(
    _ endpoint: UInt32, _ key: UnsafeRawBufferPointer, _ id: UnsafeRawBufferPointer,
    _ body: UnsafeRawBufferPointer, into text: UnsafeMutableRawBufferPointer
  ) {
    var digest: [32 of UInt8] = .init(repeating: 0)
    unsafe withUnsafeMutableBytes(of: &digest) { digest in
      unsafe cache.sign(
        endpoint: endpoint, keyVersion: 1, key: key, id: id, timestampSeconds: 1_732_190_400,
        body: body, into: digest)
      unsafe MessageSigner.writeText(of: UnsafeRawBufferPointer(digest), into: text)
    }
  }
}
