public import Base
public import Flow
internal import Storage
internal import Wire

/// What of history is wanted.
public struct EventQuery: Sendable {
  /// Id, uid or name; `nil` is all.
  public var application: String?
  /// `job.completed`, `job.*` or `*`; none is all.
  public var types: [String] = []
  public var channel: String?
  public var id: String?
  /// Number of the endpoint that they were accepted for; `nil` is all.
  public var endpoint: UInt32?
  /// Inclusive.
  public var since: UnixMilliseconds?
  /// Inclusive.
  public var until: UnixMilliseconds?
  /// Only events before this one; where the page before ended.
  public var before: Position?
  /// Only events behind this one, and of those the oldest.
  public var after: Position?
  public var limit = 50

  /// Everything, the newest first.
  public init() {}
}

/// A part of history, the newest first.
public struct EventPage: Sendable {
  public var events: [EventRecord]
  /// Where the next part begins; the log before it has not been looked at.
  public var next: Position
  /// Behind which newer events lie; `nil` when that is not known.
  public var previous: Position?
  /// Whether nothing lies beyond this part. A part may be empty and not be the last: a search ends
  /// after a second and goes on with the next page.
  public var isLast: Bool
}

/// An event of the log as people look at it, without its data.
public struct EventRecord: Codable, Sendable, Equatable {
  public var id: String
  public var eventType: String
  /// The application's name.
  public var application: String
  /// RFC 3339.
  public var timestamp: String
  /// Of the data.
  public var bytes: Int
  /// How many endpoints it was accepted for.
  public var endpoints: Int
  public var channels: [String]
  public var source: String?
  public var subject: String?
  public var contentType: String
  /// Where it stands in the log; names it where ids repeat.
  public var position: String

  init(_ event: StoredEvent, application: String, endpoints: Int) {
    id = event.id
    eventType = event.type
    self.application = application
    timestamp = RFC3339.text(event.time)
    bytes = event.data.count
    self.endpoints = endpoints
    channels = []
    contentType = event.kind.contentType
    position = "\(event.position.packed)"
    var given: [UInt8: String] = [:]
    var channels: [String] = []
    unsafe event.extras.withUnsafeBytes { extras in
      unsafe Extras.forEach(extras) { tag, value in
        let text = unsafe String(decoding: value, as: UTF8.self)
        if tag == ExtraTag.channel { channels.append(text) } else { given[tag] = text }
        return true
      }
    }
    self.channels = channels
    source = given[ExtraTag.source]
    subject = given[ExtraTag.subject]
    contentType = given[ExtraTag.contentType] ?? contentType
  }
}

extension PayloadKind {
  /// What data of this kind is sent as unless its publisher said otherwise.
  var contentType: String {
    switch self {
    case .json: "application/json"
    case .text: "text/plain; charset=utf-8"
    default: "application/octet-stream"
    }
  }
}
