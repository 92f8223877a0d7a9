internal import Base
internal import FoundationEssentials
internal import Glibc
internal import Wire

/// Times as people read them, and as they write them on a command line.
enum Spans {
  /// Unix milliseconds, now.
  static func nowMilliseconds() -> UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }

  /// Two units at most: `850ms`, `12s`, `3m20s`, `2d4h`.
  static func text(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "-" }
    if seconds < 1 { return "\(Int(seconds * 1000))ms" }
    let whole = Int(min(seconds, 1e12))
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
    guard let first = units.firstIndex(where: { whole >= $0.1 }) else { return "0s" }
    let (name, size) = units[first]
    var text = "\(whole / size)\(name)"
    if first + 1 < units.count {
      let (nextName, nextSize) = units[first + 1]
      let rest = whole % size / nextSize
      if rest > 0 { text += "\(rest)\(nextName)" }
    }
    return text
  }

  /// How far a time of the API lies ahead: `in 4s`, or `now` when it is past.
  static func untilText(_ time: String) -> String {
    guard let at = RFC3339.parse(time) else { return time }
    let now = nowMilliseconds()
    return at.value <= now ? "now" : "in " + text(seconds: Double(at.value - now) / 1000)
  }

  /// `07:41:02.113` of a clock on the wall, local time.
  static func clockText(_ milliseconds: UInt64) -> String {
    var seconds = time_t(milliseconds / 1000)
    var parts = unsafe tm()
    unsafe localtime_r(&seconds, &parts)
    let fraction = padded(Int(milliseconds % 1000), 3)
    let (hour, minute, second) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
    return [hour, minute, second].map { padded(Int($0), 2) }.joined(separator: ":") + ".\(fraction)"
  }

  /// A duration of the command line in milliseconds.
  ///
  /// - Throws: a usage failure that names the flag and says what is allowed.
  static func duration(_ text: String, flag: String) throws(Failure) -> UInt64 {
    guard let value = Quantity.duration(text) else {
      throw Failure(.usage, "\(flag): '\(text)' is not a duration such as 500ms, 5s, 30m or 2h")
    }
    return value
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
