/// A length of time in nanoseconds.
public struct Nanoseconds: Comparable, Hashable, BitwiseCopyable, Sendable {
  /// The count of nanoseconds.
  public var count: UInt64

  /// Wraps a count of nanoseconds.
  @inlinable public init(_ count: UInt64) { self.count = count }

  /// No time at all.
  @inlinable public static var zero: Nanoseconds { Nanoseconds(0) }
  /// So many microseconds.
  @inlinable public static func microseconds(_ value: UInt64) -> Nanoseconds {
    Nanoseconds(value * 1_000)
  }
  /// So many milliseconds.
  @inlinable public static func milliseconds(_ value: UInt64) -> Nanoseconds {
    Nanoseconds(value * 1_000_000)
  }
  /// So many seconds.
  @inlinable public static func seconds(_ value: UInt64) -> Nanoseconds {
    Nanoseconds(value * 1_000_000_000)
  }
  /// Whole milliseconds in it, rounded down.
  @inlinable public var milliseconds: UInt64 { count / 1_000_000 }
  /// Seconds in it, for people and metrics.
  @inlinable public var seconds: Double { Double(count) / 1e9 }

  @inlinable public static func < (a: Nanoseconds, b: Nanoseconds) -> Bool { a.count < b.count }
  @inlinable public static func + (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds {
    Nanoseconds(a.count + b.count)
  }
}

/// A point of the monotonic clock, in nanoseconds; means nothing outside this process.
///
/// > Source: clock_gettime(2), `CLOCK_MONOTONIC`.
public struct Instant: Comparable, Hashable, BitwiseCopyable, Sendable {
  /// Nanoseconds since the clock's own zero.
  public var nanoseconds: UInt64

  /// Wraps a reading of the clock.
  @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Later than every reading: no deadline.
  @inlinable public static var distantFuture: Instant { Instant(nanoseconds: .max) }

  @inlinable public static func < (a: Instant, b: Instant) -> Bool {
    a.nanoseconds < b.nanoseconds
  }
  @inlinable public static func + (a: Instant, b: Nanoseconds) -> Instant {
    let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.count)
    return Instant(nanoseconds: overflow ? .max : sum)
  }
  /// Time from `earlier` to this instant; zero when `earlier` is the later one.
  @inlinable public func since(_ earlier: Instant) -> Nanoseconds {
    Nanoseconds(nanoseconds > earlier.nanoseconds ? nanoseconds &- earlier.nanoseconds : 0)
  }
}

/// A point of civil time: milliseconds since 1970-01-01 UTC, as stored in the log.
public struct UnixMilliseconds: Comparable, Hashable, BitwiseCopyable, Sendable {
  /// Milliseconds since the epoch.
  public var value: UInt64

  /// Wraps a count of milliseconds.
  @inlinable public init(_ value: UInt64) { self.value = value }
  /// Whole seconds since the epoch.
  @inlinable public var seconds: UInt64 { value / 1000 }

  @inlinable public static func < (a: UnixMilliseconds, b: UnixMilliseconds) -> Bool {
    a.value < b.value
  }
}

/// Both clocks, read once at the start of a turn and passed down.
public struct Now: BitwiseCopyable, Sendable {
  /// For deadlines and intervals.
  public var instant: Instant
  /// For time stamps that leave the process or outlive it.
  public var unix: UnixMilliseconds

  /// Pairs two readings.
  @inlinable public init(instant: Instant, unix: UnixMilliseconds) {
    self.instant = instant
    self.unix = unix
  }
}
