/// Reads a short text from left to right; for dates, quantities and the like.
struct TextReader {
  let bytes: ByteView
  var position = 0

  init(_ bytes: ByteView) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  /// The byte at the front; nil at the end.
  var next: UInt8? { isAtEnd ? nil : bytes[position] }

  /// Passes over `byte` if it is at the front.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  /// Passes over `text` if it is at the front, letters compared without case.
  ///
  /// - Precondition: `text` is in lower case and holds ASCII only.
  mutating func skip(_ text: StaticString) -> Bool {
    let end = position + text.utf8CodeUnitCount
    guard end <= bytes.count, bytes.slice(position, end).equalsIgnoringCase(text) else {
      return false
    }
    position = end
    return true
  }

  /// Exactly `count` digits as a number.
  mutating func digits(_ count: Int) -> Int? {
    guard bytes.count - position >= count else { return nil }
    var value = 0
    for index in position..<position + count {
      guard ASCII.isDigit(bytes[index]) else { return nil }
      value = value * 10 + Int(bytes[index] &- 0x30)
    }
    position += count
    return value
  }

  /// One digit or more as a number; nil without any, or past 64 bits.
  mutating func number() -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while let byte = next, ASCII.isDigit(byte) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(byte &- 0x30))
      if overflow || carry { return nil }
      value = sum
      position += 1
    }
    return position > start ? value : nil
  }

  /// The letters at the front, as they are.
  mutating func letters() -> ByteView {
    let start = position
    while let byte = next, ASCII.isLetter(byte) { position += 1 }
    return bytes.slice(start, position)
  }

  /// Gives a string's bytes to `read`; for cold paths.
  static func read<R>(_ text: String, _ read: (inout TextReader) -> R) -> R {
    var text = text
    return text.withUTF8 { utf8 in
      var reader = unsafe TextReader(ByteView(UnsafeRawBufferPointer(utf8)))
      return read(&reader)
    }
  }
}
