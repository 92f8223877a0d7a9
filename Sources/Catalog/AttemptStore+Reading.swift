public import Base
public import Flow
internal import GRDB

extension AttemptStore {
  /// Attempts of one endpoint, the newest first.
  ///
  /// - Parameters:
  ///   - limit: how many at most; one more is not looked for.
  ///   - before: only those with a lower key.
  ///   - after: only those with a higher key, and of those the oldest.
  public func attempts(
    endpoint: UInt32, _ filter: AttemptFilter = AttemptFilter(), limit: Int,
    before: Int64? = nil, after: Int64? = nil
  ) throws(CatalogError) -> [AttemptEntry] {
    try select(.endpoint(endpoint), filter, limit: limit, before: before, after: after)
  }

  /// Attempts for one event, the newest first.
  public func attempts(
    position: Position, _ filter: AttemptFilter = AttemptFilter(), limit: Int,
    before: Int64? = nil, after: Int64? = nil
  ) throws(CatalogError) -> [AttemptEntry] {
    try select(.event(position), filter, limit: limit, before: before, after: after)
  }

  /// The attempt with this key; `nil` when it is not kept (any more).
  public func attempt(number: Int64) throws(CatalogError) -> AttemptEntry? {
    try read { database in
      try Row.fetchOne(
        database, sql: "SELECT * FROM attempt WHERE number = ?", arguments: [number]
      ).map(Self.entry)
    }
  }

  /// The last attempt of each of these deliveries that has one.
  public func last(
    of deliveries: [(endpoint: UInt32, position: Position)]
  ) throws(CatalogError) -> [AttemptEntry?] {
    try read { database in
      let statement = try database.cachedStatement(
        sql: """
          SELECT * FROM attempt WHERE position = ? AND endpoint = ? ORDER BY number DESC LIMIT 1
          """)
      return try deliveries.map { endpoint, position in
        try Row.fetchOne(
          statement, arguments: [Int64(bitPattern: position.packed), endpoint]
        ).map(Self.entry)
      }
    }
  }

  /// What happened at an endpoint in some hours, whole ones.
  public func tally(
    endpoint: UInt32, since: UnixMilliseconds, until: UnixMilliseconds
  ) throws(CatalogError) -> AttemptTally {
    let row = try read { database in
      try Row.fetchOne(
        database,
        sql: """
          SELECT coalesce(sum(delivered), 0) AS delivered, coalesce(sum(retried), 0) AS retried,
            coalesce(sum(dead), 0) AS dead
          FROM tally WHERE endpoint = ? AND hour BETWEEN ? AND ?
          """,
        arguments: [
          endpoint, TallyKey(endpoint: endpoint, time: since).hour,
          TallyKey(endpoint: endpoint, time: until).hour,
        ])
    }
    guard let row else { return AttemptTally() }
    return AttemptTally(
      delivered: UInt64(row["delivered"] as Int64), retried: UInt64(row["retried"] as Int64),
      dead: UInt64(row["dead"] as Int64))
  }

  private func select(
    _ owner: AttemptOwner, _ filter: AttemptFilter, limit: Int, before: Int64?, after: Int64?
  ) throws(CatalogError) -> [AttemptEntry] {
    var conditions = [owner.condition]
    var values: [String: Int64] = ["owner": owner.value]
    func add(_ condition: String, _ name: String, _ value: Int64?) {
      guard let value else { return }
      conditions.append("\(condition) :\(name)")
      values[name] = value
    }
    add("endpoint =", "endpoint", filter.endpoint.map(Int64.init))
    add("number >=", "since", filter.since.map(AttemptNumber.first))
    add("number <", "until", filter.before.map(AttemptNumber.first))
    add("number <", "before", before)
    add("number >", "after", after)
    let common = conditions.joined(separator: " AND ")
    let kinds = AttemptKind.kinds(of: filter)
    if kinds.isEmpty { return [] }
    let selection =
      switch owner {
      // Each kind by itself is in order in the index; SQLite merges them, and stops at the limit.
      case .endpoint:
        kinds.map { "SELECT * FROM attempt WHERE \(common) AND kind = \($0)" }
          .joined(separator: " UNION ALL ")
      case .event:
        "SELECT * FROM attempt WHERE \(common) "
          + "AND +kind IN (\(kinds.map(String.init).joined(separator: ", ")))"
      }
    let found = try read { database in
      try Row.fetchAll(
        database,
        sql: "\(selection) ORDER BY number \(after == nil ? "DESC" : "ASC") LIMIT \(limit)",
        arguments: StatementArguments(values)
      ).map(Self.entry)
    }
    return after == nil ? found : found.reversed()
  }

  private static func entry(_ row: Row) -> AttemptEntry {
    let number: Int64 = row["number"]
    let due: Int64 = row["due"]
    let reason: String? = row["response"]
    var entry = AttemptEntry(
      endpoint: row["endpoint"],
      position: Position(packed: UInt64(bitPattern: row["position"] as Int64)),
      attempt: row["attempt"], time: AttemptNumber.time(number),
      durationMicroseconds: row["duration_us"], status: row["status"],
      result: AttemptResult(rawValue: row["result"]) ?? .dead,
      failure: FailureClass(rawValue: UInt8(truncatingIfNeeded: row["failure"] as Int64)) ?? .none,
      nextAttempt: due == 0 ? nil : JSONColumn.time(due), isManual: row["manual"],
      detail: reason.map { .reason($0) })
    entry.number = number
    return entry
  }
}

/// Whose attempts a list shows.
private enum AttemptOwner {
  case endpoint(UInt32)
  case event(Position)

  var condition: String {
    switch self {
    case .endpoint: "endpoint = :owner"
    case .event: "position = :owner"
    }
  }

  var value: Int64 {
    switch self {
    case .endpoint(let number): Int64(number)
    case .event(let position): Int64(bitPattern: position.packed)
    }
  }
}

/// How an attempt ended, as the column `kind` and its index have it: one small number for the status
/// class and whether it failed. So whatever a list asks for, rare among millions or not, it reads no
/// row that it does not show.
private enum AttemptKind {
  /// What the kind of a failed attempt is above that of a successful one.
  private static let failed = 8
  /// 6 is whatever is no class of HTTP.
  private static let classMax = 6

  /// The kinds that a filter lets through.
  static func kinds(of filter: AttemptFilter) -> [Int] {
    var classes = Array(0...classMax)
    if let statusClass = filter.statusClass { classes = classes.filter { $0 == statusClass / 100 } }
    let failures = classes.map { $0 + failed }
    return switch filter.success {
    case true?: classes
    case false?: failures
    case nil: classes + failures
    }
  }
}
