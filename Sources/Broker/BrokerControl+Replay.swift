public import Base
internal import Catalog

extension BrokerControl {
  /// Begins to send events again. The endpoint is looked up before this returns; the events are
  /// looked for afterwards.
  /// - Returns: the replay as it begins; ask for it by its id.
  public func replay(_ request: ReplayRequest) throws(ControlError) -> ReplayReport {
    if let endpoint = request.selection.endpoint {
      let record = try self.endpoint(application: request.application, id: endpoint)
      if record.disabled, !request.isTrial {
        throw .conflict("'\(record.name)' is disabled; enable it first")
      }
    } else {
      _ = try applicationNumber(request.application)
    }
    if case .history(_, let types, _, _) = request.selection { _ = try Self.patterns(types) }
    if let (since, until) = request.selection.stretch, until < since {
      throw .invalid(field: "until", "is before since")
    }
    if let rate = request.ratePerSecond, !(rate > 0 && rate <= 1e9) {
      throw .invalid(field: "ratePerSecond", "must be above 0")
    }
    let ticket = try replays.begin(request)
    Task(priority: .low) { [self] in
      await ReplayRun(control: self, request: request, ticket: ticket).run()
    }
    return ticket.report
  }

  /// How far a replay has come.
  public func replay(id: String) throws(ControlError) -> ReplayReport {
    try replays.find(id).report
  }

  /// All replays since the start, the newest first; of those that ended the last hundred.
  public var replayReports: [ReplayReport] { replays.reports }

  /// Ends a replay. What was handed over stays pending; nothing more is.
  public func cancelReplay(id: String) throws(ControlError) -> ReplayReport {
    let ticket = try replays.find(id)
    ticket.cancel()
    return ticket.report
  }

  /// Takes dead letters off the list for good.
  /// - Returns: how many went, or with `isTrial` would go.
  public func purgeDead(
    application: String, endpoint: String?, since: UnixMilliseconds?, isTrial: Bool
  ) throws(ControlError) -> Int {
    let records = try catalogCall { () throws(CatalogError) -> [EndpointRecord] in
      if let endpoint {
        return [try catalog.endpoint(application: application, idOrUID: endpoint)]
      }
      return try catalog.endpoints(application: application)
    }
    return try catalogCall { () throws(CatalogError) in
      try catalog.purgeDead(endpoints: records.map(\.number), since: since, isTrial: isTrial)
    }
  }
}

extension ReplayRequest.Selection {
  /// The one endpoint that is named.
  var endpoint: String? {
    switch self {
    case .event(_, let endpoint), .failed(let endpoint, _, _): return endpoint
    case .history(let endpoint, _, _, _), .missing(let endpoint, _, _), .place(_, let endpoint):
      return endpoint
    }
  }

  /// Its name in reports.
  var kind: String {
    switch self {
    case .event, .place: "event"
    case .failed: "failed"
    case .history: "history"
    case .missing: "missing"
    }
  }

  /// From when to when; `nil` unless it has both ends.
  var stretch: (since: UnixMilliseconds, until: UnixMilliseconds)? {
    switch self {
    case .failed(_, let since?, let until?), .history(_, _, let since, let until?),
      .missing(_, let since, let until?):
      return (since, until)
    default: return nil
    }
  }
}
