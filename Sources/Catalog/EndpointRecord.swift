public import Base
public import Flow
internal import Wire

/// A secret that signs; `key` must not reach logs or listings.
public struct SecretRecord: Sendable, Equatable {
  /// `whsec_…`.
  public var key: String
  /// When it was made.
  public var createdAt: UnixMilliseconds
  /// When it stops signing; `nil` for the one in force.
  public var expiresAt: UnixMilliseconds?
}

/// A header that the endpoint's requests carry; `value` must not reach logs or listings.
public struct EndpointHeader: Sendable, Equatable {
  /// As it is sent.
  public var name: String
  /// As it is sent; a secret.
  public var value: String

  /// A header line.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// How the endpoint's requests are authorised; must not reach logs or listings.
public enum EndpointAuth: Sendable, Equatable {
  case none
  case basic(user: String, password: String)
  case bearer(token: String)

  /// The value of the `Authorization` header.
  public var headerValue: String? {
    switch self {
    case .none: nil
    case .basic(let user, let password): "Basic " + Base64.encode(Array("\(user):\(password)".utf8))
    case .bearer(let token): "Bearer " + token
    }
  }

  /// `none`, `basic` or `bearer`: all that may be shown.
  public var kind: String {
    switch self {
    case .none: "none"
    case .basic: "basic"
    case .bearer: "bearer"
    }
  }
}

/// An endpoint as it is stored, its secrets opened.
public struct EndpointRecord: Sendable, Equatable {
  /// Its number in the log; given once, never reused, from 1.
  public var number: UInt32
  /// `ep_` and a KSUID; order of ids is order of creation.
  public var id: String
  /// The name that its user gave it; unique in each of its applications.
  public var uid: String?
  /// Ids of the applications that it serves, the oldest first; at least one.
  public var applicationIDs: [String]
  /// The same by number.
  public var applicationNumbers: [UInt32]
  /// As the user wrote it; ``Wire/URLTarget`` accepts it.
  public var url: String
  /// For people.
  public var description: String
  /// `job.completed`, `job.*` or `*`; empty is every type.
  public var types: [String]
  /// Empty is every event; else only events that carry one of them.
  public var channels: [String]
  /// Empty is every source.
  public var sources: [String]
  /// New events are not queued, nothing is sent.
  public var disabled: Bool
  /// Why it is disabled.
  public var disabledReason: String?
  /// Nothing is sent, events keep queueing.
  public var paused: Bool
  /// The newest first. One whose `expiresAt` has passed signs no more; it goes when the next comes.
  public var secrets: [SecretRecord]
  /// In the order in which they are sent.
  public var headers: [EndpointHeader]
  /// Sent as `Authorization`.
  public var auth: EndpointAuth
  /// How the body is made.
  public var format: PayloadFormat
  /// How the request is signed.
  public var signing: SigningScheme
  /// What ``Wire/RetrySchedule`` reads.
  public var retryText: String
  /// Of a whole attempt.
  public var timeoutSeconds: Double
  /// What ``Wire/Quantity/rate(_:)`` reads; `nil` is no limit.
  public var rateText: String?
  /// Attempts in flight at once.
  public var maxInFlight: Int
  /// One at a time, in order.
  public var ordered: Bool
  /// Certificates to trust instead of the system's.
  public var caPEM: String?
  /// A delivery older than this is dead.
  public var maxAgeSeconds: Int
  /// The user's own notes.
  public var metadata: [String: String]
  /// When it was made.
  public var createdAt: UnixMilliseconds
  /// When it was last changed.
  public var updatedAt: UnixMilliseconds

  /// What people call it: its uid, or its id.
  public var name: String { uid ?? id }
  /// The secret in force.
  public var secret: String { secrets.first?.key ?? "" }
}

/// What a report says of an endpoint: nothing that is sealed, so that thousands are had at once.
public struct EndpointSummary: Sendable, Equatable {
  /// As in ``EndpointRecord/number``.
  public let number: UInt32
  /// As in ``EndpointRecord/id``.
  public let id: String
  /// As in ``EndpointRecord/uid``.
  public let uid: String?
  /// The number of its application, the lowest if it belongs to several.
  public let application: UInt32?
  /// As in ``EndpointRecord/disabled``.
  public let disabled: Bool
  /// As in ``EndpointRecord/paused``.
  public let paused: Bool

  /// What people call it: its uid, or its id.
  public var name: String { uid ?? id }
}
