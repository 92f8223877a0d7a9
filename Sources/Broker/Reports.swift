/// `fanfare status --json`: the broker at a glance. The keys are the contract's.
public struct StatusReport: Codable, Sendable {
  public struct Events: Codable, Sendable { public var accepted: UInt64 }
  public struct Deliveries: Codable, Sendable {
    public var delivered: UInt64
    public var retried: UInt64
    public var pending: UInt64
    public var dead: UInt64
    public var expired: UInt64
  }
  public struct Journal: Codable, Sendable {
    /// Bytes on disk.
    public var bytes: UInt64
    /// The same before compression.
    public var plainBytes: UInt64
  }
  public var version: String
  public var uptimeSeconds: Double
  public var events: Events
  public var deliveries: Deliveries
  public var journal: Journal
  public var endpoints: Int
  /// Why the broker is not ready; empty when it is.
  public var notReady: [String]
  /// What somebody must look at though the broker works.
  public var alarms: [String]
}

/// `fanfare spool --json`: depth and state, in all and by endpoint. The keys are the contract's.
public struct SpoolReport: Codable, Sendable {
  public struct Total: Codable, Sendable {
    public var depth: UInt64
    public var dead: UInt64
    public var bytes: UInt64
    public var plainBytes: UInt64
  }
  public var total: Total
  public var endpoints: [SpoolLine]
  /// What waits for endpoints that the catalogue does not know; they are in the total's depth.
  public var parked: [ParkedLine]
}

/// Deliveries to one endpoint number that the log knows and the catalogue does not.
public struct ParkedLine: Codable, Sendable {
  public var number: UInt32
  public var depth: UInt64
  public var oldestSeconds: Double
}

/// One endpoint's line in `fanfare spool`.
public struct SpoolLine: Codable, Sendable {
  public var id: String
  public var name: String
  public var application: String
  /// Pending deliveries: waiting, retrying, in flight.
  public var depth: UInt64
  public var dead: UInt64
  public var inFlight: Int
  /// Compressed bytes of what is pending: the log's ratio applied to `plainBytes`. What
  /// `spool.endpoint-quota` bounds.
  public var bytes: UInt64
  /// What the pending events hold, 64 bytes each included. An event is stored once however many wait
  /// for it, and counts in full for each. After a restart an estimate, until the backlog is gone.
  public var plainBytes: UInt64
  /// Age of the oldest pending event; 0 without any.
  public var oldestSeconds: Double
  /// RFC 3339, when the next attempt is planned; `nil` when one can go now or none is due.
  public var nextAttempt: String?
  /// Attempts since start.
  public var attempts: UInt64
  /// `LaneState` by name.
  public var state: String
  /// HTTP status of the last attempt, 0 without an answer.
  public var lastStatus: Int
  /// Why the last failed attempt failed; `nil` when the last one succeeded.
  public var lastError: String?
}

extension SpoolLine {
  /// Every key is always there, `null` where there is nothing to say: scripts rely on it.
  public func encode(to encoder: any Encoder) throws {
    var line = encoder.container(keyedBy: CodingKeys.self)
    try line.encode(id, forKey: .id)
    try line.encode(name, forKey: .name)
    try line.encode(application, forKey: .application)
    try line.encode(depth, forKey: .depth)
    try line.encode(dead, forKey: .dead)
    try line.encode(inFlight, forKey: .inFlight)
    try line.encode(bytes, forKey: .bytes)
    try line.encode(plainBytes, forKey: .plainBytes)
    try line.encode(oldestSeconds, forKey: .oldestSeconds)
    try line.encode(nextAttempt, forKey: .nextAttempt)
    try line.encode(attempts, forKey: .attempts)
    try line.encode(state, forKey: .state)
    try line.encode(lastStatus, forKey: .lastStatus)
    try line.encode(lastError, forKey: .lastError)
  }
}

/// An event to publish, from the API.
public struct PublishMessage: Sendable {
  public var application: String
  public var type: String
  public var data: [UInt8]
  public var id: String?
  public var source: String?
  public var subject: String?
  public var channels: [String]
  public var contentType: String?
  /// The only endpoint it is for, whatever that one subscribed to: id or name.
  public var endpoint: String?

  /// An event of `type`.
  public init(
    application: String, type: String, data: [UInt8], id: String? = nil, source: String? = nil,
    subject: String? = nil, channels: [String] = [], contentType: String? = nil
  ) {
    self.application = application
    self.type = type
    self.data = data
    self.id = id
    self.source = source
    self.subject = subject
    self.channels = channels
    self.contentType = contentType
  }
}

/// The acknowledgement: the event is on disk.
public struct PublishResult: Codable, Sendable {
  public var id: String
  /// Endpoints it was accepted for.
  public var endpoints: Int
  /// Whether the id was known and nothing new was stored.
  public var duplicate: Bool
  /// Makes a result.
  public init(id: String, endpoints: Int, duplicate: Bool) {
    self.id = id
    self.endpoints = endpoints
    self.duplicate = duplicate
  }
}

/// Why the control plane could not do what it was asked.
public enum ControlError: Error, Sendable, Equatable {
  /// What does not exist, with a suggestion where one is near.
  case notFound(String)
  /// A value that is not accepted: which field, and what is allowed.
  case invalid(field: String, String)
  /// It exists already, or was changed meanwhile.
  case conflict(String)
  /// The broker cannot do it now; trying later may work.
  case unavailable(String)
  /// The caller may not.
  case forbidden(String)
  /// Nothing was stored; try later.
  case spoolFull
  /// The data is longer than an event may be.
  case tooLarge(String)
  /// A fault of ours.
  case internalFailure(String)

  /// The sentence for people.
  public var text: String {
    switch self {
    case .notFound(let text), .conflict(let text), .unavailable(let text), .forbidden(let text),
      .tooLarge(let text), .internalFailure(let text):
      text
    case .invalid(let field, let text): "\(field): \(text)"
    case .spoolFull: "the spool is full; nothing was stored, try later"
    }
  }
}
