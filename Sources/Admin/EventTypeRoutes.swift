internal import Broker
internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Wire

extension AdminRoutes {
  /// `/api/v1/event-type`: what publishers promise. DELETE archives, with `expunge=true` it removes.
  mutating func addEventTypes(_ control: BrokerControl) {
    let list = "/api/v1/event-type"
    let one = "/api/v1/event-type/{type}"
    let catalog = control.catalog
    on(.get, list, .read, isShared: true) { request, _ in
      let query = QueryReader(request)
      let showsContent = try query.flag("with_content") ?? false
      // A name may begin with the minus that means the way back, so a colon stands between.
      var wanted = try PageRequest(query: query) { cursor in
        cursor.hasPrefix(":") && EventRules.isValidType(String(cursor.dropFirst()))
      }
      wanted.cursor = wanted.cursor.map { String($0.dropFirst()) }
      let page = try catalog.eventTypes(
        page: wanted, archived: try query.flag("include_archived") ?? false)
      return JSON.response(
        bytes: try JSON.list(
          try page.elements.map { try EventTypeOut.bytes($0, showsContent: showsContent) },
          iterator: page.elements.last.map { ":\($0.name)" },
          prevIterator: page.elements.first.map { "-:\($0.name)" }, done: page.isLast))
    }
    on(.post, list, .admin) { request, _ in
      let given = try EventTypeIn(try await JSON.body(request))
      return try Self.show(try catalog.createEventType(try given.draft()), status: .created)
    }
    on(.get, one, .read, isShared: true) { _, context in
      try Self.show(try catalog.eventType(try context.path("type")))
    }
    on(.put, one, .admin) { request, context in
      let given = try EventTypeIn(try await JSON.body(request))
      let name = try context.path("type")
      if case .none = try? catalog.eventType(name) {
        return try Self.show(
          try catalog.createEventType(try given.draft(name: name)), status: .created)
      }
      var draft = try given.draft(name: name)
      try given.replace(&draft)
      return try Self.show(try catalog.updateEventType(name) { $0 = draft })
    }
    on(.patch, one, .admin) { request, context in
      let given = try EventTypeIn(try await JSON.body(request))
      let name = try context.path("type")
      var draft = EventTypeDraft(record: try catalog.eventType(name))
      try given.apply(to: &draft)
      return try Self.show(try catalog.updateEventType(name) { $0 = draft })
    }
    on(.delete, one, .admin) { request, context in
      let name = try context.path("type")
      if try QueryReader(request).flag("expunge") ?? false {
        try catalog.removeEventType(name)
      } else {
        try catalog.updateEventType(name) { $0.archived = true }
      }
      return .empty()
    }
  }

  private static func show(
    _ record: EventTypeRecord, status: HTTPResponse.Status = .ok
  ) throws -> Response {
    JSON.response(bytes: try EventTypeOut.bytes(record), status: status)
  }
}
