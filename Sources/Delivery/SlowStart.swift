/// How many attempts an endpoint that has just come back may have in flight: 1, then the double
/// after each round of successes, half after a failure, until the lane's own limit is reached.
///
/// Pure; owned by a lane.
package struct SlowStart: BitwiseCopyable, Equatable {
  /// The limit now; `UInt32.max` when nothing is held back.
  package private(set) var limit: UInt32 = .max
  private var successes: UInt32 = 0

  /// Nothing is held back.
  package init() {}

  /// Whether the endpoint is still being tried out.
  package var isActive: Bool { limit != .max }

  /// The endpoint has come back.
  package mutating func begin() {
    limit = 1
    successes = 0
  }

  /// An attempt ended.
  /// - Parameter ceiling: the lane's own limit; once reached, nothing is held back any more.
  package mutating func record(success: Bool, ceiling: UInt32) {
    guard isActive else { return }
    if !success {
      limit = max(1, limit / 2)
      successes = 0
      return
    }
    successes += 1
    if successes < limit { return }
    successes = 0
    limit = limit >= ceiling / 2 + ceiling % 2 ? .max : limit * 2
  }
}
