public import Base
public import Flow

/// What one reactor counts since start; written by its thread, read by any.
public final class ReactorCounters: Sendable {
  /// Deliveries that ended well.
  public let delivered = Counter()
  /// Failed attempts after which another is planned.
  public let retried = Counter()
  /// Deliveries whose schedule was used up, whose event can't be read, or that a quota gave up.
  public let dead = Counter()
  /// Deliveries older than their endpoint's `max-age`.
  public let expired = Counter()
  /// Deliveries that were dead-lettered because their endpoint's spool was over its quota; also in
  /// `dead`.
  public let overQuota = Counter()
  /// Deliveries dropped with their endpoint.
  public let removed = Counter()
  /// Attempts sent again because a kept connection was stale; not counted as attempts.
  public let resent = Counter()
  /// TLS handshakes that succeeded.
  public let handshakes = Counter()
  /// Of these, resumed sessions.
  public let resumed = Counter()
  /// Connections opened.
  public let connects = Counter()
  /// Blocks asked of the Reader.
  public let loads = Counter()
  /// Gauge: connections now, idle ones included.
  public let connectionsOpen = Counter()
  /// Gauge: attempts in flight.
  public let inFlight = Counter()
  /// Gauge: deliveries pending, wherever they lie.
  public let depth = Counter()
  /// Gauge: lanes whose breaker is not closed.
  public let breakersOpen = Counter()
  /// Gauge: lanes that an audience names and no configuration knows.
  public let parked = Counter()
  /// Gauge: lanes.
  public let lanes = Counter()
  /// Attempts by `FailureClass`; `none` are those that succeeded.
  public let attempts: [Counter] = FailureClass.allCases.map { _ in Counter() }
  /// From start to end of an attempt, connect included.
  public let attemptDuration = Histogram()
  /// From the event's time to its delivery, for deliveries that the first attempt made.
  public let deliveryLag = Histogram()

  /// All zero.
  public init() {}

  /// Attempts that ended with `failure`.
  public func attempts(_ failure: FailureClass) -> UInt64 {
    attempts[Int(failure.rawValue)].value
  }
}
