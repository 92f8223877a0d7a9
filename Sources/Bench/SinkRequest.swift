internal import Base
internal import Glibc

/// The head of a request to the sink, as far as the sink cares: which endpoint, how long a body.
package struct SinkRequest: BitwiseCopyable {
  /// The number in the path `/e<number>`; -1 for any other path.
  package fileprivate(set) var endpoint: Int
  /// Bytes up to the body.
  package fileprivate(set) var headBytes: Int
  /// Bytes of the body.
  package fileprivate(set) var bodyBytes: Int

  /// How far a head is.
  package enum Progress {
    case incomplete
    case whole(SinkRequest)
    /// Not HTTP/1.1 with a content length.
    case invalid
  }

  /// Longest head.
  private static let headBytesMax = 16_384

  /// Reads a head from the front of `bytes`.
  package static func read(_ bytes: UnsafeRawBufferPointer) -> Progress {
    guard let base = bytes.baseAddress else { return .incomplete }
    var request = SinkRequest(endpoint: -1, headBytes: 0, bodyBytes: 0)
    var start = 0
    while start < bytes.count {
      guard let found = unsafe memchr(base + start, 0x0A, bytes.count - start) else { break }
      let end = unsafe UnsafeRawPointer(found) - base
      let line = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      if line.count <= 1 {
        request.headBytes = end + 1
        return start == 0 ? .invalid : .whole(request)
      }
      if start == 0 {
        request.endpoint = unsafe endpoint(in: line)
      } else if unsafe line[0] | 0x20 == UInt8(ascii: "c"),
        let length = unsafe contentLength(in: line)
      {
        request.bodyBytes = length
      }
      start = end + 1
    }
    return bytes.count > headBytesMax ? .invalid : .incomplete
  }

  /// `POST /e12 HTTP/1.1`.
  private static func endpoint(in line: UnsafeRawBufferPointer) -> Int {
    let prefix: StaticString = "POST /e"
    guard line.count > prefix.utf8CodeUnitCount,
      let base = line.baseAddress,
      unsafe memcmp(base, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
    else { return -1 }
    return unsafe number(line, from: prefix.utf8CodeUnitCount) ?? -1
  }

  private static func contentLength(in line: UnsafeRawBufferPointer) -> Int? {
    let name: StaticString = "content-length:"
    guard line.count > name.utf8CodeUnitCount else { return nil }
    for index in 0..<name.utf8CodeUnitCount {
      // ASCII letters differ in this bit; '-' and ':' have it set.
      guard unsafe line[index] | 0x20 == name.utf8Start[index] else { return nil }
    }
    var start = name.utf8CodeUnitCount
    while start < line.count, unsafe line[start] == 0x20 { start += 1 }
    return unsafe number(line, from: start)
  }

  /// Decimal digits up to the first other byte.
  private static func number(_ line: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var value = 0
    var index = start
    while index < line.count, index < start + 9 {
      let digit = unsafe line[index] &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      value = value * 10 + Int(digit)
      index += 1
    }
    return index > start ? value : nil
  }
}
