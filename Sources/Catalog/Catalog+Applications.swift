internal import Base
internal import GRDB
internal import Synchronization
internal import Wire

extension Catalog {
  /// All applications, the oldest first.
  public func applications() throws(CatalogError) -> [ApplicationRecord] {
    try read { database in
      try Row.fetchAll(database, sql: "SELECT * FROM application ORDER BY number")
        .map(Self.application)
    }
  }

  /// The application that is called so.
  ///
  /// - Parameter text: its id, its uid, or its name where only one has it.
  /// - Throws: ``CatalogError/notFound(_:)`` with the nearest name.
  public func application(_ text: String) throws(CatalogError) -> ApplicationRecord {
    try read { database in try Self.application(database, text) }
  }

  /// Makes an application.
  ///
  /// - Throws: ``CatalogError/invalid(field:_:)``; ``CatalogError/conflict(_:)``: the uid is taken.
  @discardableResult
  public func createApplication(_ draft: ApplicationDraft) throws(CatalogError) -> ApplicationRecord
  {
    try Self.check(draft)
    let id = makeID("app_")
    let now = clock()
    return try write { database in
      try Self.refuseTaken(database, uid: draft.uid, number: nil)
      let number = try Self.nextNumber(database, "application")
      try database.execute(
        sql: """
          INSERT INTO application (number, id, uid, name, metadata, created_at, updated_at)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          number, id, draft.uid, draft.name, try JSONColumn.text(draft.metadata),
          Int64(now.value), Int64(now.value),
        ])
      return try Self.application(database, id)
    }
  }

  /// Changes an application's name, uid and metadata.
  ///
  /// - Throws: also ``CatalogError/conflict(_:)`` for one that Fanfare needs.
  @discardableResult
  public func updateApplication(
    _ text: String, _ draft: ApplicationDraft
  ) throws(CatalogError) -> ApplicationRecord {
    try Self.check(draft)
    let now = clock()
    return try write { database in
      let record = try Self.application(database, text)
      if record.isStanding, record.uid != draft.uid {
        throw CatalogError.conflict("application '\(record.label)' cannot be given another uid")
      }
      try Self.refuseTaken(database, uid: draft.uid, number: record.number)
      try database.execute(
        sql: "UPDATE application SET uid = ?, name = ?, metadata = ?, updated_at = ? "
          + "WHERE number = ?",
        arguments: [
          draft.uid, draft.name, try JSONColumn.text(draft.metadata), Int64(now.value),
          record.number,
        ])
      return try Self.application(database, record.id)
    }
  }

  /// Removes an application with the endpoints that serve no other one.
  ///
  /// Their tombstones must be in the log by then.
  ///
  /// - Returns: numbers of the endpoints that went with it.
  /// - Throws: ``CatalogError/conflict(_:)`` for one that Fanfare needs.
  @discardableResult
  public func removeApplication(_ text: String) throws(CatalogError) -> [UInt32] {
    let removed = try write { database in
      let record = try Self.application(database, text)
      if record.isStanding {
        throw CatalogError.conflict("application '\(record.label)' cannot be removed")
      }
      let numbers = try Self.onlyIn(database, record.number)
      for number in numbers { try Self.deleteEndpoint(database, number) }
      try database.execute(
        sql: "DELETE FROM application WHERE number = ?", arguments: [record.number])
      return numbers
    }
    deadTally.withLock { tally in for number in removed { tally[number] = nil } }
    try loadGrants()
    return removed
  }

  // MARK: Within a transaction

  static func application(_ database: Database, _ text: String) throws -> ApplicationRecord {
    let byID = "SELECT * FROM application WHERE id = ?1 OR uid = ?1"
    if let row = try Row.fetchOne(database, sql: byID, arguments: [text]) {
      return try application(row)
    }
    let byName = "SELECT * FROM application WHERE name = ? LIMIT 2"
    let rows = try Row.fetchAll(database, sql: byName, arguments: [text])
    if rows.count == 1 { return try application(rows[0]) }
    if rows.count > 1 {
      throw CatalogError.conflict(
        "several applications are named '\(DraftRules.shown(text))'; give the id")
    }
    throw CatalogError.notFound(try unknownApplication(database, text))
  }

  static func application(_ row: Row) throws(CatalogError) -> ApplicationRecord {
    ApplicationRecord(
      number: UInt32(truncatingIfNeeded: row["number"] as Int64), id: row["id"], uid: row["uid"],
      name: row["name"], metadata: try JSONColumn.pairs(row["metadata"]),
      createdAt: JSONColumn.time(row["created_at"]), updatedAt: JSONColumn.time(row["updated_at"]))
  }

  private static func unknownApplication(_ database: Database, _ text: String) throws -> String {
    let names = try String.fetchAll(
      database, sql: "SELECT coalesce(uid, name) FROM application ORDER BY number LIMIT 10000")
    let unknown = "application '\(DraftRules.shown(text))' not found"
    return unknown
      + (Suggestion.nearest(to: text, in: names).map { "; did you mean '\($0)'?" } ?? "")
  }

  private static func onlyIn(_ database: Database, _ application: UInt32) throws -> [UInt32] {
    try UInt32.fetchAll(
      database,
      sql: """
        SELECT endpoint FROM endpoint_application AS own WHERE application = ?1 AND NOT EXISTS (
          SELECT 1 FROM endpoint_application AS other
          WHERE other.endpoint = own.endpoint AND other.application <> ?1
        ) ORDER BY endpoint
        """,
      arguments: [application])
  }

  private static func refuseTaken(_ database: Database, uid: String?, number: UInt32?) throws {
    guard let uid else { return }
    let owner = try UInt32.fetchOne(
      database, sql: "SELECT number FROM application WHERE uid = ?", arguments: [uid])
    if let owner, owner != number {
      throw CatalogError.conflict("application '\(uid)' exists already")
    }
  }

  /// Whether an application could be made of a draft, but for names that are taken.
  ///
  /// - Throws: ``CatalogError/invalid(field:_:)``.
  public static func check(_ draft: ApplicationDraft) throws(CatalogError) {
    if draft.name.isEmpty { throw .invalid(field: "name", "must not be empty") }
    try DraftRules.checkText(
      draft.name, field: "name", charactersMax: EventRules.nameBytesMax, lines: false)
    try DraftRules.checkUID(draft.uid, prefix: "app_")
    try DraftRules.checkMetadata(draft.metadata)
  }

  // MARK: At the start

  /// Makes `default` (number 1) and `_system` (number 2) in a new catalogue.
  func addStandingApplications() throws(CatalogError) {
    for name in [Self.defaultApplication, Self.systemApplication] {
      let known = try read { database in
        try Row.fetchOne(
          database, sql: "SELECT 1 FROM application WHERE uid = ?", arguments: [name]) != nil
      }
      if !known { try createApplication(ApplicationDraft(name: name, uid: name)) }
    }
  }

  /// The next number of a kind, never given before.
  static func nextNumber(_ database: Database, _ kind: String) throws -> UInt32 {
    let last = try Int64.fetchOne(
      database,
      sql: """
        INSERT INTO counter (name, value) VALUES (?, 1)
        ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value
        """,
      arguments: [kind])
    guard let last, let number = UInt32(exactly: last) else {
      throw CatalogError.failure("catalogue: numbers for \(kind)s are used up")
    }
    return number
  }
}
