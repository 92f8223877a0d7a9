internal import Base
package import Broker
internal import Catalog
internal import Flow
internal import HTTPTypes
internal import Hummingbird

extension AdminRoutes {
  /// What was tried: `…/attempt/endpoint/{endpoint}`, `…/attempt/msg/{message}`, one by its id; and
  /// how deliveries stand, by endpoint and by event.
  mutating func addAttempts(_ control: BrokerControl) {
    on(.get, "/api/v1/app/{app}/attempt/endpoint/{endpoint}", .read) { request, context in
      let query = QueryReader(request)
      let page = try await control.attempts(
        application: try context.application(), endpoint: try context.endpoint(),
        try AttemptQuery(query))
      return try Self.show(page, query, control)
    }
    on(.get, "/api/v1/app/{app}/attempt/msg/{message}", .read) { request, context in
      let query = QueryReader(request)
      let application = try context.application()
      var wanted = try AttemptQuery(query)
      wanted.filter.endpoint = try query.text("endpoint_id").map {
        try control.catalog.endpoint(application: application, idOrUID: $0).number
      }
      let page = try await control.attempts(
        application: application, message: try context.path("message"), wanted)
      return try Self.show(page, query, control)
    }
    let one = "\(Self.messagePath)/attempt/{attempt}"
    on(.get, one, .read) { _, context in
      let attempt = try await control.attempt(
        application: try context.application(), message: try context.path("message"),
        number: try Self.attempt(context))
      return try JSON.response(AttemptOut(attempt, showsContent: true))
    }
    on(.delete, "\(one)/content", .manage) { _, context in
      try await control.clearResponse(
        application: try context.application(), message: try context.path("message"),
        number: try Self.attempt(context))
      return .empty()
    }
    addDeliveries(control)
    addStatistics(control)
  }

  private mutating func addDeliveries(_ control: BrokerControl) {
    on(.get, "\(Self.endpointPath)/msg", .read) { request, context in
      let query = QueryReader(request)
      let status = try query.whole("status", in: 0...4)
      let showsContent = try query.flag("with_content") ?? true
      var wanted = try EventQuery(query)
      wanted.application = try context.application()
      let (page, states) = try await control.messages(of: try context.endpoint(), wanted)
      let wantedOnes = zip(page.messages, states).filter { _, state in
        status.map { $0 == state.kind.rawValue } ?? true
      }
      let shown = try wantedOnes.map { message, state in
        try JSON.object(
          Both(first: MessageOut(message), second: DeliveryStateOut(state)), adding: "payload",
          message.shown(showsContent))
      }
      return JSON.response(
        bytes: try JSON.list(
          shown, iterator: "\(page.next.packed)",
          prevIterator: page.previous.map { "-\($0.packed)" }, done: page.isLast))
    }
    on(.get, "\(Self.messagePath)/endpoint", .read) { request, context in
      let (page, states) = try await control.receivers(
        application: try context.application(), id: try context.path("message"),
        page: try PageRequest(query: QueryReader(request), prefix: "ep_"))
      let elements = zip(page.elements, states).map { record, state in
        Both(
          first: EndpointOut(record, state: EndpointStates.standing(record) ?? "ok"),
          second: DeliveryStateOut(state))
      }
      return try JSON.response(
        ListOut(
          data: elements, iterator: page.elements.last?.id,
          prevIterator: page.elements.first.map { "-\($0.id)" }, done: page.isLast))
    }
  }

  /// `…/endpoint/{endpoint}/stats`: by whole hours, the last four weeks unless told otherwise.
  private mutating func addStatistics(_ control: BrokerControl) {
    on(.get, "\(Self.endpointPath)/stats", .read) { request, context in
      let query = QueryReader(request)
      let until = try query.time("until") ?? control.catalog.now
      let window: UInt64 = 28 * 86_400_000
      let since =
        try query.time("since") ?? UnixMilliseconds(until.value - min(until.value, window))
      let (tally, pending, inFlight) = try await control.statistics(
        application: try context.application(), endpoint: try context.endpoint(), since: since,
        until: until)
      return try JSON.response(
        StatisticsOut(
          success: tally.delivered, pending: pending, sending: inFlight, fail: tally.dead))
    }
  }

  private static func attempt(_ context: AdminContext) throws -> Int64 {
    guard let number = AttemptID.number(try context.path("attempt")) else {
      throw AdminError.notFound("no such attempt")
    }
    return number
  }

  private static func show(
    _ page: AttemptPage, _ query: QueryReader, _ control: BrokerControl
  ) throws -> Response {
    let showsContent = try query.flag("with_content") ?? true
    let showsMessage = try query.flag("with_msg") ?? false
    let elements = try page.attempts.map { attempt in
      let out = AttemptOut(attempt, showsContent: showsContent)
      guard showsMessage, let message = try control.message(of: attempt) else {
        return try JSON.encode(out)
      }
      return try JSON.object(
        out, adding: "msg", try MessageOut.bytes(message, showsContent: showsContent))
    }
    return JSON.response(
      bytes: try JSON.list(
        elements, iterator: page.next.map(Self.iterator),
        prevIterator: page.previous.map { "-" + Self.iterator($0) }, done: page.isLast))
  }

  /// The iterator is the id of the attempt that stands there, or stood.
  private static func iterator(_ number: Int64) -> String {
    AttemptID.text(number, seconds: AttemptNumber.time(number).seconds)
  }
}

extension AttemptQuery {
  /// What Svix's lists of attempts may be asked for.
  package init(_ query: QueryReader) throws {
    self.init()
    limit = try query.limit()
    types = try query.types("event_types")
    withAnswers = try query.flag("with_content") ?? true
    channel = try query.channel()
    filter.since = try query.time("after").map { UnixMilliseconds($0.value + 1) }
    filter.before = try query.time("before")
    filter.statusClass = try query.whole("status_code_class", in: 0...500)
    if let code = filter.statusClass, code % 100 != 0 {
      throw AdminError.invalid("status_code_class", "0, 100, 200, 300, 400 or 500", in: "query")
    }
    // Attempts have succeeded or failed; none is kept that is under way.
    if let status = try query.whole("status", in: 0...4) {
      filter.success = status == 0
      if status != 0, status != 2 { limit = 0 }
    }
    guard let iterator = try query.iterator({ AttemptID.number($0) }) else { return }
    if iterator.isBackwards {
      after = iterator.place
    } else {
      before = iterator.place
    }
  }
}
