public import Base

/// Dates in HTTP headers.
///
/// > Source: RFC 9110 §5.6.7, all three forms.
public enum HTTPDate {
  /// Reads a date, `Sun, 06 Nov 1994 08:49:37 GMT` or one of the two old forms.
  ///
  /// - Returns: Unix seconds, 0 for dates before 1970; nil when it is no date.
  public static func parse(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
    unsafe parse(ByteView(bytes))
  }

  /// Writes a date as HTTP wants it: `Sun, 06 Nov 1994 08:49:37 GMT`.
  public static func text(_ time: UnixMilliseconds) -> String {
    let date = CivilDate(unixSeconds: time.seconds)
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
    // The epoch was a Thursday.
    let day = days[date.unixSeconds / 86_400 % 7]
    return "\(day), \(two(date.day)) \(months[date.month - 1]) \(date.year) "
      + "\(two(date.hour)):\(two(date.minute)):\(two(date.second)) GMT"
  }

  /// Reads a date out of a string; for cold paths.
  public static func parse(_ text: String) -> UInt64? {
    TextReader.read(text) { parse($0.bytes) }
  }

  static func parse(_ bytes: ByteView) -> UInt64? {
    var reader = TextReader(bytes)
    // The day's name is not checked against the date: receivers should be lenient here.
    if reader.letters().count < 3 { return nil }
    let date: CivilDate?
    if reader.skip(ASCII.comma) {
      guard reader.skip(ASCII.space) else { return nil }
      date = dayFirst(&reader)
    } else {
      guard reader.skip(ASCII.space) else { return nil }
      date = monthFirst(&reader)
    }
    guard let date, date.isValid, reader.isAtEnd else { return nil }
    return UInt64(max(date.unixSeconds, 0))
  }

  /// `06 Nov 1994 08:49:37 GMT`, or `06-Nov-94 08:49:37 GMT`.
  private static func dayFirst(_ reader: inout TextReader) -> CivilDate? {
    guard let day = reader.digits(2) else { return nil }
    let isOld = reader.next == UInt8(ascii: "-")
    let separator = isOld ? UInt8(ascii: "-") : ASCII.space
    guard reader.skip(separator), let month = month(&reader), reader.skip(separator),
      let digits = reader.digits(isOld ? 2 : 4), reader.skip(ASCII.space),
      let clock = clock(&reader), reader.skip(" gmt")
    else { return nil }
    // Two digits: the nearest century that makes sense for a date about now.
    let year = isOld ? (digits < 70 ? 2000 + digits : 1900 + digits) : digits
    return CivilDate(
      year: year, month: month, day: day, hour: clock.0, minute: clock.1, second: clock.2)
  }

  /// `Nov  6 08:49:37 1994`.
  private static func monthFirst(_ reader: inout TextReader) -> CivilDate? {
    guard let month = month(&reader), reader.skip(ASCII.space) else { return nil }
    let hasOneDigit = reader.skip(ASCII.space)
    guard let day = reader.digits(hasOneDigit ? 1 : 2), reader.skip(ASCII.space),
      let clock = clock(&reader), reader.skip(ASCII.space), let year = reader.digits(4)
    else { return nil }
    return CivilDate(
      year: year, month: month, day: day, hour: clock.0, minute: clock.1, second: clock.2)
  }

  private static func clock(_ reader: inout TextReader) -> (Int, Int, Int)? {
    guard let hour = reader.digits(2), reader.skip(ASCII.colon), let minute = reader.digits(2),
      reader.skip(ASCII.colon), let second = reader.digits(2)
    else { return nil }
    return (hour, minute, second)
  }

  private static func month(_ reader: inout TextReader) -> Int? {
    let names: StaticString = "janfebmaraprmayjunjulaugsepoctnovdec"
    let name = reader.letters()
    guard name.count == 3 else { return nil }
    for month in 0..<12 {
      var isEqual = true
      for index in 0..<3 {
        let expected = unsafe names.utf8Start[month * 3 + index]
        if ASCII.lowercased(name[index]) != expected { isEqual = false }
      }
      if isEqual { return month + 1 }
    }
    return nil
  }
}
