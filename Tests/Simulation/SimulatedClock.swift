public import Base
public import Platform

/// Virtual time: both clocks move together, and only when the world says so.
///
/// > Runs on: the world's one thread, like everything here; that is what `@unchecked Sendable` rests
/// > on throughout this module.
public final class SimulatedClock: Clock, @unchecked Sendable {
  /// The monotonic clock.
  public private(set) var instant: Instant
  private let start: Instant
  private let startUnix: UnixMilliseconds

  /// Starts in the year 2026, an hour after the machine's boot.
  public init(startUnix: UnixMilliseconds = UnixMilliseconds(1_793_000_000_000)) {
    start = Instant(nanoseconds: 3_600_000_000_000)
    instant = start
    self.startUnix = startUnix
  }

  public func now() -> Now {
    Now(
      instant: instant,
      unix: UnixMilliseconds(startUnix.value + instant.since(start).milliseconds))
  }

  /// Moves time; never back.
  public func advance(to time: Instant) { instant = max(instant, time) }
}
