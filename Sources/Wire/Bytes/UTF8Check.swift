/// Tells UTF-8 from other bytes.
public enum UTF8Check {
  /// Whether the bytes are well-formed UTF-8: no overlong form, no surrogate, nothing cut off.
  ///
  /// - Complexity: O(n), sixteen bytes a step while they are ASCII; no allocation.
  public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    var index = 0
    while true {
      index = asciiEnd(view, from: index)
      if index == view.count { return true }
      // Text that is not ASCII here is likely not ASCII next: stay with the slow step.
      while index < view.count && view[index] >= 0x80 {
        let length = sequenceLength(view, at: index)
        if length == 0 { return false }
        index += length
      }
    }
  }

  /// Index of the first byte ≥ 0x80 at or after `start`, or the count.
  @inline(__always)
  private static func asciiEnd(_ view: ByteView, from start: Int) -> Int {
    var index = start
    while view.count - index >= 16 {
      if (view.word(at: index) | view.word(at: index + 8)) & SWAR.tops != 0 { break }
      index += 16
    }
    while index < view.count && view[index] < 0x80 { index += 1 }
    return index
  }

  /// Length of the sequence that a byte ≥ 0x80 begins, 2–4; 0 when it is malformed or cut off.
  ///
  /// > Source: Unicode 15, table 3-7 (well-formed UTF-8 byte sequences).
  @inline(__always)
  static func sequenceLength(_ view: ByteView, at index: Int) -> Int {
    let lead = view[index]
    let room = view.count - index
    if lead < 0xC2 || lead > 0xF4 { return 0 }
    if lead < 0xE0 {
      return room >= 2 && isContinuation(view[index + 1]) ? 2 : 0
    }
    if lead < 0xF0 {
      guard room >= 3, isContinuation(view[index + 2]) else { return 0 }
      return isSecondOfThree(lead, view[index + 1]) ? 3 : 0
    }
    guard room >= 4, isContinuation(view[index + 2]), isContinuation(view[index + 3]) else {
      return 0
    }
    return isSecondOfFour(lead, view[index + 1]) ? 4 : 0
  }

  @inline(__always)
  private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  @inline(__always)
  private static func isSecondOfThree(_ lead: UInt8, _ byte: UInt8) -> Bool {
    let lowest: UInt8 = lead == 0xE0 ? 0xA0 : 0x80
    let highest: UInt8 = lead == 0xED ? 0x9F : 0xBF
    return byte >= lowest && byte <= highest
  }

  @inline(__always)
  private static func isSecondOfFour(_ lead: UInt8, _ byte: UInt8) -> Bool {
    let lowest: UInt8 = lead == 0xF0 ? 0x90 : 0x80
    let highest: UInt8 = lead == 0xF4 ? 0x8F : 0xBF
    return byte >= lowest && byte <= highest
  }
}
