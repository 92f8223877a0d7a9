import COpenSSL

/// SHA-256 and hexadecimal text.
public enum Digest {
  /// Bytes in a SHA-256 digest.
  public static let sha256Count = 32

  /// The SHA-256 digest of `bytes`: 32 bytes.
  public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    unsafe bytes.withUnsafeBytes { unsafe sha256($0) }
  }

  /// The SHA-256 digest of `bytes`: 32 bytes.
  public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: sha256Count) { digest, count in
      var written: UInt32 = 0
      let done = unsafe EVP_Digest(
        bytes.baseAddress, bytes.count, digest.baseAddress, &written, EVP_sha256(), nil)
      guard done == 1 else { stop("SHA-256 failed") }
      count = Int(written)
    }
  }

  /// Two lower-case hexadecimal digits for each byte.
  public static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Compares secrets in a time that depends on their length only.
///
/// - Returns: `false` when the lengths differ.
public func constantTimeEquals(_ a: [UInt8], _ b: [UInt8]) -> Bool {
  unsafe a.withUnsafeBytes { a in
    unsafe b.withUnsafeBytes { b in unsafe constantTimeEquals(a, b) }
  }
}

/// Compares secrets in a time that depends on their length only.
///
/// - Returns: `false` when the lengths differ.
public func constantTimeEquals(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  guard a.count == b.count else { return false }
  guard let first = a.baseAddress, let second = b.baseAddress else { return true }
  return unsafe CRYPTO_memcmp(first, second, a.count) == 0
}
