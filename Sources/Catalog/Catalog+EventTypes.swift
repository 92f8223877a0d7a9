internal import Base
internal import GRDB
internal import Wire

extension Catalog {
  /// Some event types, in order of their names.
  ///
  /// - Parameter archived: whether archived ones are among them.
  public func eventTypes(
    page: PageRequest, archived: Bool
  ) throws(CatalogError) -> Page<EventTypeRecord> {
    try read { database in
      let (condition, order) = page.clauses(column: "name")
      var arguments: StatementArguments = [archived]
      if let cursor = page.cursor { arguments += [cursor] }
      let rows = try Row.fetchAll(
        database,
        sql: "SELECT * FROM event_type WHERE archived <= ?\(condition) \(order) "
          + "LIMIT \(page.limit + 1)",
        arguments: arguments)
      return page.page(try rows.map(Self.eventType))
    }
  }

  /// The event type with this name.
  ///
  /// - Throws: ``CatalogError/notFound(_:)`` with the nearest name.
  public func eventType(_ name: String) throws(CatalogError) -> EventTypeRecord {
    try read { database in try Self.eventType(database, name) }
  }

  /// Makes an event type.
  ///
  /// - Throws: ``CatalogError/invalid(field:_:)``; ``CatalogError/conflict(_:)``: the name is taken.
  @discardableResult
  public func createEventType(_ draft: EventTypeDraft) throws(CatalogError) -> EventTypeRecord {
    try Self.check(draft)
    let now = Int64(clock().value)
    return try write { database in
      if try Self.hasEventType(database, draft.name) {
        throw CatalogError.conflict("event type '\(draft.name)' exists already")
      }
      try Self.put(database, draft, createdAt: now, now: now)
      return try Self.eventType(database, draft.name)
    }
  }

  /// Changes an event type; its name stays.
  ///
  /// - Throws: ``CatalogError/notFound(_:)``, ``CatalogError/invalid(field:_:)``.
  @discardableResult
  public func updateEventType(
    _ name: String, _ change: (inout EventTypeDraft) -> Void
  ) throws(CatalogError) -> EventTypeRecord {
    let now = Int64(clock().value)
    return try write { database in
      let record = try Self.eventType(database, name)
      var draft = EventTypeDraft(record: record)
      change(&draft)
      draft.name = record.name
      try Self.check(draft)
      try Self.put(database, draft, createdAt: Int64(record.createdAt.value), now: now)
      return try Self.eventType(database, name)
    }
  }

  /// Takes an event type out of the catalogue; events and subscriptions are not touched.
  ///
  /// - Throws: ``CatalogError/notFound(_:)``.
  public func removeEventType(_ name: String) throws(CatalogError) {
    try write { database in
      _ = try Self.eventType(database, name)
      try database.execute(sql: "DELETE FROM event_type WHERE name = ?", arguments: [name])
    }
  }

  // MARK: Within a transaction

  private static func hasEventType(_ database: Database, _ name: String) throws -> Bool {
    try Row.fetchOne(
      database, sql: "SELECT 1 FROM event_type WHERE name = ?", arguments: [name]) != nil
  }

  private static func eventType(_ database: Database, _ name: String) throws -> EventTypeRecord {
    let query = "SELECT * FROM event_type WHERE name = ?"
    if let row = try Row.fetchOne(database, sql: query, arguments: [name]) {
      return try eventType(row)
    }
    let names = try String.fetchAll(database, sql: "SELECT name FROM event_type LIMIT 10000")
    throw CatalogError.notFound(
      "event type '\(DraftRules.shown(name))' not found"
        + (Suggestion.nearest(to: name, in: names).map { "; did you mean '\($0)'?" } ?? ""))
  }

  private static func eventType(_ row: Row) throws(CatalogError) -> EventTypeRecord {
    EventTypeRecord(
      name: row["name"], description: row["description"], archived: row["archived"],
      deprecated: row["deprecated"], schemas: row["schemas"], groupName: row["group_name"],
      featureFlags: try JSONColumn.texts(row["feature_flags"]),
      createdAt: JSONColumn.time(row["created_at"]), updatedAt: JSONColumn.time(row["updated_at"]))
  }

  private static func put(
    _ database: Database, _ draft: EventTypeDraft, createdAt: Int64, now: Int64
  ) throws {
    try database.execute(
      sql: """
        INSERT OR REPLACE INTO event_type (name, description, archived, deprecated, schemas,
          group_name, feature_flags, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        draft.name, draft.description, draft.archived, draft.deprecated, draft.schemas,
        draft.groupName, try JSONColumn.text(DraftRules.unique(draft.featureFlags)), createdAt, now,
      ])
  }

  private static func check(_ draft: EventTypeDraft) throws(CatalogError) {
    guard EventRules.isValidType(draft.name) else {
      throw .invalid(
        field: "name",
        "'\(DraftRules.shown(draft.name))' is not an event type: letters, digits, '_' and '-', "
          + "joined by single dots, at most \(EventRules.typeBytesMax) bytes")
    }
    try DraftRules.checkText(
      draft.description, field: "description", charactersMax: DraftRules.descriptionCharactersMax,
      lines: true)
    if let schemas = draft.schemas, schemas.utf8.count > DraftRules.schemaBytesMax {
      throw .invalid(field: "schemas", "longer than \(DraftRules.schemaBytesMax) bytes")
    }
    for name in [draft.groupName].compactMap({ $0 }) where !EventRules.isValidType(name) {
      throw .invalid(field: "groupName", "'\(DraftRules.shown(name))' is not the form of a type")
    }
    if draft.featureFlags.count > DraftRules.featureFlagsMax {
      throw .invalid(field: "featureFlags", "more than \(DraftRules.featureFlagsMax) flags")
    }
    for flag in draft.featureFlags where !EventRules.isValidName(flag) {
      throw .invalid(
        field: "featureFlags",
        "'\(DraftRules.shown(flag))' is not a flag: letters, digits, '.', '_' and '-'")
    }
  }
}
