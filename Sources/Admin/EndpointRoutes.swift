internal import Broker
internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Wire

extension AdminRoutes {
  static let endpointPath = "/api/v1/app/{app}/endpoint/{endpoint}"

  /// `/api/v1/app/{app}/endpoint`.
  mutating func addEndpoints(_ control: BrokerControl) {
    let list = "/api/v1/app/{app}/endpoint"
    let one = Self.endpointPath
    let states = EndpointStates(control)
    on(.get, list, .read) { request, context in
      let application = try context.application()
      let page = try control.catalog.endpoints(
        application: application,
        page: try PageRequest(query: QueryReader(request), prefix: "ep_"))
      let known = try await states.states(application)
      return try JSON.response(
        ListOut(page, id: \.id) { record in
          EndpointOut(
            record, state: EndpointStates.standing(record) ?? known[record.id] ?? "ok")
        })
    }
    on(.post, list, .manage) { request, context in
      let given = try await JSON.decode(EndpointIn.self, from: request)
      return try await Self.create(
        control, try context.application(), try given.draft())
    }
    on(.get, one, .read) { _, context in
      let application = try context.application()
      let record = try control.catalog.endpoint(
        application: application, idOrUID: try context.endpoint())
      let state = try await states.state(record, application: application)
      return try JSON.response(EndpointOut(record, state: state))
    }
    on(.put, one, .manage) { request, context in
      let given = try await JSON.decode(EndpointIn.self, from: request)
      guard given.url.value != nil else {
        throw AdminError.invalid("url", "this field is required")
      }
      let name = try context.endpoint()
      if try Self.isMissing(control, try context.application(), name) {
        return try await Self.create(
          control, try context.application(), try given.draft(uid: name))
      }
      return try await Self.change(control, states, context, id: name, { given.replace(&$0) })
    }
    on(.patch, one, .manage) { request, context in
      let given = try await JSON.decode(EndpointIn.self, from: request)
      return try await Self.change(
        control, states, context, id: try context.endpoint(), { given.apply(to: &$0) })
    }
    on(.delete, one, .manage) { _, context in
      let dropped = try await control.removeEndpoint(
        application: try context.application(), id: try context.endpoint())
      return .empty(headers: [.fanfareDropped: "\(dropped)"])
    }
  }

  @inline(never)
  private static func create(
    _ control: BrokerControl, _ application: String, _ draft: EndpointDraft
  ) async throws -> Response {
    let record = try await control.createEndpoint(application: application, draft)
    var made = EndpointOut(
      record, state: EndpointStates.standing(record) ?? "ok", showsSecret: true)
    made.warning = control.targetWarning(record.url)
    return try JSON.response(made, status: .created)
  }

  /// Changes an endpoint and shows it.
  ///
  /// Never inlined: swiftc 6.3.1 crashes when it splits the coroutine of a route that holds this.
  @inline(never)
  private static func change(
    _ control: BrokerControl, _ states: EndpointStates, _ context: AdminContext, id: String,
    _ body: @escaping @Sendable (inout EndpointDraft) -> Void
  ) async throws -> Response {
    let record = try await control.updateEndpoint(
      application: try context.application(), id: id, body)
    let state = try await states.state(record, application: try context.application())
    var changed = EndpointOut(record, state: state)
    changed.warning = control.targetWarning(record.url)
    return try JSON.response(changed)
  }

  /// The answer to a change of state.
  static func show(
    _ record: EndpointRecord, _ states: EndpointStates, _ context: AdminContext
  ) async throws -> Response {
    let state = try await states.state(record, application: try context.application())
    return try JSON.response(EndpointOut(record, state: state))
  }

  /// Whether PUT must create: nothing has this name, and it is no id of what is gone.
  private static func isMissing(
    _ control: BrokerControl, _ application: String, _ name: String
  ) throws -> Bool {
    do throws(CatalogError) {
      _ = try control.catalog.endpoint(application: application, idOrUID: name)
      return false
    } catch {
      let isID = name.hasPrefix("ep_") && KSUID(String(name.dropFirst(3))) != nil
      guard case .notFound = error, !isID else { throw error }
      return true
    }
  }
}
