internal import Base
internal import GRDB
internal import Wire

extension Catalog {
  /// The endpoints of an application, or all, the oldest first.
  ///
  /// - Throws: ``CatalogError/notFound(_:)``: no such application.
  public func endpoints(application: String?) throws(CatalogError) -> [EndpointRecord] {
    var records: [EndpointRecord] = []
    try forEachEndpoint(application: application) { records.append($0) }
    return records
  }

  /// Gives the endpoints of an application, or all, one after the other, the oldest first: many at once
  /// take a multiple of what is kept of them.
  ///
  /// - Parameter body: must not ask the catalogue.
  /// - Throws: ``CatalogError/notFound(_:)``: no such application.
  public func forEachEndpoint(
    application: String? = nil, _ body: (EndpointRecord) -> Void
  ) throws(CatalogError) {
    try read { database in
      let rows = try Self.rows(database, EndpointRow.selection, of: application)
      while let row = try rows.next() { body(try EndpointRow.record(row, sealer)) }
    }
  }

  /// Gives the same endpoints as ``forEachEndpoint(application:_:)`` in short.
  ///
  /// - Parameter body: must not ask the catalogue.
  /// - Throws: ``CatalogError/notFound(_:)``: no such application.
  public func forEachSummary(
    application: String? = nil, _ body: (EndpointSummary) -> Void
  ) throws(CatalogError) {
    try read { database in
      let rows = try Self.rows(database, EndpointRow.summarySelection, of: application)
      while let row = try rows.next() { body(EndpointRow.summary(row)) }
    }
  }

  /// Some endpoints in short; `nil` for one that there is not.
  public func summaries(of numbers: [UInt32]) throws(CatalogError) -> [EndpointSummary?] {
    try read { database in
      let statement = try database.cachedStatement(
        sql: EndpointRow.summarySelection + " WHERE number = ?")
      return try numbers.map { number in
        try Row.fetchOne(statement, arguments: [number]).map(EndpointRow.summary)
      }
    }
  }

  private static func rows(
    _ database: Database, _ selection: String, of application: String?
  ) throws -> RowCursor {
    var query = selection
    var arguments: StatementArguments = []
    if let application {
      query +=
        " JOIN endpoint_application AS own ON own.endpoint = endpoint.number "
        + "WHERE own.application = ?"
      arguments = [try Self.application(database, application).number]
    }
    query += " ORDER BY endpoint.number"
    return try Row.fetchCursor(database, sql: query, arguments: arguments)
  }

  /// Some endpoints of an application, in order of their ids.
  ///
  /// - Throws: ``CatalogError/notFound(_:)``: no such application.
  public func endpoints(
    application: String, page: PageRequest
  ) throws(CatalogError) -> Page<EndpointRecord> {
    return try read { database in
      let number = try Self.application(database, application).number
      let (condition, order) = page.clauses(column: "own.endpoint_id")
      var arguments: StatementArguments = [number]
      if let cursor = page.cursor { arguments += [cursor] }
      let rows = try Row.fetchAll(
        database,
        sql: EndpointRow.selection
          + " JOIN endpoint_application AS own ON own.endpoint = endpoint.number "
          + "WHERE own.application = ?\(condition) \(order) LIMIT \(page.limit + 1)",
        arguments: arguments)
      return page.page(try rows.map { try EndpointRow.record($0, sealer) })
    }
  }

  /// The endpoint of an application that is called so.
  ///
  /// - Parameter idOrUID: its id or its name.
  /// - Throws: ``CatalogError/notFound(_:)`` with the nearest name.
  public func endpoint(
    application: String, idOrUID: String
  ) throws(CatalogError) -> EndpointRecord {
    return try read { database in
      let number = try Self.endpointNumber(database, application, idOrUID)
      return try record(database, number)
    }
  }

  /// The endpoint with this number; `nil` when there is none.
  public func endpoint(number: UInt32) throws(CatalogError) -> EndpointRecord? {
    return try read { database in
      try Row.fetchOne(
        database, sql: EndpointRow.selection + " WHERE number = ?", arguments: [number]
      ).map { try EndpointRow.record($0, sealer) }
    }
  }

  /// The highest number that an endpoint was ever given.
  public func endpointNumberHighWater() throws(CatalogError) -> UInt32 {
    try read { database in
      try UInt32.fetchOne(database, sql: "SELECT value FROM counter WHERE name = 'endpoint'") ?? 0
    }
  }

  /// Makes sure that no number up to this one is given again: the log may know more of them than a
  /// catalogue from a backup.
  public func raiseEndpointNumberHighWater(to number: UInt32) throws(CatalogError) {
    try write { database in
      try database.execute(
        sql: """
          INSERT INTO counter (name, value) VALUES ('endpoint', ?)
          ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
          """,
        arguments: [number])
    }
  }

  // MARK: Within a transaction

  func record(_ database: Database, _ number: UInt32) throws -> EndpointRecord {
    let query = EndpointRow.selection + " WHERE number = ?"
    guard let row = try Row.fetchOne(database, sql: query, arguments: [number]) else {
      throw CatalogError.notFound("endpoint \(number) not found")
    }
    return try EndpointRow.record(row, sealer)
  }

  static func endpointNumber(
    _ database: Database, _ application: String, _ text: String
  ) throws -> UInt32 {
    let owner = try Self.application(database, application)
    let number = try UInt32.fetchOne(
      database,
      sql: "SELECT endpoint FROM endpoint_application "
        + "WHERE application = ?1 AND (endpoint_id = ?2 OR uid = ?2)",
      arguments: [owner.number, text])
    if let number { return number }
    throw CatalogError.notFound(try unknownEndpoint(database, owner, text))
  }

  private static func unknownEndpoint(
    _ database: Database, _ application: ApplicationRecord, _ text: String
  ) throws -> String {
    let names = try String.fetchAll(
      database,
      sql: "SELECT coalesce(uid, endpoint_id) FROM endpoint_application "
        + "WHERE application = ? LIMIT 10000",
      arguments: [application.number])
    let unknown =
      "endpoint '\(DraftRules.shown(text))' not found in application '\(application.label)'"
    return unknown
      + (Suggestion.nearest(to: text, in: names).map { "; did you mean '\($0)'?" } ?? "")
  }
}
