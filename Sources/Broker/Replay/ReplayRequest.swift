public import Base
public import Flow

/// What is to be sent again, and to whom.
public struct ReplayRequest: Sendable {
  /// The three forms, and all that was given up.
  public enum Selection: Sendable, Equatable {
    /// One event: to its audience, or to one endpoint.
    case event(id: String, endpoint: String?)
    /// One event by its place in the log, to one endpoint.
    case place(Position, endpoint: String)
    /// What was given up: of one endpoint, or of all of the application.
    case failed(endpoint: String?, since: UnixMilliseconds?, until: UnixMilliseconds?)
    /// What an endpoint would have got, had it been there and enabled, and was not accepted for it.
    case missing(endpoint: String, since: UnixMilliseconds, until: UnixMilliseconds?)
    /// Events of some types (none: all) in a stretch of time, to one endpoint.
    case history(
      endpoint: String, types: [String], since: UnixMilliseconds, until: UnixMilliseconds?)
  }

  /// Where endpoints and ids are looked up: id, uid or name.
  public var application: String
  public var selection: Selection
  /// Hand-overs a second; `nil` is as fast as live traffic leaves room.
  public var ratePerSecond: Double?
  /// Only counts.
  public var isTrial: Bool

  /// Asks for a replay.
  public init(
    application: String, selection: Selection, ratePerSecond: Double? = nil, isTrial: Bool = false
  ) {
    self.application = application
    self.selection = selection
    self.ratePerSecond = ratePerSecond
    self.isTrial = isTrial
  }
}

/// How far a replay has come.
public struct ReplayReport: Codable, Sendable, Equatable {
  /// Where it stands; all but the first are final.
  public enum State: String, Codable, Sendable {
    case running, done, cancelled, failed
  }

  public var id: String
  /// What it was asked for: `event`, `failed`, `history` or `missing`.
  public var kind: String
  public var state = State.running
  public var dryRun: Bool
  /// Names of the endpoints that it sends to.
  public var endpoints: [String] = []
  /// Deliveries that it found.
  public var matched = 0
  /// Of those, handed over: they are pending now, in `depth`, and survive a restart.
  public var handedOver = 0
  /// Of those, pending anyway.
  public var pending = 0
  /// Blocks of the log that could not be read.
  public var damagedBlocks = 0
  /// How much of what it looks through it has looked through, 0 to 1.
  public var progress = 0.0
  /// Whether endpoints have no room for more now.
  public var waiting = false
  /// Why it failed.
  public var detail: String?
  /// RFC 3339.
  public var createdAt: String
  public var endedAt: String?

  package init(id: String, kind: String, dryRun: Bool, createdAt: String) {
    self.id = id
    self.kind = kind
    self.dryRun = dryRun
    self.createdAt = createdAt
  }

  /// Ends it; what has ended stays as it is.
  package mutating func end(_ state: State, at time: String, detail: String? = nil) {
    guard self.state == .running, state != .running else { return }
    self.state = state
    self.detail = detail ?? self.detail
    endedAt = time
    waiting = false
    if state == .done { progress = 1 }
  }
}
