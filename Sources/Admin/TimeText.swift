package import Base
internal import Wire

/// Times in requests.
package enum TimeText {
  /// Reads RFC 3339; `nil` is no time.
  ///
  /// - Parameter part: where the field stands: `body` or `query`.
  /// - Throws: ``AdminError``, 422 with the place.
  package static func read(
    _ text: String?, field: String, in part: String
  ) throws(AdminError) -> UnixMilliseconds? {
    guard let text else { return nil }
    guard let time = RFC3339.parseBound(text) else {
      throw .invalid(
        field, "'\(text)' is no time such as 2026-11-21T07:10:00Z (RFC 3339)", in: part)
    }
    return time
  }
}
