internal import Base
package import Broker
internal import Catalog
internal import Hummingbird
internal import Wire

/// What to send again. `event` is one event; `failed` what was given up; else `since` says from
/// when.
package struct ReplayIn: Decodable {
  /// Application; `default` otherwise.
  var app: String?
  var event: String?
  var endpoint: String?
  var failed: Bool?
  var types: [String]?
  var since: String?
  var until: String?
  /// `10/s`, `100/m`.
  var rate: String?
  var dryRun: Bool?

  /// What the broker is asked for.
  ///
  /// - Throws: ``AdminError``, 422 for what is missing, wrong or contradicts itself.
  package func request() throws(AdminError) -> ReplayRequest {
    ReplayRequest(
      application: app ?? "default", selection: try selection(), ratePerSecond: try perSecond(),
      isTrial: dryRun ?? false)
  }

  private func selection() throws(AdminError) -> ReplayRequest.Selection {
    let since = try TimeText.read(since, field: "since", in: "body")
    let until = try TimeText.read(until, field: "until", in: "body")
    if let event {
      try refuse("event", with: [("failed", failed == true), ("types", types != nil)])
      try refuse("event", with: [("since", since != nil), ("until", until != nil)])
      return .event(id: event, endpoint: endpoint)
    }
    if failed == true {
      try refuse("failed", with: [("types", types != nil)])
      return .failed(endpoint: endpoint, since: since, until: until)
    }
    guard let endpoint else {
      throw .invalid("endpoint", "this field is required, unless event or failed is given")
    }
    guard let since else {
      throw .invalid("since", "this field is required, unless event or failed is given")
    }
    return .history(endpoint: endpoint, types: types ?? [], since: since, until: until)
  }

  private func refuse(_ field: String, with others: [(String, Bool)]) throws(AdminError) {
    for (other, isGiven) in others where isGiven {
      throw .invalid(other, "does not go together with \(field)")
    }
  }

  private func perSecond() throws(AdminError) -> Double? {
    guard let rate else { return nil }
    guard let value = Quantity.rate(rate) else {
      throw .invalid("rate", "'\(rate)' is no rate such as 10/s or 100/m")
    }
    return value.perSecond
  }
}

extension AdminRoutes {
  /// `/api/v1/replay`: POST begins one, GET shows how far it is, DELETE ends it.
  mutating func addReplays(_ control: BrokerControl) {
    let list = "/api/v1/replay"
    let one = "/api/v1/replay/{replay}"
    on(.post, list, .admin) { request, context in
      try Self.refuseNarrowToken(context)
      let given = try await JSON.decode(ReplayIn.self, from: request)
      return try JSON.response(try control.replay(try given.request()), status: .accepted)
    }
    on(.get, list, .read) { _, context in
      try Self.refuseNarrowToken(context)
      return try JSON.response(
        ListOut(data: control.replayReports, iterator: nil, prevIterator: nil, done: true))
    }
    on(.get, one, .read) { _, context in
      try Self.refuseNarrowToken(context)
      return try JSON.response(try control.replay(id: try context.path("replay")))
    }
    on(.delete, one, .admin) { _, context in
      try Self.refuseNarrowToken(context)
      return try JSON.response(try control.cancelReplay(id: try context.path("replay")))
    }
  }

  /// A replay is no part of an application's path, so a token for one application has no say.
  static func refuseNarrowToken(_ context: AdminContext) throws(AdminError) {
    if context.grant?.applicationNumber != nil {
      throw .forbidden("this token is for one application only; replays need one for all")
    }
  }
}
