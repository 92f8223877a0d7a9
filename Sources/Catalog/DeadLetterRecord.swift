public import Base
public import Flow

/// A delivery that was given up: its schedule was used up, or it grew too old.
public struct DeadLetterRecord: Sendable, Equatable {
  /// Its place in listings, newest highest; 0 until it is stored.
  public var number: Int64
  /// The endpoint's number.
  public var endpoint: UInt32
  /// The endpoint's id; empty until it is read back, or when the endpoint is gone.
  public var endpointID: String
  /// What the endpoint is called; empty likewise.
  public var endpointName: String
  /// Where the event lies in the log.
  public var position: Position
  /// The event's id.
  public var eventID: String
  /// The event's type.
  public var type: String
  /// Attempts made.
  public var attempts: Int
  /// HTTP status of the last one, 0 without an answer.
  public var lastStatus: Int
  /// Why the last one failed.
  public var failure: String
  /// Whether it was too old rather than out of attempts.
  public var expired: Bool
  /// When it was given up.
  public var diedAt: UnixMilliseconds
  /// What the event holds in the log before packing; 0 when it could not be read.
  public var plainBytes: Int

  /// A letter to store; see the properties.
  public init(
    endpoint: UInt32, position: Position, eventID: String, type: String, attempts: Int,
    lastStatus: Int, failure: String, expired: Bool, diedAt: UnixMilliseconds,
    plainBytes: Int = 0
  ) {
    number = 0
    self.endpoint = endpoint
    endpointID = ""
    endpointName = ""
    self.position = position
    self.eventID = eventID
    self.type = type
    self.attempts = attempts
    self.lastStatus = lastStatus
    self.failure = failure
    self.expired = expired
    self.diedAt = diedAt
    self.plainBytes = plainBytes
  }
}
