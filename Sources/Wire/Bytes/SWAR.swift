/// Eight bytes at a time in one 64-bit register.
///
/// Each test gives a word in which the top bit of a byte is set where the byte matches. A borrow
/// may set bits *above* the first match, never below it, so only the first one is to be trusted.
enum SWAR {
  static let ones: UInt64 = 0x0101_0101_0101_0101
  static let tops: UInt64 = 0x8080_8080_8080_8080
  static let eightSpaces: UInt64 = 0x2020_2020_2020_2020

  @inline(__always)
  static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & tops }

  @inline(__always)
  static func equal(_ word: UInt64, to byte: UInt8) -> UInt64 {
    zeros(word ^ (ones &* UInt64(byte)))
  }

  /// Bytes that end the plain run of a JSON string: `"`, `\`, controls, and anything not ASCII.
  @inline(__always)
  static func stringSpecials(_ word: UInt64) -> UInt64 {
    let quotes = word ^ (ones &* 0x22)
    let slashes = word ^ (ones &* 0x5C)
    let matches = ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes)
    let controls = (word &- (ones &* 0x20)) & ~word
    return (matches | controls | word) & tops
  }

  /// Bytes that end a header's name: `:`, blanks and controls, and anything not ASCII.
  @inline(__always)
  static func nameEnds(_ word: UInt64) -> UInt64 {
    let colons = word ^ (ones &* 0x3A)
    let blanks = (word &- (ones &* 0x21)) & ~word
    return (((colons &- ones) & ~colons) | blanks | word) & tops
  }

  /// Index of the first matching byte, 0–7.
  ///
  /// - Precondition: `found` is not 0.
  @inline(__always)
  static func firstIndex(_ found: UInt64) -> Int { found.trailingZeroBitCount >> 3 }
}
