public import Catalog
internal import Delivery
internal import Flow
internal import Platform
internal import Synchronization
internal import Wire

extension BrokerControl {
  /// Creates an endpoint and routes events to it.
  /// - Parameter application: id, uid or name.
  /// - Returns: the record, its secret included: the only time that it leaves the broker.
  public func createEndpoint(application: String, _ draft: EndpointDraft)
    async throws(ControlError) -> EndpointRecord
  {
    try refuseForbiddenTarget(draft.url)
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.createEndpoint(application: application, draft)
    }
    await funnel.apply(record)
    return record
  }

  /// Changes an endpoint. What is pending follows the new URL, secret, headers and limits at its next
  /// attempt; new types and channels count for new events only.
  public func updateEndpoint(
    application: String, id: String, _ change: @Sendable (inout EndpointDraft) -> Void
  ) async throws(ControlError) -> EndpointRecord {
    let current = try endpoint(application: application, id: id)
    var draft = EndpointDraft(record: current)
    change(&draft)
    try refuseForbiddenTarget(draft.url)
    let changed = draft
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.updateEndpoint(application: application, id: id, changed)
    }
    await apply(record, insteadOf: current)
    return record
  }

  /// Removes an endpoint: a synced tombstone in the log first, then the catalogue's delete.
  /// - Returns: pending deliveries that were dropped.
  public func removeEndpoint(application: String, id: String) async throws(ControlError) -> UInt64 {
    let record = try endpoint(application: application, id: id)
    await funnel.withdraw(record)
    let dropped = try await plane.removeLane(EndpointNumber(record.number))
    try catalogCall { () throws(CatalogError) in
      try catalog.removeEndpoint(application: application, id: id)
    }
    return dropped
  }

  /// Stops sending, or goes on; events keep queueing meanwhile.
  public func setPaused(application: String, id: String, _ paused: Bool)
    async throws(ControlError) -> EndpointRecord
  {
    let current = try endpoint(application: application, id: id)
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.setPaused(application: application, id: id, paused)
    }
    await apply(record, insteadOf: current)
    return record
  }

  /// Disables, so that new events are not queued, or enables again.
  /// - Parameter reason: why, for whoever looks at it later; ignored when enabling.
  public func setDisabled(
    application: String, id: String, _ disabled: Bool, reason: String = "by hand"
  ) async throws(ControlError) -> EndpointRecord {
    let current = try endpoint(application: application, id: id)
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.setDisabled(
        application: application, id: id, disabled, reason: disabled ? reason : nil)
    }
    await apply(record, insteadOf: current)
    return record
  }

  /// Takes a change to reactors and routing, and tells of it what others may want to know.
  private func apply(_ record: EndpointRecord, insteadOf before: EndpointRecord) async {
    await funnel.apply(record)
    if record.disabled, !before.disabled {
      operational.raise(
        .disabled(
          endpoint: record.number, reason: record.disabledReason ?? "by hand", isManual: true,
          failSince: nil))
    }
    if record.paused, !before.paused { operational.raise(.paused(endpoint: record.number)) }
  }

  /// Gives an endpoint a new secret; the old one signs too for the grace period.
  public func rotateSecret(
    application: String, id: String, key: String?, gracePeriodSeconds: Int
  ) async throws(ControlError) -> EndpointRecord {
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.rotateSecret(
        application: application, id: id, key: key, gracePeriodSeconds: gracePeriodSeconds)
    }
    await funnel.apply(record)
    return record
  }

  func endpoint(application: String, id: String) throws(ControlError) -> EndpointRecord {
    try catalogCall { () throws(CatalogError) in
      try catalog.endpoint(application: application, idOrUID: id)
    }
  }

  /// Why nothing will be sent to a URL as the broker is set; `nil` when something may.
  ///
  /// Only a literal address, or `localhost`, can be judged here: a name is judged at each connect.
  public func targetWarning(_ url: String) -> String? {
    guard let target = try? URLTarget(parsing: url) else { return nil }
    let isLocal = target.host == "localhost" || target.host.hasSuffix(".localhost")
    let host = isLocal ? "127.0.0.1" : target.host.filter { $0 != "[" && $0 != "]" }
    guard let address = SocketAddress(literal: host, port: target.port) else { return nil }
    return plane.limits.withLock { $0.reactor.addressGuard }.refusal([address], port: target.port)
      .map { "nothing will be sent there: \($0)" }
  }

  /// http targets need leave; private addresses are refused at connect, where DNS can't deceive.
  private func refuseForbiddenTarget(_ url: String) throws(ControlError) {
    let settings = settings
    if url.lowercased().hasPrefix("http://"), !settings.dev, !settings.allowHTTP {
      throw .invalid(
        field: "url", "http:// is not allowed; use https://, or start with --allow-http or --dev")
    }
  }

  /// Translates the catalogue's errors into what callers are told.
  func catalogCall<R>(_ body: () throws(CatalogError) -> R) throws(ControlError) -> R {
    do throws(CatalogError) {
      return try body()
    } catch {
      throw ControlError(error)
    }
  }
}

extension ControlError {
  init(_ error: CatalogError) {
    switch error {
    case .notFound(let text): self = .notFound(text)
    case .invalid(let field, let text): self = .invalid(field: field, text)
    case .conflict(let text): self = .conflict(text)
    case .failure(let text): self = .internalFailure(text)
    }
  }
}
