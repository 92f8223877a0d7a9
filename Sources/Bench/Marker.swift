internal import Base
internal import Glibc

/// What an event of a benchmark carries in its data: which one it is, and when it was to be sent.
///
/// It is the first member of a JSON object, `"bench":"<number>-<time>"`, both as 16 hexadecimal
/// digits, so that it is patched in place and found without parsing the rest.
package struct Marker: Equatable, Sendable, BitwiseCopyable {
  /// The number of the event. Those of the warm-up have the highest bit set.
  package var number: UInt64
  /// Nanoseconds of the monotonic clock, which all processes of a machine share.
  package var time: UInt64

  package init(number: UInt64, time: UInt64) {
    self.number = number
    self.time = time
  }

  /// Set in the number of an event that is not measured.
  package static let warmUpBit: UInt64 = 1 << 63
  /// What stands before it.
  static let key: StaticString = "\"bench\":\""
  /// Its own bytes.
  static let byteCount = 33
  /// It is looked for this far into a body; what the broker puts before the data is shorter.
  private static let searchBytesMax = 512

  /// Writes it over `byteCount` bytes.
  @inline(__always)
  func write(to bytes: UnsafeMutableRawBufferPointer) {
    require(bytes.count >= Self.byteCount, "no room for a marker")
    unsafe Self.hexadecimal(number, bytes, 0)
    unsafe bytes[16] = UInt8(ascii: "-")
    unsafe Self.hexadecimal(time, bytes, 17)
  }

  @inline(__always)
  private static func hexadecimal(
    _ value: UInt64, _ bytes: UnsafeMutableRawBufferPointer, _ start: Int
  ) {
    var rest = value
    for index in stride(from: start + 15, through: start, by: -1) {
      let digit = UInt8(truncatingIfNeeded: rest & 15)
      unsafe bytes[index] = digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a")
      rest >>= 4
    }
  }

  /// Finds it near the start of a request's body.
  package init?(in body: UnsafeRawBufferPointer) {
    guard let start = unsafe Self.find(in: body), start + Self.byteCount <= body.count,
      unsafe body[start + 16] == UInt8(ascii: "-"),
      let number = unsafe Self.value(body, start), let time = unsafe Self.value(body, start + 17)
    else { return nil }
    self.init(number: number, time: time)
  }

  /// Where what follows the key begins.
  private static func find(in body: UnsafeRawBufferPointer) -> Int? {
    guard let base = body.baseAddress else { return nil }
    let end = min(body.count, searchBytesMax) - key.utf8CodeUnitCount
    var start = 0
    while start < end {
      guard let quote = unsafe memchr(base + start, 0x22, end - start) else { return nil }
      let place = UnsafeRawPointer(quote)
      if unsafe memcmp(place, key.utf8Start, key.utf8CodeUnitCount) == 0 {
        return unsafe place - base + key.utf8CodeUnitCount
      }
      start = unsafe place - base + 1
    }
    return nil
  }

  @inline(__always)
  private static func value(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in start..<start + 16 {
      let byte = unsafe bytes[index]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"):
        value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return value
  }
}
