public import Catalog

extension BrokerControl {
  /// Creates an application; events can be published to it when this returns.
  public func createApplication(_ draft: ApplicationDraft)
    async throws(ControlError) -> ApplicationRecord
  {
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.createApplication(draft)
    }
    await funnel.applyApplications()
    return record
  }

  /// Changes an application's name, uid and metadata; both its names are known when this returns.
  public func updateApplication(_ application: String, _ draft: ApplicationDraft)
    async throws(ControlError) -> ApplicationRecord
  {
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.updateApplication(application, draft)
    }
    await funnel.applyApplications()
    return record
  }

  /// Removes an application with its endpoints.
  /// - Returns: pending deliveries that were dropped.
  public func removeApplication(_ application: String) async throws(ControlError) -> UInt64 {
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.application(application)
    }
    if record.isStanding {
      throw .conflict("application '\(record.label)' belongs to Fanfare and stays")
    }
    let members = try catalogCall { () throws(CatalogError) in
      try catalog.endpoints(application: record.id)
    }
    var dropped: UInt64 = 0
    for member in members where member.applicationNumbers == [record.number] {
      dropped += try await removeEndpoint(application: record.id, id: member.id)
    }
    _ = try catalogCall { () throws(CatalogError) in try catalog.removeApplication(record.id) }
    await funnel.applyApplications()
    return dropped
  }

  /// The name by which ingest knows an application that was given as id, uid or name.
  func applicationName(_ text: String) throws(ControlError) -> String {
    try catalogCall { () throws(CatalogError) in try catalog.application(text) }.id
  }
}
