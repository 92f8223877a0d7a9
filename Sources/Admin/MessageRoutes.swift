internal import Base
package import Broker
internal import Catalog
internal import Flow
internal import HTTPTypes
internal import Hummingbird

extension AdminRoutes {
  static let messagePath = "/api/v1/app/{app}/msg/{message}"

  /// `/api/v1/app/{app}/msg`: POST is answered when the event is on disk; GET reads the log, the
  /// newest first.
  ///
  /// A part of the list may be short, or empty, and not be the last: a search over a long history
  /// ends after a second, or with 8 MiB of payloads, and goes on with the next part.
  mutating func addMessages(_ control: BrokerControl) {
    let list = "/api/v1/app/{app}/msg"
    on(.post, list, .publish) { request, context in
      let showsContent = try QueryReader(request).flag("with_content") ?? true
      let given = try MessageIn(try await JSON.body(request))
      let application = try context.application()
      try await Self.ensureApplication(control, application, given.application)
      let result = try await control.publish(given.message(application: application))
      let out = MessageOut(given, result, now: control.catalog.now)
      return JSON.response(
        bytes: try out.bytes(payload: showsContent ? given.shown : Array("{}".utf8)),
        status: .accepted)
    }
    on(.get, list, .read) { request, context in
      let query = QueryReader(request)
      let showsContent = try query.flag("with_content") ?? true
      var wanted = try EventQuery(query)
      wanted.application = try context.application()
      let page = try await control.messages(wanted)
      return JSON.response(
        bytes: try JSON.list(
          try page.messages.map { try MessageOut.bytes($0, showsContent: showsContent) },
          iterator: "\(page.next.packed)", prevIterator: page.previous.map { "-\($0.packed)" },
          done: page.isLast))
    }
    on(.get, Self.messagePath, .read) { request, context in
      let showsContent = try QueryReader(request).flag("with_content") ?? true
      let message = try await control.message(
        application: try context.application(), id: try context.path("message"))
      return JSON.response(bytes: try MessageOut.bytes(message, showsContent: showsContent))
    }
    on(.delete, "\(Self.messagePath)/content", .manage) { _, context in
      try await control.expunge(
        application: try context.application(), id: try context.path("message"))
      return .empty()
    }
  }
}

extension EventQuery {
  /// What Svix's lists of messages may be asked for: `limit`, `iterator`, `channel`, `before`,
  /// `after`, `event_types`.
  package init(_ query: QueryReader) throws {
    self.init()
    limit = try query.limit()
    channel = try query.channel()
    types = try query.types("event_types")
    since = try query.time("after").map { UnixMilliseconds($0.value + 1) }
    until = try query.time("before").map { UnixMilliseconds(max($0.value, 1) - 1) }
    let iterator = try query.iterator { text in
      UInt64(text).flatMap { $0 < .max ? Position(packed: $0) : nil }
    }
    guard let iterator else { return }
    if iterator.isBackwards {
      after = iterator.place
    } else {
      before = iterator.place
    }
  }
}
