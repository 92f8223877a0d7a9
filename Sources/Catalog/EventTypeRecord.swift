public import Base

/// A kind of event that a publisher promises: for people who subscribe, and for example events.
///
/// Nothing is refused for its sake: events of types that are not listed are delivered like others.
public struct EventTypeRecord: Sendable, Equatable {
  /// `job.completed`; what events carry, unique.
  public var name: String
  /// For people.
  public var description: String
  /// Whether it is hidden from lists unless they ask for it.
  public var archived: Bool
  /// Whether nobody should subscribe to it any more.
  public var deprecated: Bool
  /// JSON schemas by version: the text of a JSON object, or nil.
  public var schemas: String?
  /// What it is listed under.
  public var groupName: String?
  /// Kept for clients; Fanfare hides nothing for their sake.
  public var featureFlags: [String]
  /// When it was made.
  public var createdAt: UnixMilliseconds
  /// When it was last changed.
  public var updatedAt: UnixMilliseconds
}

/// What a user says about an event type.
public struct EventTypeDraft: Sendable, Equatable {
  /// What events carry.
  public var name: String
  /// For people, up to 2,048 bytes.
  public var description: String
  /// Hidden from lists unless they ask for it.
  public var archived = false
  /// Nobody should subscribe to it any more.
  public var deprecated = false
  /// The text of a JSON object, up to 256 KiB.
  public var schemas: String?
  /// What it is listed under.
  public var groupName: String?
  /// Kept for clients.
  public var featureFlags: [String] = []

  /// A draft; see the properties.
  public init(name: String, description: String = "") {
    self.name = name
    self.description = description
  }

  /// A draft that changes nothing.
  public init(record: EventTypeRecord) {
    name = record.name
    description = record.description
    archived = record.archived
    deprecated = record.deprecated
    schemas = record.schemas
    groupName = record.groupName
    featureFlags = record.featureFlags
  }
}
