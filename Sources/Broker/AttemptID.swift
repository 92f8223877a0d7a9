internal import Wire

/// Ids of attempts: `atmpt_` and a KSUID that holds the attempt's time and key.
package enum AttemptID {
  package static let prefix = "atmpt_"

  /// The id of the attempt with this key.
  package static func text(_ number: Int64, seconds: UInt64) -> String {
    prefix
      + KSUID(unixSeconds: seconds, high: 0, low: UInt64(bitPattern: number)).text
  }

  /// The key of the attempt with this id.
  /// - Returns: nil when the text is no such id.
  package static func number(_ text: String) -> Int64? {
    guard text.hasPrefix(prefix), let id = KSUID(String(text.dropFirst(prefix.count))) else {
      return nil
    }
    return Int64(bitPattern: id.low)
  }
}
