internal import Base

/// Bytes lent from a connection's input, a request or a block; valid until their frame is consumed.
///
/// `@safe`: made only from buffers that outlive the command under way, and never kept beyond it.
@safe
struct FrameBytes: BitwiseCopyable {
  let raw: UnsafeRawBufferPointer

  @inline(__always)
  init(_ raw: UnsafeRawBufferPointer) { unsafe self.raw = raw }

  static var none: FrameBytes {
    unsafe FrameBytes(UnsafeRawBufferPointer(start: nil, count: 0))
  }

  var count: Int { unsafe raw.count }
  var isEmpty: Bool { unsafe raw.count == 0 }

  @inline(__always)
  subscript(index: Int) -> UInt8 {
    require(index >= 0 && index < count, "a byte past the end of an argument was read")
    return unsafe raw[index]
  }

  /// Whether it is this word, letters compared without case.
  /// - Precondition: `word` is lower-case ASCII.
  @inline(__always)
  func isWord(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      let byte = unsafe raw[index]
      let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
      if unsafe lower != word.utf8Start[index] { return false }
    }
    return true
  }

  /// A decimal number without sign; `nil` for anything else or past 64 bits.
  var number: UInt64? {
    guard count > 0, count <= 20 else { return nil }
    var value: UInt64 = 0
    for index in 0..<count {
      let digit = self[index] &- 0x30
      guard digit < 10 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }

  /// As text; for cold paths.
  var text: String { unsafe String(decoding: raw, as: UTF8.self) }
}
