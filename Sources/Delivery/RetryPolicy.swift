package import Base
package import Wire

/// When a failed delivery is tried again. Pure.
package enum RetryPolicy {
  /// What becomes of a delivery after a failed attempt.
  package enum Decision: Equatable {
    /// Again after so many milliseconds.
    case retry(afterMilliseconds: UInt64)
    /// The schedule is used up.
    case dead
  }

  /// The longest wait that a receiver may ask for.
  package static let retryAfterMillisecondsMax: UInt64 = 86_400_000

  /// - Parameters:
  ///   - delaysMilliseconds: the endpoint's schedule.
  ///   - attempt: attempts made, the failed one included, from 1.
  ///   - status: the answer's status; `Retry-After` counts on 429 and 503 only.
  ///   - unixSeconds: civil time, for a `Retry-After` date.
  package static func decide(
    delaysMilliseconds: [UInt64], attempt: UInt16, status: Int, retryAfter: RetryAfter,
    unixSeconds: UInt64, random: inout SeededRandom
  ) -> Decision {
    guard attempt >= 1, Int(attempt) <= delaysMilliseconds.count else { return .dead }
    let scheduled = jittered(delaysMilliseconds[Int(attempt) - 1], random: &random)
    guard status == 429 || status == 503 else { return .retry(afterMilliseconds: scheduled) }
    let asked = milliseconds(of: retryAfter, unixSeconds: unixSeconds)
    return .retry(afterMilliseconds: max(scheduled, asked))
  }

  private static func milliseconds(of retryAfter: RetryAfter, unixSeconds: UInt64) -> UInt64 {
    let seconds: UInt64 =
      switch retryAfter {
      case .none: 0
      case .seconds(let value): value
      case .date(let value): value > unixSeconds ? value - unixSeconds : 0
      }
    return seconds > retryAfterMillisecondsMax / 1000
      ? retryAfterMillisecondsMax : seconds * 1000
  }

  /// `milliseconds` ±20 %, evenly spread.
  package static func jittered(_ milliseconds: UInt64, random: inout SeededRandom) -> UInt64 {
    let fifth = milliseconds / 5
    return milliseconds - fifth + random.below(2 * fifth + 1)
  }
}
