internal import Base
internal import Catalog
public import Flow
internal import Platform
internal import Routing
internal import Storage

extension BrokerControl {
  /// A part of what was published, with its data, the newest first.
  public func messages(_ query: EventQuery) async throws(ControlError) -> MessagePage {
    let found = try await search(query)
    let names = try applicationNames()
    return MessagePage(
      messages: found.events.map { message($0, names) }, next: found.next,
      previous: found.previous, isLast: found.isLast)
  }

  /// The newest event of an application with this id.
  /// - Throws: `notFound` when the log has none (any more).
  public func message(application: String, id: String) async throws(ControlError) -> Message {
    message(try await find(application: application, id: id), try applicationNames())
  }

  /// Looks for an event by its id: at once for an id of Fanfare's own, which tells its time, and
  /// through the whole log for a publisher's.
  func find(application: String, id: String) async throws(ControlError) -> StoredEvent {
    var query = EventQuery()
    query.application = application
    query.id = id
    query.limit = 1
    while !Task.isCancelled {
      let found = try await search(query)
      if let event = found.events.first { return event }
      if found.isLast { break }
      query.before = found.next
    }
    throw .notFound("the log has no event '\(id.prefix(64))' in application '\(application)'")
  }

  func message(_ event: StoredEvent, _ names: [UInt32: String]) -> Message {
    let isExpunged = expunged.contains(event.position)
    return Message(
      record: record(event, names), data: isExpunged ? [] : event.data,
      isJSON: event.kind == .json, isText: event.kind == .text, isExpunged: isExpunged)
  }

  /// Deletes an event's content: it is shown and sent no more. What is in flight ends; the bytes leave
  /// the disk with their segment.
  /// - Throws: `notFound`.
  public func expunge(application: String, id: String) async throws(ControlError) {
    let event = try await find(application: application, id: id)
    if expunged.contains(event.position) { return }
    try catalogCall { () throws(CatalogError) in
      try catalog.expunge(event.position, eventID: event.id)
    }
    expunged.add(event.position)
    await plane.expunge([event.position])
  }

  func refuseExpunged(_ event: StoredEvent) throws(ControlError) {
    guard expunged.contains(event.position) else { return }
    throw .conflict("the content of event '\(event.id)' was deleted; it is sent no more")
  }

  /// Sends one event to one endpoint once more, or for the first time, if it takes such events.
  /// - Throws: `notFound`; `conflict` when the endpoint is disabled.
  public func resend(application: String, id: String, endpoint: String) async throws(ControlError) {
    let record = try self.endpoint(application: application, id: endpoint)
    let event = try await find(application: application, id: id)
    try refuseExpunged(event)
    _ = try replay(
      ReplayRequest(
        application: application,
        selection: .place(event.position, endpoint: record.id)))
  }
}

/// An event with its data.
public struct Message: Sendable {
  /// What is said of it.
  public var record: EventRecord
  /// As it was published.
  public var data: [UInt8]
  /// Whether the data is JSON.
  public var isJSON: Bool
  /// Whether the data is text, and not JSON.
  public var isText: Bool
  /// Whether the data was deleted.
  public var isExpunged: Bool
  /// The id that its publisher gave it; `nil` when Fanfare did.
  public var publisherID: String? { record.id.hasPrefix("msg_") ? nil : record.id }

  /// Puts one together.
  public init(
    record: EventRecord, data: [UInt8], isJSON: Bool, isText: Bool, isExpunged: Bool = false
  ) {
    self.record = record
    self.data = data
    self.isJSON = isJSON
    self.isText = isText
    self.isExpunged = isExpunged
  }
}

/// A part of what was published, the newest first; see ``EventPage``.
public struct MessagePage: Sendable {
  /// The newest first.
  public var messages: [Message]
  /// Where the next part begins.
  public var next: Position
  /// Behind which newer events lie; `nil` when that is not known.
  public var previous: Position?
  /// Whether nothing lies beyond this part.
  public var isLast: Bool
}
