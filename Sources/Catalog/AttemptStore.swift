public import Base
public import Flow
internal import GRDB
internal import Synchronization

/// What was tried: attempts in one SQLite file, and exact counts by endpoint and hour.
///
/// Derived from outcomes and not needed for delivery, so it lies apart from the catalogue and is not
/// synced at each write: a power cut may cost its last seconds.
///
/// > Runs on: any thread of the control plane; calls block. One thread writes.
public final class AttemptStore: Sendable {
  /// Rows that one call takes out at most, so that no write waits long for it.
  private static let expiryBatch = 10_000
  /// Pages of the write-ahead log, 4 KiB each, before they go into the file: that is synced, and the
  /// journal's syncs on the same disk should seldom meet it.
  private static let checkpointPages = 8_192
  /// Counts are kept so many hours: 35 days.
  private static let tallyHours: UInt32 = 35 * 24

  private let pool: DatabasePool
  private let serial = Atomic<UInt64>(0)
  private let rows = Atomic<Int>(0)
  private let answered = Atomic<Int64>(0)

  /// Opens the file, making it as needed.
  ///
  /// - Throws: ``CatalogError/failure(_:)``.
  public init(path: String) throws(CatalogError) {
    do {
      var configuration = Configuration()
      configuration.label = "attempts"
      configuration.busyMode = .timeout(5)
      try CatalogFile.create(path)
      pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA wal_autocheckpoint = \(Self.checkpointPages)")
      }
      try Self.migrator.migrate(pool)
      let (last, count, bytes) = try pool.read { database in
        (
          try Int64.fetchOne(database, sql: "SELECT max(number) FROM attempt"),
          try Int.fetchOne(database, sql: "SELECT count(*) FROM attempt"),
          try Self.answerTotal(database)
        )
      }
      answered.store(bytes, ordering: .relaxed)
      rows.store(count ?? 0, ordering: .relaxed)
      serial.store(UInt64(bitPattern: last ?? 0) + 1, ordering: .relaxed)
    } catch {
      throw .failure("attempts \(path): \(CatalogError(error).text)")
    }
  }

  /// Closes the file.
  public func close() throws(CatalogError) {
    do { try pool.close() } catch { throw CatalogError(error) }
  }

  /// Attempts that are kept.
  public var count: Int { rows.load(ordering: .relaxed) }
  /// Bytes of the answers that are kept.
  public var answerBytes: Int64 { answered.load(ordering: .relaxed) }

  func noteAnswerBytes(_ change: Int64) { answered.wrappingAdd(change, ordering: .relaxed) }

  // MARK: Writing

  /// Keeps attempts, and adds to the counts.
  public func record(
    _ entries: [AttemptEntry], tally: [TallyKey: AttemptTally]
  ) throws(CatalogError) {
    try write { database in
      let insert = try database.cachedStatement(
        sql: """
          INSERT INTO attempt (number, endpoint, position, attempt, duration_us, status, result,
            failure, due, manual, response) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """)
      var answers: [(Int64, AttemptDetail)] = []
      for entry in entries {
        let number = nextNumber(entry.time)
        var reason: String?
        switch entry.detail {
        case .reason(let text): reason = text
        case .answer: if let answer = entry.detail { answers.append((number, answer)) }
        case nil: break
        }
        try insert.execute(arguments: [
          number, entry.endpoint, Int64(bitPattern: entry.position.packed),
          entry.attempt, entry.durationMicroseconds, entry.status, entry.result.rawValue,
          Int(entry.failure.rawValue), Int64(entry.nextAttempt?.value ?? 0), entry.isManual,
          reason,
        ])
      }
      try self.insert(answers, database)
      let add = try database.cachedStatement(
        sql: """
          INSERT INTO tally (endpoint, hour, delivered, retried, dead) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (endpoint, hour) DO UPDATE SET delivered = delivered + excluded.delivered,
            retried = retried + excluded.retried, dead = dead + excluded.dead
          """)
      for (key, count) in tally {
        try add.execute(arguments: [
          key.endpoint, key.hour, Int64(count.delivered), Int64(count.retried), Int64(count.dead),
        ])
      }
    }
    rows.wrappingAdd(entries.count, ordering: .relaxed)
  }

  /// Forgets what an endpoint answered.
  public func clearResponse(number: Int64) throws(CatalogError) {
    try write { database in
      try database.execute(
        sql: "UPDATE attempt SET response = '' WHERE number = ?", arguments: [number])
      try dropAnswers(of: [number], database)
    }
  }

  /// Drops attempts that ended before `time` or stand for events before `position`, and the oldest
  /// beyond `rowsMax`.
  /// - Returns: whether more may be left to drop.
  public func expire(
    before time: UnixMilliseconds, eventsBefore position: Position, rowsMax: Int,
    now: UnixMilliseconds
  ) throws(CatalogError) -> Bool {
    let excess = max(0, count - rowsMax)
    let dropped = try write { database in
      var dropped = try drop(
        "number < ? ORDER BY number LIMIT ?", [AttemptNumber.first(time), Self.expiryBatch],
        database)
      if dropped < excess {
        let count = min(excess - dropped, Self.expiryBatch)
        dropped += try drop("true ORDER BY number LIMIT ?", [count], database)
      }
      dropped += try drop(
        "position < ? ORDER BY position LIMIT ?",
        [Int64(bitPattern: position.packed), Self.expiryBatch], database)
      let hour = TallyKey(endpoint: 0, time: now).hour
      try database.execute(
        sql: "DELETE FROM tally WHERE hour < ?",
        arguments: [hour > Self.tallyHours ? hour - Self.tallyHours : 0])
      return dropped
    }
    rows.wrappingSubtract(dropped, ordering: .relaxed)
    return dropped >= Self.expiryBatch
  }

  /// - Returns: how many attempts went, each with its answer.
  private func drop(
    _ condition: String, _ arguments: StatementArguments, _ database: Database
  ) throws -> Int {
    let numbers = try Int64.fetchAll(
      database, sql: "SELECT number FROM attempt WHERE \(condition)", arguments: arguments)
    try dropAnswers(of: numbers, database)
    let delete = try database.cachedStatement(sql: "DELETE FROM attempt WHERE number = ?")
    for number in numbers { try delete.execute(arguments: [number]) }
    return numbers.count
  }

  private func nextNumber(_ time: UnixMilliseconds) -> Int64 {
    let next = serial.wrappingAdd(1, ordering: .relaxed).oldValue
    return AttemptNumber.make(time, serial: next)
  }

  func read<R>(_ body: (Database) throws -> R) throws(CatalogError) -> R {
    do { return try pool.read(body) } catch { throw CatalogError(error) }
  }

  func write<R>(_ body: (Database) throws -> R) throws(CatalogError) -> R {
    do { return try pool.write(body) } catch { throw CatalogError(error) }
  }

  // MARK: The file

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE attempt (
            number INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL, position INTEGER NOT NULL,
            attempt INTEGER NOT NULL, duration_us INTEGER NOT NULL, status INTEGER NOT NULL,
            result INTEGER NOT NULL, failure INTEGER NOT NULL, due INTEGER NOT NULL,
            manual INTEGER NOT NULL, response TEXT
          ) STRICT;
          CREATE INDEX attempt_endpoint ON attempt (endpoint, number);
          CREATE INDEX attempt_failed ON attempt (endpoint, number) WHERE result <> 0;
          CREATE INDEX attempt_position ON attempt (position, endpoint, number);
          CREATE TABLE tally (
            endpoint INTEGER NOT NULL, hour INTEGER NOT NULL, delivered INTEGER NOT NULL,
            retried INTEGER NOT NULL, dead INTEGER NOT NULL, PRIMARY KEY (endpoint, hour)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("2") { database in
      try database.execute(
        sql: """
          CREATE TABLE answer (
            number INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, head BLOB NOT NULL,
            body BLOB NOT NULL
          ) STRICT;
          CREATE TABLE answer_total (bytes INTEGER NOT NULL) STRICT;
          INSERT INTO answer_total VALUES (0);
          """)
    }
    migrator.registerMigration("3") { database in
      // One index for every list of an endpoint, filtered or not: see AttemptKind.
      try database.execute(
        sql: """
          DROP INDEX attempt_endpoint;
          DROP INDEX attempt_failed;
          ALTER TABLE attempt ADD COLUMN kind INTEGER NOT NULL
            GENERATED ALWAYS AS (min(status / 100, 6) + 8 * (result <> 0)) VIRTUAL;
          CREATE INDEX attempt_kind ON attempt (endpoint, kind, number);
          """)
    }
    return migrator
  }
}
