public import Base
public import Flow

/// What the control plane asks of a reactor. Closures run on the reactor's thread: they must be
/// short and must not block.
public enum ReactorCommand: Sendable {
  /// New or changed endpoints of this reactor.
  case configure([EndpointConfig], done: @Sendable () -> Void)
  /// The endpoint is gone: `done` gets its deliveries that will never be sent, and which outcome of
  /// this reactor's ring (counted from 1) is the tombstone.
  case remove(
    EndpointNumber, done: @Sendable (_ pending: UInt64, _ outcomeIndex: UInt64) -> Void)
  /// Every lane.
  case statuses(reply: @Sendable ([LaneStatus]) -> Void)
  /// One lane and its last attempt; `nil` for an endpoint without a lane.
  case status(
    EndpointNumber, reply: @Sendable (_ status: LaneStatus?, _ last: AttemptRecord?) -> Void)
  /// This reactor's part of a checkpoint.
  case image(reply: @Sendable (ReactorImage) -> Void)
  /// Makes deliveries once more, or for the first time, behind live traffic; positions ascend.
  /// Without positions it only tells where the lane stands.
  case redeliver(
    EndpointNumber, [Position], done: @Sendable (Redelivery) -> Void)
  /// From now on so many connections, to these addresses.
  case limit(ReactorLimits)
  /// The content of these events was deleted: they are sent to nobody any more. What is in flight ends.
  case expunge([Position], done: @Sendable () -> Void)
  /// Starts no more attempts; `done` when those in flight have ended.
  case drain(done: @Sendable () -> Void)
}

/// What came of a `redeliver`.
public struct Redelivery: BitwiseCopyable, Sendable, Equatable {
  /// Deliveries that are pending now because of it.
  public var taken = 0
  /// Those that are pending anyway.
  public var pending = 0
  /// The last of the positions, for which there is no room now: ask again when some have ended.
  public var left = 0
  /// What was taken survives a restart when this outcome of the reactor's ring, counted from 1, is
  /// durable; 0 when nothing was taken.
  public var outcomeIndex: UInt64 = 0
  /// The first event that the lane has yet to look at; `nil` when it follows the head of the log.
  public var backlog: Position?
  /// Whether the endpoint has a lane: it was not removed.
  public var hasLane = true

  /// Nothing came of it.
  public init() {}
}

/// What a reactor tells the control plane unasked.
public enum ReactorNotice: Sendable {
  /// The endpoint answered 410: disable it. The reactor has stopped sending.
  case answeredGone(EndpointNumber)
  /// Nothing but failures since `since`: disable it.
  case failingFor(EndpointNumber, since: UnixMilliseconds)
  /// The breaker opened.
  case opened(EndpointNumber)
  /// The breaker closed again.
  case recovered(EndpointNumber)
  /// What waits for the endpoint comes near its quota: so many plain bytes.
  case quotaNear(EndpointNumber, plainBytes: UInt64)
  /// The endpoint's spool is over its quota: its oldest deliveries become dead letters.
  case quotaReached(EndpointNumber)
  /// It came well below its quota.
  case quotaLeft(EndpointNumber)
  /// A failed attempt with its text; a sample, at most one a second for each lane.
  case failed(AttemptRecord)
}

/// One attempt, as people look at it.
public struct AttemptRecord: Sendable, Equatable {
  /// To whom.
  public var endpoint: EndpointNumber
  /// Which event.
  public var position: Position
  /// Which attempt of its delivery, from 1; 0 for a probe of an unused delivery.
  public var attempt: UInt16
  /// When it ended.
  public var time: UnixMilliseconds
  /// From its start, connect included.
  public var durationMicroseconds: UInt32
  /// HTTP status, 0 without an answer.
  public var status: UInt16
  /// What kind of failure.
  public var failure: FailureClass
  /// Why it failed, or how the failing answer's body begins; cut to 512 bytes, not escaped.
  public var text: String
}
