package import Base

/// A token bucket: so many attempts a second, with bursts of a tenth of a second's worth.
///
/// The small burst keeps any one second within 110 % of the rate. Pure; owned by a lane.
package struct RateLimit: BitwiseCopyable, Equatable {
  /// Tokens a second; 0 is no limit.
  package private(set) var ratePerSecond: Double
  private var tokens: Double
  private var filledAt: Instant

  private var burst: Double { max(1, ratePerSecond / 10) }

  /// A full bucket.
  package init(ratePerSecond: Double, now: Instant) {
    self.ratePerSecond = ratePerSecond > 0 && ratePerSecond.isFinite ? ratePerSecond : 0
    tokens = 0
    filledAt = now
    tokens = burst
  }

  /// Changes the rate; tokens already earned stay, up to the new burst.
  package mutating func change(ratePerSecond: Double, now: Instant) {
    fill(now)
    let isNew = self.ratePerSecond == 0
    self.ratePerSecond = ratePerSecond > 0 && ratePerSecond.isFinite ? ratePerSecond : 0
    tokens = isNew ? burst : min(tokens, burst)
    filledAt = now
  }

  private mutating func fill(_ now: Instant) {
    guard filledAt < now else { return }
    tokens = min(burst, tokens + now.since(filledAt).seconds * ratePerSecond)
    filledAt = now
  }

  /// When the next attempt may start; `now` or earlier when it may at once.
  package mutating func nextAt(now: Instant) -> Instant {
    if ratePerSecond == 0 { return now }
    fill(now)
    // A hair under one token counts as one: sums of fractions never quite reach it.
    if tokens >= 1 - 1e-9 { return now }
    let seconds = min((1 - tokens) / ratePerSecond, 1e9)
    return now + Nanoseconds(UInt64(seconds * 1e9) + 1)
  }

  /// An attempt starts.
  package mutating func take() {
    if ratePerSecond > 0 { tokens = max(0, tokens - 1) }
  }
}
