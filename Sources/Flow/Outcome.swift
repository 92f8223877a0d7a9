public import Base

/// How an attempt, or a delivery, ended. Absolute, so that replaying one twice is harmless.
public struct OutcomeKind: Hashable, BitwiseCopyable, Sendable {
  /// The byte in the log.
  public var rawValue: UInt8
  /// Takes the byte from the log.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// 2xx: the delivery is done.
  @inlinable public static var delivered: OutcomeKind { OutcomeKind(rawValue: 1) }
  /// Failed; attempt `attempt + 1` is due at `due`. Without a failure and with attempt 0: asked for
  /// again, see `Outcome.isRedelivery`.
  @inlinable public static var retry: OutcomeKind { OutcomeKind(rawValue: 2) }
  /// Failed for the last time; kept and listed.
  @inlinable public static var dead: OutcomeKind { OutcomeKind(rawValue: 3) }
  /// Dropped because its endpoint was removed.
  @inlinable public static var removed: OutcomeKind { OutcomeKind(rawValue: 4) }
  /// The tombstone of the endpoint itself: everything of it, up to and after `position`, is void.
  @inlinable public static var endpointRemoved: OutcomeKind { OutcomeKind(rawValue: 5) }
  /// Older than the endpoint's `max-age`: dead without a last attempt.
  @inlinable public static var expired: OutcomeKind { OutcomeKind(rawValue: 6) }

  /// Whether the delivery is no longer pending after it.
  @inlinable public var settles: Bool { self != .retry }
}

/// Why an attempt failed; the number is stored, so cases are only ever added.
public enum FailureClass: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case none = 0
  case resolve, addressForbidden, connect, connectTimeout, tls, certificate
  case timeout, closed, malformedAnswer, answerTooLarge, status, cancelled, configuration
  case logDamaged, quota
  case expunged

  /// What an operator reads.
  public var text: String {
    switch self {
    case .none: "none"
    case .resolve: "name resolution failed"
    case .addressForbidden: "address is private or forbidden"
    case .connect: "connection refused or reset"
    case .connectTimeout: "connect timed out"
    case .tls: "TLS handshake failed"
    case .certificate: "certificate not accepted"
    case .timeout: "no complete answer in time"
    case .closed: "connection closed before the answer"
    case .malformedAnswer: "answer is not HTTP"
    case .answerTooLarge: "answer too large"
    case .status: "status is not 2xx"
    case .cancelled: "cancelled"
    case .configuration: "endpoint is not usable as configured"
    case .logDamaged: "the log is damaged where the event stood"
    case .expunged: "the event's content was deleted"
    case .quota: "quota: the endpoint's spool was full, and this was its oldest"
    }
  }
}

/// What a reactor tells the journal about one delivery: 32 bytes, through a ring.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 8 | `position` | which event |
/// | 8 | 8 | `due` | for `retry`: when, Unix milliseconds; else when it ended |
/// | 16 | 4 | `endpoint` | endpoint number |
/// | 20 | 4 | `durationMicroseconds` | of the attempt; of a tombstone: deliveries dropped; of a loss: lost |
/// | 24 | 2 | `status` | HTTP status, 0 without an answer |
/// | 26 | 1 | `kind` | `OutcomeKind` |
/// | 27 | 1 | `failure` | `FailureClass` |
/// | 28 | 2 | `attempt` | attempts made so far, this one included |
/// | 30 | 2 | `reserved` | zero |
public struct Outcome: BitwiseCopyable, Sendable {
  public var position: Position
  public var due: UnixMilliseconds
  public var endpoint: EndpointNumber
  public var durationMicroseconds: UInt32
  public var status: UInt16
  public var kind: OutcomeKind
  public var failureCode: UInt8
  public var attempt: UInt16
  public var reserved: UInt16 = 0

  /// Makes an outcome; see the table for units.
  public init(
    position: Position, endpoint: EndpointNumber, kind: OutcomeKind, attempt: UInt16,
    due: UnixMilliseconds, status: UInt16 = 0, failure: FailureClass = .none,
    durationMicroseconds: UInt32 = 0
  ) {
    self.position = position
    self.endpoint = endpoint
    self.kind = kind
    self.attempt = attempt
    self.due = due
    self.status = status
    failureCode = failure.rawValue
    self.durationMicroseconds = durationMicroseconds
  }

  /// The tombstone of an endpoint: everything of it up to and after `position` is void.
  ///
  /// - Parameter dropped: deliveries that were pending and will never be sent.
  public init(
    tombstoneOf endpoint: EndpointNumber, at position: Position, dropped: UInt64,
    time: UnixMilliseconds
  ) {
    self.init(
      position: position, endpoint: endpoint, kind: .endpointRemoved, attempt: 0, due: time,
      durationMicroseconds: UInt32(clamping: dropped))
  }

  /// Deliveries that a tombstone dropped; 0 for every other outcome.
  public var dropped: UInt64 { kind == .endpointRemoved ? UInt64(durationMicroseconds) : 0 }

  /// A settled delivery, or one that never was, is to be made (again): nothing was tried yet.
  public static func redelivery(
    _ position: Position, to endpoint: EndpointNumber, at time: UnixMilliseconds
  ) -> Outcome {
    Outcome(position: position, endpoint: endpoint, kind: .retry, attempt: 0, due: time)
  }

  /// Deliveries to an endpoint that can't be made, nor told apart: the log has lost even whom its
  /// events were for. The endpoint's lane has looked at everything up to and including `sequence`.
  public init(
    lost count: UInt64, of endpoint: EndpointNumber, through sequence: UInt64,
    time: UnixMilliseconds
  ) {
    self.init(
      position: Position(sequence: sequence, index: Self.lossIndex), endpoint: endpoint,
      kind: .dead, attempt: 0, due: time, failure: .logDamaged,
      durationMicroseconds: UInt32(clamping: count))
  }

  /// No block has so many events.
  private static let lossIndex = 0xFFFF

  /// Whether it stands for deliveries that can't be told apart.
  public var isLoss: Bool {
    kind == .dead && failure == .logDamaged && position.index == Self.lossIndex
  }

  /// Deliveries that it speaks of; a tombstone's are in `dropped`.
  public var deliveries: UInt64 { isLoss ? UInt64(durationMicroseconds) : 1 }

  /// Whether it opens a delivery anew. A failed probe has attempt 0 too, and says why it failed.
  public var isRedelivery: Bool { kind == .retry && attempt == 0 && failureCode == 0 }

  /// The failure class, `none` for a code of a newer version.
  public var failure: FailureClass { FailureClass(rawValue: failureCode) ?? .none }
}
