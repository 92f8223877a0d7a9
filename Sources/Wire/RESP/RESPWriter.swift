public import Base

/// The version of the Redis protocol that a client asked for with `HELLO`.
public enum RESPVersion: UInt8, Sendable, BitwiseCopyable {
  /// What every client speaks: no maps, no null of its own.
  case two = 2
  /// Maps, pushes, one null.
  case three = 3
}

/// Lays down answers in the Redis protocol at the end of a buffer.
///
/// Where RESP2 has no such type, it writes what Redis writes to a RESP2 client: a map as an array
/// of twice the length, a push as an array, null as a null bulk string.
///
/// > Source: redis.io/docs/reference/protocol-spec.
public struct RESPWriter: Sendable, BitwiseCopyable {
  /// The version that this client is answered in.
  public var version: RESPVersion

  /// Answers in RESP2 until the client says otherwise.
  public init(version: RESPVersion = .two) { self.version = version }

  /// `+text`: a fixed text such as `OK`.
  @inlinable
  public func simpleString(_ text: StaticString, into buffer: inout ByteBuffer) {
    buffer.append("+")
    buffer.append(text)
    buffer.append("\r\n")
  }

  /// `-text`, the first word of `text` being the code.
  public func error(_ text: StaticString, into buffer: inout ByteBuffer) {
    buffer.append("-")
    buffer.append(text)
    buffer.append("\r\n")
  }

  /// `-CODE detail`, where the detail may be anybody's bytes: control characters become spaces,
  /// and no more than 512 bytes are kept.
  public func error(
    _ code: StaticString, detail: UnsafeRawBufferPointer, into buffer: inout ByteBuffer
  ) {
    buffer.append("-")
    buffer.append(code)
    buffer.append(ASCII.space)
    let view = unsafe ByteView(detail)
    for index in 0..<min(view.count, 512) {
      let byte = view[index]
      buffer.append(byte < ASCII.space || byte == 0x7F ? ASCII.space : byte)
    }
    buffer.append("\r\n")
  }

  /// `-CODE detail`, for texts made on cold paths; the same cleaning.
  public func error(_ code: StaticString, _ detail: String, into buffer: inout ByteBuffer) {
    var detail = detail
    detail.withUTF8 { utf8 in
      unsafe error(code, detail: UnsafeRawBufferPointer(utf8), into: &buffer)
    }
  }

  /// `:value`.
  @inlinable
  public func integer(_ value: Int64, into buffer: inout ByteBuffer) {
    buffer.append(":")
    if value < 0 { buffer.append("-") }
    buffer.append(decimal: value.magnitude)
    buffer.append("\r\n")
  }

  /// `$length`, then the bytes.
  @inlinable
  public func bulk(_ bytes: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
    header(UInt8(ascii: "$"), bytes.count, into: &buffer)
    unsafe buffer.append(contentsOf: bytes)
    buffer.append("\r\n")
  }

  /// A bulk string of literal text.
  @inlinable
  public func bulk(_ text: StaticString, into buffer: inout ByteBuffer) {
    header(UInt8(ascii: "$"), text.utf8CodeUnitCount, into: &buffer)
    buffer.append(text)
    buffer.append("\r\n")
  }

  /// A bulk string of a text made on a cold path.
  public func bulk(text: String, into buffer: inout ByteBuffer) {
    header(UInt8(ascii: "$"), text.utf8.count, into: &buffer)
    buffer.append(text: text)
    buffer.append("\r\n")
  }

  /// Nothing: `_`, or a null bulk string in RESP2.
  public func null(into buffer: inout ByteBuffer) {
    buffer.append(version == .three ? "_\r\n" : "$-1\r\n")
  }

  /// A null array, which RESP2 clients get for an `EXEC` or a blocking read that gave nothing.
  public func nullArray(into buffer: inout ByteBuffer) {
    buffer.append(version == .three ? "_\r\n" : "*-1\r\n")
  }

  /// The head of an array; `count` answers are to follow.
  @inlinable
  public func array(_ count: Int, into buffer: inout ByteBuffer) {
    header(UInt8(ascii: "*"), count, into: &buffer)
  }

  /// The head of a map; `count` pairs are to follow.
  public func map(_ count: Int, into buffer: inout ByteBuffer) {
    if version == .three {
      header(UInt8(ascii: "%"), count, into: &buffer)
    } else {
      header(UInt8(ascii: "*"), count * 2, into: &buffer)
    }
  }

  /// The head of a message that answers no command; `count` elements are to follow.
  public func push(_ count: Int, into buffer: inout ByteBuffer) {
    header(version == .three ? UInt8(ascii: ">") : UInt8(ascii: "*"), count, into: &buffer)
  }

  @inlinable
  func header(_ type: UInt8, _ count: Int, into buffer: inout ByteBuffer) {
    buffer.append(type)
    buffer.append(decimal: UInt64(count))
    buffer.append("\r\n")
  }
}
