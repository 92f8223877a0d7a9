internal import Base
internal import GRDB
internal import Synchronization
internal import Wire

extension Catalog {
  /// Makes an endpoint.
  ///
  /// - Returns: the record, its secret included.
  /// - Throws: ``CatalogError/invalid(field:_:)``, ``CatalogError/conflict(_:)``: the name is taken,
  ///   ``CatalogError/notFound(_:)``: no such application.
  public func createEndpoint(
    application: String, _ draft: EndpointDraft
  ) throws(CatalogError) -> EndpointRecord {
    let endpoint = try ready(draft)
    return try write { database in
      try record(database, try insert(database, endpoint, application))
    }
  }

  /// Makes many endpoints in one transaction: all of them, or none.
  ///
  /// - Throws: as ``createEndpoint(application:_:)``, of the first that cannot be made.
  public func createEndpoints(
    application: String, _ drafts: [EndpointDraft]
  ) throws(CatalogError) {
    var endpoints: [ReadyDraft] = []
    endpoints.reserveCapacity(drafts.count)
    for draft in drafts { endpoints.append(try ready(draft)) }
    try write { database in
      for endpoint in endpoints { _ = try insert(database, endpoint, application) }
    }
  }

  /// A valid draft, ready for its row.
  private struct ReadyDraft {
    var id: String
    var draft: EndpointDraft
    var part: SealedPart
    var createdAt: UnixMilliseconds
  }

  private func ready(_ draft: EndpointDraft) throws(CatalogError) -> ReadyDraft {
    let draft = try draft.validated()
    let key = try SecretRules.key(draft.secret, field: "secret")
    let id = makeID("ep_")
    let now = clock()
    let secret = SealedPart.Secret(key: key, createdAt: now.value)
    return ReadyDraft(
      id: id, draft: draft, part: SealedPart(secrets: [secret], draft: draft), createdAt: now)
  }

  /// - Returns: its number.
  private func insert(
    _ database: Database, _ endpoint: ReadyDraft, _ application: String
  ) throws -> UInt32 {
    let owner = try Self.application(database, application)
    let draft = endpoint.draft
    try Self.refuseTaken(database, uid: draft.uid, in: [owner.number], by: nil)
    let number = try Self.nextNumber(database, "endpoint")
    var values = try EndpointRow.values(draft)
    values["number"] = number.databaseValue
    values["id"] = endpoint.id.databaseValue
    // By the key that seals within this transaction.
    values["sealed"] = try endpoint.part.sealed(sealer, for: endpoint.id).databaseValue
    values["created_at"] = Int64(endpoint.createdAt.value).databaseValue
    values["updated_at"] = Int64(endpoint.createdAt.value).databaseValue
    try Self.insert(database, values)
    try Self.link(database, number, endpoint.id, draft.uid, to: owner.number)
    return number
  }

  /// Gives an endpoint the properties of `draft`; its secrets stay.
  ///
  /// - Throws: as ``createEndpoint(application:_:)``.
  public func updateEndpoint(
    application: String, id: String, _ draft: EndpointDraft
  ) throws(CatalogError) -> EndpointRecord {
    let draft = try draft.validated()
    return try change(application, id) { database, record, part in
      try Self.refuseTaken(
        database, uid: draft.uid, in: record.applicationNumbers, by: record.number)
      part = SealedPart(secrets: part.secrets, draft: draft)
      if draft.uid != record.uid {
        try database.execute(
          sql: "UPDATE endpoint_application SET uid = ? WHERE endpoint = ?",
          arguments: [draft.uid, record.number])
      }
      return try EndpointRow.values(draft)
    }
  }

  /// Takes an endpoint out of the catalogue, its dead letters too; its number is not given again.
  ///
  /// Its tombstone must be in the log by then. An endpoint of several applications goes from all.
  ///
  /// - Throws: ``CatalogError/notFound(_:)``.
  public func removeEndpoint(application: String, id: String) throws(CatalogError) {
    let removed = try write { database in
      let number = try Self.endpointNumber(database, application, id)
      try Self.deleteEndpoint(database, number)
      return number
    }
    deadTally.withLock { $0[removed] = nil }
  }

  /// Takes out endpoints whose tombstone is in the log already: a stop came between the two.
  ///
  /// - Returns: the names of those that were still there.
  public func removeEndpoints(numbered numbers: [UInt32]) throws(CatalogError) -> [String] {
    if numbers.isEmpty { return [] }
    let names = try write { database in
      var names: [String] = []
      for number in numbers {
        let name = try String.fetchOne(
          database, sql: "SELECT coalesce(uid, id) FROM endpoint WHERE number = ?",
          arguments: [number])
        guard let name else { continue }
        try Self.deleteEndpoint(database, number)
        names.append(name)
      }
      return names
    }
    if !names.isEmpty { try loadDeadTally() }
    return names
  }

  /// Stops sending to an endpoint, or goes on.
  public func setPaused(
    application: String, id: String, _ paused: Bool
  ) throws(CatalogError) -> EndpointRecord {
    try change(application, id) { _, _, _ in ["paused": paused.databaseValue] }
  }

  /// Disables an endpoint, or enables it again.
  ///
  /// - Parameter reason: kept while it is disabled.
  public func setDisabled(
    application: String, id: String, _ disabled: Bool, reason: String?
  ) throws(CatalogError) -> EndpointRecord {
    try change(application, id) { _, _, _ in
      let reason = disabled ? reason : nil
      return ["disabled": disabled.databaseValue, "disabled_reason": reason.databaseValue]
    }
  }

  /// Disables the endpoint with this number, for the reactors, which know no names.
  ///
  /// - Returns: `nil` when there is no such endpoint, or it was disabled already.
  public func disable(number: UInt32, reason: String) throws(CatalogError) -> EndpointRecord? {
    guard let record = try endpoint(number: number), !record.disabled,
      let application = record.applicationIDs.first
    else { return nil }
    return try setDisabled(application: application, id: record.id, true, reason: reason)
  }

  /// Gives an endpoint a new secret to sign with.
  ///
  /// - Parameters:
  ///   - key: `whsec_…`; `nil` makes one.
  ///   - gracePeriodSeconds: how long the old one signs too, 0 to 604,800.
  /// - Throws: ``CatalogError/invalid(field:_:)``, never with a secret in it.
  public func rotateSecret(
    application: String, id: String, key: String?, gracePeriodSeconds: Int
  ) throws(CatalogError) -> EndpointRecord {
    let range = DraftRules.gracePeriodSeconds
    guard range.contains(gracePeriodSeconds) else {
      throw .invalid(
        field: "gracePeriodSeconds",
        "\(gracePeriodSeconds) is out of range: from \(range.lowerBound) to \(range.upperBound)")
    }
    let text = try SecretRules.key(key, field: "key")
    let now = clock()
    return try change(application, id) { _, record, part in
      if record.secrets.contains(where: { $0.key == text }) {
        throw CatalogError.conflict("key: this secret is in use already")
      }
      part.rotate(to: text, now: now, gracePeriodSeconds: gracePeriodSeconds)
      return [:]
    }
  }

  /// Makes an endpoint serve one application more; no change when it does already.
  ///
  /// - Throws: ``CatalogError/conflict(_:)``: its name is taken there.
  public func linkEndpoint(
    application: String, id: String, to other: String
  ) throws(CatalogError) -> EndpointRecord {
    try change(application, id) { database, record, _ in
      let target = try Self.application(database, other)
      if record.applicationNumbers.contains(target.number) { return [:] }
      try Self.refuseTaken(database, uid: record.uid, in: [target.number], by: record.number)
      try Self.link(database, record.number, record.id, record.uid, to: target.number)
      return [:]
    }
  }

  /// Makes an endpoint serve this application no more.
  ///
  /// - Throws: ``CatalogError/conflict(_:)``: it is the only one left.
  public func unlinkEndpoint(
    application: String, id: String
  ) throws(CatalogError) -> EndpointRecord {
    try change(application, id) { database, record, _ in
      if record.applicationNumbers.count == 1 {
        throw CatalogError.conflict(
          "endpoint '\(record.name)' serves no other application; remove it instead")
      }
      let owner = try Self.application(database, application)
      try database.execute(
        sql: "DELETE FROM endpoint_application WHERE application = ? AND endpoint = ?",
        arguments: [owner.number, record.number])
      return [:]
    }
  }

  // MARK: Within a transaction

  /// Reads an endpoint, lets `body` change it, and writes it back.
  ///
  /// - Parameter body: may change the sealed part; gives the other columns to set.
  private func change(
    _ application: String, _ id: String,
    _ body: (Database, EndpointRecord, inout SealedPart) throws -> [String: DatabaseValue]
  ) throws(CatalogError) -> EndpointRecord {
    let now = clock()
    return try write { database in
      let number = try Self.endpointNumber(database, application, id)
      let old = try record(database, number)
      var part = SealedPart(
        secrets: old.secrets.map {
          SealedPart.Secret(
            key: $0.key, createdAt: $0.createdAt.value, expiresAt: $0.expiresAt?.value)
        }, draft: EndpointDraft(record: old))
      var values = try body(database, old, &part)
      values["sealed"] = try part.sealed(sealer, for: old.id).databaseValue
      values["updated_at"] = Int64(now.value).databaseValue
      try Self.update(database, number, values)
      return try record(database, number)
    }
  }

  private static func insert(_ database: Database, _ values: [String: DatabaseValue]) throws {
    let columns = values.keys.sorted()
    let marks = Array(repeating: "?", count: columns.count).joined(separator: ", ")
    try database.execute(
      sql: "INSERT INTO endpoint (\(columns.joined(separator: ", "))) VALUES (\(marks))",
      arguments: StatementArguments(columns.map { values[$0] ?? .null }))
  }

  private static func update(
    _ database: Database, _ number: UInt32, _ values: [String: DatabaseValue]
  ) throws {
    let columns = values.keys.sorted()
    let list = columns.map { "\($0) = ?" }.joined(separator: ", ")
    var arguments = StatementArguments(columns.map { values[$0] ?? .null })
    arguments += [number]
    try database.execute(
      sql: "UPDATE endpoint SET \(list) WHERE number = ?", arguments: arguments)
  }

  private static func link(
    _ database: Database, _ number: UInt32, _ id: String, _ uid: String?, to application: UInt32
  ) throws {
    try database.execute(
      sql: "INSERT INTO endpoint_application (application, endpoint, endpoint_id, uid) "
        + "VALUES (?, ?, ?, ?)",
      arguments: [application, number, id, uid])
  }

  private static func refuseTaken(
    _ database: Database, uid: String?, in applications: [UInt32], by number: UInt32?
  ) throws {
    guard let uid else { return }
    for application in applications {
      let owner = try UInt32.fetchOne(
        database,
        sql: "SELECT endpoint FROM endpoint_application WHERE application = ? AND uid = ?",
        arguments: [application, uid])
      if let owner, owner != number {
        throw CatalogError.conflict("endpoint '\(uid)' exists already")
      }
    }
  }

  static func deleteEndpoint(_ database: Database, _ number: UInt32) throws {
    try database.execute(sql: "DELETE FROM dead_letter WHERE endpoint = ?", arguments: [number])
    try database.execute(sql: "DELETE FROM endpoint WHERE number = ?", arguments: [number])
  }
}
