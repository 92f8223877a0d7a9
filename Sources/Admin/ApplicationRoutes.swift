internal import Broker
internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Wire

extension AdminRoutes {
  /// `/api/v1/app`.
  mutating func addApplications(_ control: BrokerControl) {
    let list = "/api/v1/app"
    let one = "/api/v1/app/{app}"
    on(.get, list, .read) { request, _ in
      let page = try PageRequest(query: QueryReader(request), prefix: "app_")
        .page(of: try control.catalog.applications(), id: \.id)
      return try JSON.response(ListOut(page, id: \.id, ApplicationOut.init))
    }
    on(.post, list, .admin) { request, _ in
      let draft = try await JSON.decode(ApplicationIn.self, from: request).draft()
      try Catalog.check(draft)
      if try QueryReader(request).flag("get_if_exists") ?? false, let uid = draft.uid,
        let known = try? control.catalog.application(uid)
      {
        return try JSON.response(ApplicationOut(known))
      }
      let record = try await control.createApplication(draft)
      return try JSON.response(ApplicationOut(record), status: .created)
    }
    on(.get, one, .read) { _, context in
      let record = try control.catalog.application(try context.application())
      return try JSON.response(ApplicationOut(record))
    }
    on(.put, one, .admin) { request, context in
      let given = try await JSON.decode(ApplicationIn.self, from: request)
      let name = try context.application()
      if try Self.isMissing(control, name) {
        let record = try await control.createApplication(try given.draft(uid: name))
        return try JSON.response(ApplicationOut(record), status: .created)
      }
      return try await Self.change(control, name) { (draft) throws(AdminError) in
        try given.replace(&draft)
      }
    }
    on(.patch, one, .admin) { request, context in
      let given = try await JSON.decode(ApplicationIn.self, from: request)
      return try await Self.change(control, try context.application()) {
        (draft) throws(AdminError) in try given.apply(to: &draft)
      }
    }
    on(.delete, one, .admin) { _, context in
      let dropped = try await control.removeApplication(try context.application())
      return .empty(headers: [.fanfareDropped: "\(dropped)"])
    }
  }

  @inline(never)
  private static func change(
    _ control: BrokerControl, _ name: String,
    _ body: (inout ApplicationDraft) throws(AdminError) -> Void
  ) async throws -> Response {
    let known = try control.catalog.application(name)
    var draft = ApplicationDraft(record: known)
    try body(&draft)
    let record = try await control.updateApplication(known.id, draft)
    return try JSON.response(ApplicationOut(record))
  }

  /// Makes the application that a request names beside what it is about, unless it is there.
  static func ensureApplication(
    _ control: BrokerControl, _ name: String, _ given: ApplicationIn?
  ) async throws {
    guard let given else { return }
    try Catalog.check(try given.draft())
    guard try isMissing(control, name) else { return }
    _ = try await control.createApplication(try given.draft(uid: name))
  }

  /// Whether a name is free: nothing has it, and it is no id of what is gone.
  private static func isMissing(_ control: BrokerControl, _ name: String) throws -> Bool {
    do throws(CatalogError) {
      _ = try control.catalog.application(name)
      return false
    } catch {
      let isID = name.hasPrefix("app_") && KSUID(String(name.dropFirst(4))) != nil
      guard case .notFound = error, !isID else { throw error }
      return true
    }
  }
}

extension HTTPField.Name {
  /// Pending deliveries that a removal dropped.
  static let fanfareDropped: HTTPField.Name = {
    guard let name = HTTPField.Name("Fanfare-Dropped") else { preconditionFailure("a token") }
    return name
  }()
}
