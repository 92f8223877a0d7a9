internal import Base
internal import Flow

/// One try of one delivery: lives in the connection that carries it.
struct Attempt: BitwiseCopyable {
  /// The lane's name in its slab.
  var lane = SlotID.none
  var position = Position.start
  /// The event's own time, for the delivery lag.
  var eventTime = UnixMilliseconds(0)
  var startedAt = Instant(nanoseconds: 0)
  /// When it must be over, connect included.
  var deadline = Instant.distantFuture
  /// `EventHeader.plainBytes`.
  var plainBytes: UInt32 = 0
  /// Which attempt of the delivery this is, from 1.
  var number: UInt16 = 0
  /// It is the breaker's probe.
  var isProbe = false
  /// It was taken from the retry calendar.
  var isRetry = false
  /// Somebody asked for it to be sent (again).
  var isReplay = false
  /// It was sent before, on a connection that turned out stale.
  var isResend = false

  /// How it ended.
  struct Result {
    var status: UInt16 = 0
    var failure = FailureClass.none
    /// errno of a failed connect, read or write; 0 otherwise.
    var systemCode: Int32 = 0

    var isSuccess: Bool { failure == .none && status >= 200 && status < 300 }

    /// Whether the breaker takes it for a failure of the endpoint as a whole: no answer, a broken
    /// one, 5xx or 429. Any other answer shows that the endpoint is alive.
    var isEndpointFailure: Bool {
      failure == .status ? status >= 500 || status == 429 : failure != .none
    }
  }
}
