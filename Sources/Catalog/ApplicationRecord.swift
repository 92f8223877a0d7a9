public import Base

/// A tenant: a space of endpoints and events of its own.
public struct ApplicationRecord: Sendable, Equatable {
  /// Its number in the log; given once, never reused.
  public var number: UInt32
  /// `app_` and a KSUID.
  public var id: String
  /// What users call it; unique.
  public var uid: String?
  /// What is shown; not unique.
  public var name: String
  /// The user's own notes.
  public var metadata: [String: String]
  /// When it was made.
  public var createdAt: UnixMilliseconds
  /// When it was last changed.
  public var updatedAt: UnixMilliseconds

  /// What people call it: its uid, or its id.
  public var label: String { uid ?? id }
  /// Whether it is one of those that Fanfare made and needs.
  public var isStanding: Bool { number <= 2 }
}

/// What a user says about an application.
public struct ApplicationDraft: Sendable, Equatable {
  /// What is shown, 1 to 128 bytes.
  public var name: String
  /// What it is called by; unique.
  public var uid: String?
  /// The user's own notes.
  public var metadata: [String: String]

  /// A draft; see the properties.
  public init(name: String, uid: String? = nil, metadata: [String: String] = [:]) {
    self.name = name
    self.uid = uid
    self.metadata = metadata
  }

  /// A draft that changes nothing.
  public init(record: ApplicationRecord) {
    self.init(name: record.name, uid: record.uid, metadata: record.metadata)
  }
}
