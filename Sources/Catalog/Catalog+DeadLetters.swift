public import Base
public import Flow
internal import GRDB
internal import Synchronization

extension Catalog {
  /// Stores dead letters; one that is there already (same endpoint, position and time) is left as
  /// it is, so that a recovery may record some twice. A later death takes the place of an earlier one.
  /// - Returns: which of them were not there.
  @discardableResult
  public func recordDead(_ letters: [DeadLetterRecord]) throws(CatalogError) -> [Bool] {
    if letters.isEmpty { return [] }
    let (stored, isNew) = try write { database in
      var stored: [UInt32: Int] = [:]
      var isNew: [Bool] = []
      let replaced = try database.cachedStatement(
        sql: """
          DELETE FROM dead_letter WHERE endpoint = ? AND position = ? AND died_at < ?
            AND (gone <> 0) = ?
          """)
      let statement = try database.cachedStatement(
        sql: """
          INSERT OR IGNORE INTO dead_letter
          (endpoint, position, event_id, type, attempts, status, failure, expired, died_at,
            bytes)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """)
      for letter in letters {
        for gone in [false, true] {
          try replaced.execute(arguments: [
            letter.endpoint, Int64(bitPattern: letter.position.packed),
            Int64(letter.diedAt.value), gone,
          ])
          if !gone { stored[letter.endpoint, default: 0] -= database.changesCount }
        }
        try statement.execute(arguments: [
          letter.endpoint, Int64(bitPattern: letter.position.packed), letter.eventID, letter.type,
          letter.attempts, letter.lastStatus, letter.failure, letter.expired,
          Int64(letter.diedAt.value), letter.plainBytes,
        ])
        stored[letter.endpoint, default: 0] += database.changesCount
        isNew.append(database.changesCount > 0)
      }
      return (stored, isNew)
    }
    addToTally(stored)
    return isNew
  }

  func addToTally(_ changes: [UInt32: Int]) {
    deadTally.withLock { tally in
      for (endpoint, change) in changes where change != 0 {
        let count = (tally[endpoint] ?? 0) + change
        tally[endpoint] = count == 0 ? nil : count
      }
    }
  }

  /// Dead letters, the newest first.
  ///
  /// - Parameters:
  ///   - application: whose endpoints; `nil` is all.
  ///   - endpoint: id or name of the only one wanted; needs `application`.
  ///   - limit: 1 to 1,000.
  ///   - before: only letters whose `number` is lower; the last one of the page before.
  public func deadLetters(
    application: String? = nil, endpoint: String? = nil, limit: Int = 50, before: Int64? = nil
  ) throws(CatalogError) -> [DeadLetterRecord] {
    try read { database in
      var conditions = ["letter.gone = 0"]
      var arguments: StatementArguments = []
      if let application, let endpoint {
        conditions.append("letter.endpoint = ?")
        arguments += [try Self.endpointNumber(database, application, endpoint)]
      } else if let application {
        conditions.append(
          "letter.endpoint IN (SELECT endpoint FROM endpoint_application WHERE application = ?)")
        arguments += [try Self.application(database, application).number]
      }
      if let before {
        conditions.append("letter.number < ?")
        arguments += [before]
      }
      return try Row.fetchAll(
        database,
        sql: """
          SELECT letter.*, endpoint.id AS endpoint_id, endpoint.uid AS endpoint_uid
          FROM dead_letter AS letter LEFT JOIN endpoint ON endpoint.number = letter.endpoint
          WHERE \(conditions.joined(separator: " AND "))
          ORDER BY letter.number DESC LIMIT \(min(max(limit, 1), 1000))
          """,
        arguments: arguments
      ).map(Self.letter)
    }
  }

  /// How many dead letters each endpoint has, by number; those without any are left out.
  public func deadCounts() -> [UInt32: Int] { deadTally.withLock { $0 } }

  /// Takes dead letters off the list: those deliveries are pending again.
  ///
  /// - Parameter before: those that died at or after it have died again, and stay.
  public func settleDead(
    endpoint: UInt32, positions: [Position], before: UnixMilliseconds
  ) throws(CatalogError) {
    let now = Int64(clock().value)
    let count = try write { database in
      let statement = try database.cachedStatement(
        sql: """
          UPDATE dead_letter SET gone = ?
          WHERE endpoint = ? AND position = ? AND died_at < ? AND gone = 0
          """)
      var count = 0
      for position in positions {
        try statement.execute(arguments: [
          now, endpoint, Int64(bitPattern: position.packed), Int64(before.value),
        ])
        count += database.changesCount
      }
      return count
    }
    if count > 0 { addToTally([endpoint: -count]) }
  }

  /// Dead letters of one endpoint in the order of their events, for sending them again; those that
  /// stand for a loss of the log (`Outcome.isLoss`) name no event.
  ///
  /// - Parameters:
  ///   - died: only those that died then.
  ///   - after: only events beyond this one; the last one of the part before.
  public func deadPositions(
    endpoint: UInt32, died: ClosedRange<UnixMilliseconds>, after: Position?, limit: Int
  ) throws(CatalogError) -> [Position] {
    try read { database in
      try Int64.fetchAll(
        database,
        sql: """
          SELECT position FROM dead_letter
          WHERE endpoint = ? AND gone = 0 AND died_at BETWEEN ? AND ? AND position > ?
            AND position & 65535 <> 65535
          ORDER BY position LIMIT ?
          """,
        arguments: [
          endpoint, Int64(clamping: died.lowerBound.value), Int64(clamping: died.upperBound.value),
          after.map { Int64(bitPattern: $0.packed) } ?? Int64.min, limit,
        ]
      ).map { Position(packed: UInt64(bitPattern: $0)) }
    }
  }

  /// Those of some events whose delivery to this endpoint is on the list.
  public func deadPositions(
    endpoint: UInt32, among positions: [Position]
  ) throws(CatalogError) -> Set<Position> {
    if deadTally.withLock({ $0[endpoint] }) == nil { return [] }
    return try read { database in
      let statement = try database.cachedStatement(
        sql: "SELECT 1 FROM dead_letter WHERE endpoint = ? AND position = ? AND gone = 0")
      return try Set(
        positions.filter { position in
          try Int.fetchOne(
            statement, arguments: [endpoint, Int64(bitPattern: position.packed)]) != nil
        })
    }
  }

  /// Takes dead letters off the list for good.
  ///
  /// - Parameters:
  ///   - endpoints: of these only.
  ///   - since: only those that died then or later; `nil` is all.
  ///   - isTrial: only counts.
  /// - Returns: how many went, or would go.
  public func purgeDead(
    endpoints: [UInt32], since: UnixMilliseconds?, isTrial: Bool
  ) throws(CatalogError) -> Int {
    let first = since.map { Int64(clamping: $0.value) } ?? 0
    let count = try write { database in
      var count = 0
      for endpoint in endpoints {
        let condition = "endpoint = ? AND gone = 0 AND died_at >= ?"
        if isTrial {
          count += try Int.fetchOne(
            database, sql: "SELECT count(*) FROM dead_letter WHERE \(condition)",
            arguments: [endpoint, first]) ?? 0
        } else {
          try database.execute(
            sql: "UPDATE dead_letter SET gone = 1 WHERE \(condition)",
            arguments: [endpoint, first])
          count += database.changesCount
        }
      }
      return count
    }
    if !isTrial, count > 0 { try loadDeadTally() }
    return count
  }

  /// Drops dead letters for good.
  ///
  /// - Parameters:
  ///   - endpoint: of this one only; `nil` is all.
  ///   - before: only those that died before; `nil` is all.
  /// - Returns: how many went.
  @discardableResult
  public func removeDead(
    endpoint: UInt32? = nil, before: UnixMilliseconds? = nil
  ) throws(CatalogError) -> Int {
    let count = try write { database in
      try database.execute(
        sql: """
          DELETE FROM dead_letter
          WHERE (?1 IS NULL OR endpoint = ?1) AND (?2 IS NULL OR died_at < ?2)
          """,
        arguments: [endpoint, before.map { Int64($0.value) }])
      return database.changesCount
    }
    if count > 0 { try loadDeadTally() }
    return count
  }

  /// Counts once, at the start and after letters were dropped.
  func loadDeadTally() throws(CatalogError) {
    let rows = try read { database in
      try Row.fetchAll(
        database, sql: "SELECT endpoint, count(*) AS count FROM dead_letter WHERE gone = 0 "
          + "GROUP BY endpoint"
      ).map { row in (row["endpoint"] as UInt32, row["count"] as Int) }
    }
    deadTally.withLock { $0 = Dictionary(rows) { first, _ in first } }
  }

  private static func letter(_ row: Row) -> DeadLetterRecord {
    let position: Int64 = row["position"]
    var letter = DeadLetterRecord(
      endpoint: row["endpoint"], position: Position(packed: UInt64(bitPattern: position)),
      eventID: row["event_id"], type: row["type"], attempts: row["attempts"],
      lastStatus: row["status"], failure: row["failure"], expired: row["expired"],
      diedAt: JSONColumn.time(row["died_at"]), plainBytes: row["bytes"])
    letter.number = row["number"]
    letter.endpointID = row["endpoint_id"] ?? ""
    letter.endpointName = row["endpoint_uid"] ?? letter.endpointID
    return letter
  }
}
