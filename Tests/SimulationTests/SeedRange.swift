internal import Foundation

/// Which seeds a test plays: few by default, as many as a campaign asks for by the environment.
enum SeedRange {
  /// - Parameter name: a variable that holds `first-last`.
  static func of(_ name: String, _ usual: ClosedRange<UInt64>) -> ClosedRange<UInt64> {
    let parts = (ProcessInfo.processInfo.environment[name] ?? "").split(separator: "-")
    guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]),
      first <= last
    else { return usual }
    return first...last
  }
}
