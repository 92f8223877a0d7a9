public import Base

/// How the body of a request is made from the event.
public enum PayloadFormat: String, Sendable, CaseIterable {
  /// `{"type","timestamp","data"}` (Standard Webhooks).
  case standard
  /// The data, byte for byte.
  case raw
}

/// How a request is signed.
public enum SigningScheme: String, Sendable, CaseIterable {
  /// `webhook-*` headers (Standard Webhooks).
  case standard
  /// The same under `svix-*` names as well.
  case svix
  /// Not at all.
  case none
}

/// An endpoint as the data plane needs it: immutable; a change makes a new one.
///
/// URL, secrets, headers and limits apply to pending deliveries at their next attempt.
public final class EndpointConfig: Sendable {
  /// Its number in the log.
  public let number: EndpointNumber
  /// `ep_…`, as the API shows it.
  public let id: String
  /// What people call it: its name, or its id.
  public let name: String
  /// `http` or `https`.
  public let usesTLS: Bool
  /// Host in lower case, without brackets for an IPv6 literal.
  public let host: String
  /// TCP port.
  public let port: UInt16
  /// Request bytes that do not change from one attempt to the next: request line, `Host`,
  /// `User-Agent`, custom headers, authorization; each line with its CRLF.
  public let requestPrefix: [UInt8]
  /// HMAC keys, newest first; two during rotation.
  public let secretKeys: [[UInt8]]
  /// Body format.
  public let format: PayloadFormat
  /// Signature headers.
  public let signing: SigningScheme
  /// Waits between attempts, milliseconds; a delivery whose last wait is used up is dead.
  public let retryDelaysMilliseconds: [UInt64]
  /// Whole attempt.
  public let timeout: Nanoseconds
  /// Connect and TLS handshake.
  public let connectTimeout: Nanoseconds
  /// Attempts in flight at once.
  public let maxInFlight: Int
  /// Attempts a second; 0 is no limit.
  public let ratePerSecond: Double
  /// A delivery older than this is dead at its next turn, milliseconds.
  public let maxAgeMilliseconds: UInt64
  /// One at a time, in order; the head blocks.
  public let ordered: Bool
  /// PEM of roots to trust instead of the system's.
  public let caPEM: String?
  /// Nothing is sent, events keep queueing.
  public let paused: Bool
  /// Nothing is sent, new events are not queued.
  public let disabled: Bool

  /// Makes a configuration; see the properties for units.
  public init(
    number: EndpointNumber, id: String, name: String, usesTLS: Bool, host: String, port: UInt16,
    requestPrefix: [UInt8], secretKeys: [[UInt8]], format: PayloadFormat = .standard,
    signing: SigningScheme = .standard, retryDelaysMilliseconds: [UInt64],
    timeout: Nanoseconds = .seconds(15), connectTimeout: Nanoseconds = .seconds(5),
    maxInFlight: Int = 64, ratePerSecond: Double = 0,
    maxAgeMilliseconds: UInt64 = 5 * 86_400_000, ordered: Bool = false, caPEM: String? = nil,
    paused: Bool = false, disabled: Bool = false
  ) {
    self.number = number
    self.id = id
    self.name = name
    self.usesTLS = usesTLS
    self.host = host
    self.port = port
    self.requestPrefix = requestPrefix
    self.secretKeys = secretKeys
    self.format = format
    self.signing = signing
    self.retryDelaysMilliseconds = retryDelaysMilliseconds
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.maxInFlight = maxInFlight
    self.ratePerSecond = ratePerSecond
    self.maxAgeMilliseconds = maxAgeMilliseconds
    self.ordered = ordered
    self.caPEM = caPEM
    self.paused = paused
    self.disabled = disabled
  }
}

/// Where an endpoint's deliveries stand, in the contract's words.
public enum LaneState: String, Sendable {
  case ok, retrying, open, limited, paused, disabled, quota
}

/// A line of `fanfare spool`: one lane, as it stood when a reactor was asked.
public struct LaneStatus: Sendable {
  public var endpoint: EndpointNumber
  /// Pending deliveries: waiting, retrying, in flight.
  public var depth: UInt64
  /// What they hold in blocks before packing, each as if nobody else waited for it.
  public var plainBytes: UInt64 = 0
  /// Of those, in flight.
  public var inFlight: Int
  /// Attempts made since start.
  public var attempts: UInt64
  public var state: LaneState
  /// Whether no configuration came for it since start: nothing is sent, nothing dropped.
  public var isParked = false
  /// The last attempt's HTTP status, 0 without an answer.
  public var lastStatus: UInt16
  public var lastFailure: FailureClass
  /// What is known of the last failure beyond its class; `nil` after a success.
  public var lastText: String?
  /// The oldest pending event's place; `nil` when nothing is pending.
  public var oldest: Position?
  /// When the oldest pending event was accepted, if the lane knows.
  public var oldestTime: UnixMilliseconds?
  /// The next planned attempt, if none is possible now.
  public var nextAttempt: UnixMilliseconds?

  /// An idle lane.
  public init(endpoint: EndpointNumber) {
    self.endpoint = endpoint
    depth = 0
    inFlight = 0
    attempts = 0
    state = .ok
    lastStatus = 0
    lastFailure = .none
  }
}
