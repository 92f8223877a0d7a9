internal import Base
internal import Wire

/// Times of the command line: RFC 3339, or how long ago.
enum TimeOption {
  /// The time as the API wants it; `nil` when none was given.
  ///
  /// - Throws: exit 64 that names the flag and says what is allowed.
  static func text(_ text: String?, flag: String) throws(Failure) -> String? {
    guard let text else { return nil }
    if let time = RFC3339.parse(text) { return RFC3339.text(time) }
    guard let ago = Quantity.duration(text) else {
      throw Failure(
        .usage,
        "\(flag): '\(Console.clean(text))' is no time: write 2026-11-21T07:10:00Z, or how long ago,"
          + " such as 2h")
    }
    let now = Spans.nowMilliseconds()
    return RFC3339.text(UnixMilliseconds(now - min(ago, now)))
  }
}

/// A query of a URL, put together.
struct QueryText {
  private(set) var text = ""

  /// Adds a parameter, if there is a value.
  mutating func add(_ name: String, _ value: String?) {
    guard let value else { return }
    text += "\(text.isEmpty ? "?" : "&")\(name)=\(PathText.encoded(value))"
  }
}
