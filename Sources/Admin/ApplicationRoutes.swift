internal import Broker
internal import Catalog
internal import HTTPTypes
internal import Hummingbird

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
      let given = try await JSON.decode(ApplicationIn.self, from: request)
      if QueryReader(request).flag("get_if_exists"), let uid = given.uid,
        let known = try? control.catalog.application(uid)
      {
        return try JSON.response(ApplicationOut(known))
      }
      let record = try await control.createApplication(given.draft)
      return try JSON.response(ApplicationOut(record), status: .created)
    }
    on(.get, one, .read) { _, context in
      let record = try control.catalog.application(try context.application())
      return try JSON.response(ApplicationOut(record))
    }
    on(.delete, one, .admin) { _, context in
      let dropped = try await control.removeApplication(try context.application())
      return .empty(headers: [.fanfareDropped: "\(dropped)"])
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
