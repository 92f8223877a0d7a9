public import Base

/// Times as texts: `2026-11-21T07:10:00.000Z`.
///
/// > Source: RFC 3339.
public enum RFC3339 {
  /// Bytes of a time as ``append(_:to:)`` writes it.
  public static let byteCount = 24

  /// Appends a time in UTC with milliseconds, 24 bytes; the year is 9999 at most.
  ///
  /// - Complexity: O(1); allocates only if the buffer must grow.
  public static func append(_ time: UnixMilliseconds, to buffer: inout ByteBuffer) {
    let date = CivilDate(unixSeconds: time.seconds)
    buffer.reserve(byteCount)
    appendDigits(date.year, 4, to: &buffer)
    buffer.append(UInt8(ascii: "-"))
    appendDigits(date.month, 2, to: &buffer)
    buffer.append(UInt8(ascii: "-"))
    appendDigits(date.day, 2, to: &buffer)
    buffer.append(UInt8(ascii: "T"))
    appendDigits(date.hour, 2, to: &buffer)
    buffer.append(ASCII.colon)
    appendDigits(date.minute, 2, to: &buffer)
    buffer.append(ASCII.colon)
    appendDigits(date.second, 2, to: &buffer)
    buffer.append(ASCII.dot)
    appendDigits(Int(time.value % 1000), 3, to: &buffer)
    buffer.append(UInt8(ascii: "Z"))
  }

  /// The same as a string; for cold paths.
  public static func text(_ time: UnixMilliseconds) -> String {
    var buffer = ByteBuffer(capacity: byteCount)
    append(time, to: &buffer)
    return String(decoding: buffer.array, as: UTF8.self)
  }

  /// Reads a time with any offset and any number of fractional digits.
  ///
  /// - Returns: Nil for anything else, and for times before 1970.
  public static func parse(_ bytes: UnsafeRawBufferPointer) -> UnixMilliseconds? {
    var reader = unsafe TextReader(ByteView(bytes))
    return parse(&reader)
  }

  /// Reads a time out of a string; for cold paths.
  public static func parse(_ text: String) -> UnixMilliseconds? {
    TextReader.read(text) { parse(&$0) }
  }

  /// The same where a time only bounds others: one before 1970 is 1970.
  public static func parseBound(_ text: String) -> UnixMilliseconds? {
    TextReader.read(text) { parse(&$0, clamps: true) }
  }

  private static func appendDigits(_ value: Int, _ count: Int, to buffer: inout ByteBuffer) {
    var divisor = 1
    for _ in 1..<count { divisor *= 10 }
    var rest = value
    for _ in 0..<count {
      buffer.append(UInt8(truncatingIfNeeded: rest / divisor) &+ 0x30)
      rest %= divisor
      divisor /= 10
    }
  }

  private static func parse(
    _ reader: inout TextReader, clamps: Bool = false
  ) -> UnixMilliseconds? {
    guard let year = reader.digits(4), reader.skip(UInt8(ascii: "-")),
      let month = reader.digits(2), reader.skip(UInt8(ascii: "-")), let day = reader.digits(2),
      reader.skip("t") || reader.skip(ASCII.space),
      let hour = reader.digits(2), reader.skip(ASCII.colon),
      let minute = reader.digits(2), reader.skip(ASCII.colon), let second = reader.digits(2),
      let fraction = milliseconds(&reader), let offset = offsetSeconds(&reader), reader.isAtEnd
    else { return nil }
    let date = CivilDate(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    guard date.isValid else { return nil }
    let seconds = date.unixSeconds - offset
    if seconds < 0 { return clamps ? UnixMilliseconds(0) : nil }
    return UnixMilliseconds(UInt64(seconds) * 1000 + fraction)
  }

  /// `.123…`, cut to milliseconds; 0 when there is no fraction.
  private static func milliseconds(_ reader: inout TextReader) -> UInt64? {
    guard reader.skip(ASCII.dot) else { return 0 }
    var value: UInt64 = 0
    var count = 0
    while let byte = reader.next, ASCII.isDigit(byte) {
      if count < 3 { value = value * 10 + UInt64(byte &- 0x30) }
      count += 1
      reader.position += 1
    }
    if count == 0 { return nil }
    while count < 3 {
      value *= 10
      count += 1
    }
    return value
  }

  /// `Z`, or `±hh:mm` as seconds east of UTC.
  private static func offsetSeconds(_ reader: inout TextReader) -> Int? {
    if reader.skip("z") { return 0 }
    let isWest = reader.next == UInt8(ascii: "-")
    guard reader.skip(UInt8(ascii: "+")) || reader.skip(UInt8(ascii: "-")),
      let hours = reader.digits(2), reader.skip(ASCII.colon), let minutes = reader.digits(2),
      hours <= 23, minutes <= 59
    else { return nil }
    let seconds = hours * 3600 + minutes * 60
    return isWest ? -seconds : seconds
  }
}
