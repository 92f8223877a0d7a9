public import Base
public import Flow
internal import GRDB

/// Why a dead letter is kept no longer.
public enum DeadLetterExpiry: String, Sendable, CaseIterable {
  /// It was kept long enough.
  case age
  /// All of them together hold too much.
  case bytes

  var counter: String { "dead_expired_by_\(rawValue)" }
}

/// How long dead letters are kept, and which events of the log that keeps.
extension Catalog {
  /// Bytes that a row takes in the database with its indices, about.
  public static let deadRowBytes: UInt64 = 300
  private static let expiryBatch = 5_000

  /// What dead letters hold on disk: a row each, and each event once, however many letters it has.
  /// - Parameter packedShare: bytes on disk for each plain byte of an event.
  /// - Complexity: O(letters); reads an index from end to end.
  public func deadBytes(packedShare: Double) throws(CatalogError) -> UInt64 {
    let (rows, plain) = try read { database in
      let rows = try Int.fetchOne(database, sql: "SELECT count(*) FROM dead_letter WHERE gone = 0")
      let plain = try Int.fetchOne(
        database,
        sql: """
          SELECT coalesce(sum(bytes), 0)
          FROM (SELECT max(bytes) AS bytes FROM dead_letter WHERE gone = 0 GROUP BY position)
          """)
      return (rows ?? 0, plain ?? 0)
    }
    return UInt64(rows) * Self.deadRowBytes + UInt64(Double(plain) * packedShare)
  }

  /// Drops letters that died before `time`, listed or not.
  /// - Returns: how many of the listed ones went.
  public func expireDead(diedBefore time: UnixMilliseconds) throws(CatalogError) -> Int {
    var total = 0
    while true {
      let (listed, all) = try write { database in
        let numbers = try Int64.fetchAll(
          database, sql: "SELECT number FROM dead_letter WHERE died_at < ? LIMIT ?",
          arguments: [Int64(clamping: time.value), Self.expiryBatch])
        return (try Self.drop(database, numbers, .age), numbers.count)
      }
      total += listed
      if all < Self.expiryBatch { break }
    }
    if total > 0 { try loadDeadTally() }
    return total
  }

  /// Drops the oldest letters until that has freed so much.
  ///
  /// - Parameters:
  ///   - bytes: to be freed, counted as ``deadBytes(packedShare:)`` does.
  ///   - packedShare: bytes on disk for each plain byte of an event.
  /// - Returns: how many went.
  public func expireOldestDead(freeing bytes: UInt64, packedShare: Double)
    throws(CatalogError) -> Int
  {
    var total = 0
    var freed: UInt64 = 0
    while freed < bytes {
      let left = bytes - freed
      let batch = try write { database in
        try Self.dropOldest(database, freeing: left, packedShare: packedShare)
      }
      if batch.letters == 0 { break }
      total += batch.letters
      freed += batch.bytes
    }
    if total > 0 { try loadDeadTally() }
    return total
  }

  private static func dropOldest(_ database: Database, freeing bytes: UInt64, packedShare: Double)
    throws -> (letters: Int, bytes: UInt64)
  {
    let rows = try Row.fetchAll(
      database,
      sql: "SELECT number, position, bytes FROM dead_letter WHERE gone = 0 ORDER BY number LIMIT ?",
      arguments: [expiryBatch])
    let delete = try database.cachedStatement(sql: "DELETE FROM dead_letter WHERE number = ?")
    let shared = try database.cachedStatement(
      sql: "SELECT 1 FROM dead_letter WHERE position = ? AND gone = 0 LIMIT 1")
    var freed: UInt64 = 0
    var letters = 0
    for row in rows where freed < bytes {
      let (position, plain) = (row["position"] as Int64, row["bytes"] as Int)
      try delete.execute(arguments: [row["number"] as Int64])
      letters += 1
      freed += deadRowBytes
      if try Int.fetchOne(shared, arguments: [position]) == nil {
        freed += UInt64(Double(plain) * packedShare)
      }
    }
    try count(database, letters, .bytes)
    return (letters, freed)
  }

  /// - Returns: how many of them were listed.
  private static func drop(_ database: Database, _ numbers: [Int64], _ why: DeadLetterExpiry)
    throws -> Int
  {
    let listed = try database.cachedStatement(
      sql: "DELETE FROM dead_letter WHERE number = ? AND gone = 0")
    let gone = try database.cachedStatement(sql: "DELETE FROM dead_letter WHERE number = ?")
    var letters = 0
    for number in numbers {
      try listed.execute(arguments: [number])
      letters += database.changesCount
      try gone.execute(arguments: [number])
    }
    try count(database, letters, why)
    return letters
  }

  private static func count(_ database: Database, _ letters: Int, _ why: DeadLetterExpiry) throws {
    if letters == 0 { return }
    try database.execute(
      sql: """
        INSERT INTO counter (name, value) VALUES (?, ?)
        ON CONFLICT (name) DO UPDATE SET value = value + excluded.value
        """,
      arguments: [why.counter, letters])
  }

  /// Letters that went because of `why`, counted from first start.
  public func deadExpired(_ why: DeadLetterExpiry) throws(CatalogError) -> UInt64 {
    try read { database in
      try Int64.fetchOne(
        database, sql: "SELECT value FROM counter WHERE name = ?", arguments: [why.counter])
    }.map { UInt64($0) } ?? 0
  }

  // MARK: What that keeps of the log

  /// Events with a letter, ascending, without repeats.
  /// - Parameters:
  ///   - events: from the first to the last place.
  ///   - since: letters that were sent again at this time or later count too.
  public func deadPositions(
    in events: ClosedRange<Position>, since: UnixMilliseconds
  ) throws(CatalogError) -> [Position] {
    try read { database in
      try Int64.fetchAll(
        database,
        sql: """
          SELECT DISTINCT position FROM dead_letter
          WHERE position BETWEEN ? AND ? AND (gone = 0 OR gone >= ?) ORDER BY position
          """,
        arguments: Self.arguments(events, since)
      ).map { Position(packed: UInt64(bitPattern: $0)) }
    }
  }

  /// Whether there are such events.
  public func hasDead(in events: ClosedRange<Position>, since: UnixMilliseconds)
    throws(CatalogError) -> Bool
  {
    try read { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT 1 FROM dead_letter
          WHERE position BETWEEN ? AND ? AND (gone = 0 OR gone >= ?) LIMIT 1
          """,
        arguments: Self.arguments(events, since)) != nil
    }
  }

  private static func arguments(_ events: ClosedRange<Position>, _ since: UnixMilliseconds)
    -> StatementArguments
  {
    // A letter that was purged has 1 there: no time.
    [
      Int64(bitPattern: events.lowerBound.packed), Int64(bitPattern: events.upperBound.packed),
      max(2, Int64(clamping: since.value)),
    ]
  }
}
