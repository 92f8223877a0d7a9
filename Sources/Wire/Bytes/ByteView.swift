/// Bytes that the caller keeps alive for the length of one call, read with every index checked.
///
/// Safe because each access is compared with `count` first, and because a view is internal to this
/// module and never outlives the call that received the pointer.
@safe
struct ByteView {
  private let base: UnsafeRawPointer?
  let count: Int

  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe base = bytes.baseAddress
    count = bytes.count
  }

  @inline(__always)
  private init(base: UnsafeRawPointer?, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  @inline(__always)
  subscript(index: Int) -> UInt8 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe base.unsafelyUnwrapped.load(fromByteOffset: index, as: UInt8.self)
  }

  /// Eight bytes from `index`, the first one in the lowest bits.
  @inline(__always)
  func word(at index: Int) -> UInt64 {
    precondition(index >= 0 && count - index >= 8)
    let raw = unsafe base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: index, as: UInt64.self)
    return UInt64(littleEndian: raw)
  }

  /// Four bytes from `index`, the first one in the lowest bits.
  @inline(__always)
  func halfWord(at index: Int) -> UInt32 {
    precondition(index >= 0 && count - index >= 4)
    let raw = unsafe base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: index, as: UInt32.self)
    return UInt32(littleEndian: raw)
  }

  /// The part from `start` up to, not including, `end`.
  @inline(__always)
  func slice(_ start: Int, _ end: Int) -> ByteView {
    precondition(start >= 0 && start <= end && end <= count)
    return unsafe ByteView(base: base.map { unsafe $0 + start }, count: end - start)
  }

  /// The same bytes as the pointer pair that buffers append from.
  @inline(__always)
  var raw: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

  /// Index of the first `byte` at or after `start`; nil when there is none.
  @inline(__always)
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    var index = start
    while count - index >= 8 {
      let found = SWAR.equal(word(at: index), to: byte)
      if found != 0 { return index + SWAR.firstIndex(found) }
      index += 8
    }
    while index < count {
      if self[index] == byte { return index }
      index += 1
    }
    return nil
  }

  /// Whether these bytes are `text`, ASCII letters compared without case.
  ///
  /// - Precondition: `text` is in lower case and holds ASCII only.
  @inline(__always)
  func equalsIgnoringCase(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      let expected = unsafe text.utf8Start[index]
      if ASCII.lowercased(self[index]) != expected { return false }
    }
    return true
  }

  /// Without the spaces and tabs at both ends.
  @inline(__always)
  func trimmed() -> ByteView {
    var start = 0
    var end = count
    while start < end && ASCII.isBlank(self[start]) { start += 1 }
    while end > start && ASCII.isBlank(self[end - 1]) { end -= 1 }
    return slice(start, end)
  }
}

/// Byte classes of ASCII text.
enum ASCII {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0A
  static let carriageReturn: UInt8 = 0x0D
  static let space: UInt8 = 0x20
  static let quote: UInt8 = 0x22
  static let apostrophe: UInt8 = 0x27
  static let comma: UInt8 = 0x2C
  static let dot: UInt8 = 0x2E
  static let colon: UInt8 = 0x3A
  static let backslash: UInt8 = 0x5C

  @inline(__always)
  static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  @inline(__always)
  static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  @inline(__always)
  static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

  @inline(__always)
  static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) }

  @inline(__always)
  static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  /// Value of a hexadecimal digit; nil for any other byte.
  @inline(__always)
  static func hexValue(_ byte: UInt8) -> UInt8? {
    if isDigit(byte) { return byte &- 0x30 }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }

  // One bit a code, for 0–63 and 64–127: letters, digits and !#$%&'*+-.^_`|~ .
  private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
  private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE

  /// Whether a header name may hold the byte.
  ///
  /// > Source: RFC 9110 §5.6.2, `tchar`.
  @inline(__always)
  static func isToken(_ byte: UInt8) -> Bool {
    let bits = byte < 64 ? tokenLow : tokenHigh
    return byte < 128 && (bits >> UInt64(byte & 63)) & 1 == 1
  }
}
