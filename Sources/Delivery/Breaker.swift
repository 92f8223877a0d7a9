package import Base

/// Keeps a failing endpoint from being tried again and again.
///
/// Closed until 5 failures in a row or 10 of the last 20; then open: nothing is sent but one probe
/// after 5 s · 2ᵏ (5 min at most, ±20 %). A probe that succeeds lets the next one go at once; the
/// third success closes it. A pure state machine: time and randomness come in, verdicts go out.
package struct Breaker: BitwiseCopyable, Equatable {
  package enum Phase: UInt8, BitwiseCopyable { case closed, open, halfOpen }

  /// What a result did to the breaker.
  package enum Change: BitwiseCopyable, Equatable { case none, opened, closed }

  /// Whether an attempt may start.
  package enum Permission: BitwiseCopyable, Equatable {
    case normal
    /// As a probe: call `beginProbe` when it starts.
    case probe
    /// Not before; `.distantFuture` while a probe is under way.
    case wait(Instant)
  }

  package static let failuresInARowMax: UInt8 = 5
  package static let windowLength: UInt8 = 20
  package static let windowFailuresMax = 10
  package static let successesToClose: UInt8 = 3
  package static let probeDelayMilliseconds: UInt64 = 5_000
  package static let probeDelayMillisecondsMax: UInt64 = 300_000

  package private(set) var phase = Phase.closed
  package private(set) var probeAt = Instant(nanoseconds: 0)
  package private(set) var probeIsUnderWay = false
  private var failuresInARow: UInt8 = 0
  private var successes: UInt8 = 0
  private var exponent: UInt8 = 0
  /// One bit for each of the last results, 1 for a failure.
  private var window: UInt32 = 0
  private var windowCount: UInt8 = 0

  /// Closed, with nothing counted.
  package init() {}

  /// Whether an attempt may start now.
  package func permission(now: Instant) -> Permission {
    switch phase {
    case .closed: .normal
    case .open: now < probeAt ? .wait(probeAt) : .probe
    case .halfOpen: probeIsUnderWay ? .wait(.distantFuture) : .probe
    }
  }

  /// An attempt starts as the probe.
  package mutating func beginProbe() {
    phase = .halfOpen
    probeIsUnderWay = true
  }

  /// The probe ended without saying anything of the endpoint: the next may go at once.
  package mutating func abandonProbe() { probeIsUnderWay = false }

  /// Takes the result of an attempt.
  /// - Parameter wasProbe: whether it went out as the probe. Others that end while the breaker is
  ///   not closed were sent before it opened and say nothing new.
  package mutating func record(
    success: Bool, wasProbe: Bool, now: Instant, random: inout SeededRandom
  ) -> Change {
    if phase == .closed { return recordClosed(success, now, &random) }
    guard wasProbe else { return .none }
    probeIsUnderWay = false
    if !success {
      open(now, &random)
      return .opened
    }
    phase = .halfOpen
    successes += 1
    if successes < Self.successesToClose { return .none }
    reset()
    return .closed
  }

  private mutating func recordClosed(
    _ success: Bool, _ now: Instant, _ random: inout SeededRandom
  ) -> Change {
    window = (window << 1 | (success ? 0 : 1)) & (1 << UInt32(Self.windowLength) - 1)
    windowCount = min(windowCount + 1, Self.windowLength)
    failuresInARow = success ? 0 : failuresInARow + 1
    let tooMany =
      windowCount == Self.windowLength && window.nonzeroBitCount >= Self.windowFailuresMax
    guard !success, failuresInARow >= Self.failuresInARowMax || tooMany else { return .none }
    exponent = 0
    open(now, &random)
    return .opened
  }

  private mutating func open(_ now: Instant, _ random: inout SeededRandom) {
    let delay = min(
      Self.probeDelayMilliseconds << UInt64(exponent), Self.probeDelayMillisecondsMax)
    if exponent < 10 { exponent += 1 }
    phase = .open
    successes = 0
    probeAt = now + .milliseconds(RetryPolicy.jittered(delay, random: &random))
  }

  /// Forgets everything: the endpoint was resumed, enabled, or has a new URL.
  package mutating func reset() { self = Breaker() }
}
