public import Base
internal import CLinux

/// Reads both clocks: the machine's, or a simulated world's.
public protocol Clock: AnyObject, Sendable {
  /// Both clocks now; called once a turn.
  func now() -> Now
}

/// The machine's clocks.
///
/// > Source: clock_gettime(2), `CLOCK_MONOTONIC` and `CLOCK_REALTIME`.
public final class RealClock: Clock {
  /// There is only one; instances are alike.
  public init() {}

  /// Both clocks now; two vDSO calls, about 45 ns.
  public func now() -> Now {
    Now(instant: Self.monotonic, unix: Self.unix)
  }

  /// The monotonic clock alone.
  public static var monotonic: Instant {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(
      nanoseconds: UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
        &+ UInt64(truncatingIfNeeded: time.tv_nsec))
  }

  /// Civil time alone.
  public static var unix: UnixMilliseconds {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UnixMilliseconds(
      UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000
        &+ UInt64(truncatingIfNeeded: time.tv_nsec) / 1_000_000)
  }
}
