import COpenSSL

/// Standard base64 (RFC 4648 §4) by libcrypto, for secrets and signatures.
enum Base64Text {
  /// Characters that `count` bytes take, padding included.
  static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

  /// The base64 text of `bytes`.
  static func encode(_ bytes: [UInt8]) -> String {
    let count = encodedCount(bytes.count)
    // One more: libcrypto ends its text with a NUL.
    return unsafe String(unsafeUninitializedCapacity: count + 1) { text in
      unsafe Int(EVP_EncodeBlock(text.baseAddress, bytes, Int32(bytes.count)))
    }
  }

  /// The bytes of a base64 text; padding may be missing, as in secrets copied by hand.
  ///
  /// - Returns: `nil` for any character outside the alphabet, white space included.
  static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var characters = Array(text.utf8)
    if characters.count % 4 == 0 {
      for _ in 0..<2 where characters.last == UInt8(ascii: "=") { characters.removeLast() }
    }
    guard characters.count % 4 != 1, characters.allSatisfy(isDigit) else { return nil }
    let count = characters.count * 3 / 4
    characters.append(contentsOf: repeatElement(UInt8(ascii: "="), count: -characters.count & 3))
    guard !characters.isEmpty else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: characters.count / 4 * 3) { bytes, filled in
      let decoded = unsafe EVP_DecodeBlock(
        bytes.baseAddress, characters, Int32(characters.count))
      guard decoded >= count else { stop("base64 decoding failed") }
      filled = count
    }
  }

  private static func isDigit(_ character: UInt8) -> Bool {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
      true
    default: false
    }
  }
}
