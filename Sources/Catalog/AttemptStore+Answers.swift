internal import Foundation
internal import GRDB

/// What failing endpoints answered, beside the attempts and by their keys: the newest of it, up to so
/// many bytes.
extension AttemptStore {
  /// Answers that one call takes out at most.
  private static let answersBatch = 2_000

  /// What is known beyond their results of some attempts, by their keys.
  public func answers(of numbers: [Int64]) throws(CatalogError) -> [Int64: AttemptDetail] {
    try read { database in
      let statement = try database.cachedStatement(
        sql: "SELECT head, body FROM answer WHERE number = ?")
      var found: [Int64: AttemptDetail] = [:]
      for number in numbers {
        guard let row = try Row.fetchOne(statement, arguments: [number]) else { continue }
        found[number] = .answer(
          head: [UInt8](row["head"] as Data), body: [UInt8](row["body"] as Data))
      }
      return found
    }
  }

  /// Drops the oldest answers beyond `bytesMax`; their attempts stay.
  /// - Returns: whether more may be left to drop.
  public func expireAnswers(bytesMax: UInt64) throws(CatalogError) -> Bool {
    if UInt64(max(0, answerBytes)) <= bytesMax { return false }
    return try write { database in
      let excess = try Self.answerTotal(database) - Int64(clamping: bytesMax)
      if excess <= 0 { return false }
      var freed: Int64 = 0
      var last: Int64?
      let oldest = try Row.fetchCursor(
        database, sql: "SELECT number, bytes FROM answer ORDER BY number LIMIT ?",
        arguments: [Self.answersBatch])
      while freed < excess, let row = try oldest.next() {
        freed += row["bytes"] as Int64
        last = row["number"]
      }
      guard let last else { return false }
      try database.execute(sql: "DELETE FROM answer WHERE number <= ?", arguments: [last])
      try addToTotal(-freed, database)
      return freed < excess
    }
  }

  /// Keeps answers, in the transaction of their attempts.
  func insert(_ answers: [(number: Int64, detail: AttemptDetail)], _ database: Database) throws {
    if answers.isEmpty { return }
    let statement = try database.cachedStatement(
      sql: "INSERT INTO answer (number, bytes, head, body) VALUES (?, ?, ?, ?)")
    var added: Int64 = 0
    for (number, detail) in answers {
      guard case .answer(let head, let body) = detail else { continue }
      let bytes = Int64(detail.bytes)
      try statement.execute(arguments: [number, bytes, Data(head), Data(body)])
      added += bytes
    }
    try addToTotal(added, database)
  }

  /// Forgets the answers of some attempts, in the transaction that drops them.
  func dropAnswers(of numbers: [Int64], _ database: Database) throws {
    if answerBytes == 0 { return }
    let statement = try database.cachedStatement(
      sql: "DELETE FROM answer WHERE number = ? RETURNING bytes")
    var freed: Int64 = 0
    for number in numbers {
      freed += try Int64.fetchOne(statement, arguments: [number]) ?? 0
    }
    try addToTotal(-freed, database)
  }

  static func answerTotal(_ database: Database) throws -> Int64 {
    try Int64.fetchOne(database, sql: "SELECT bytes FROM answer_total") ?? 0
  }

  private func addToTotal(_ bytes: Int64, _ database: Database) throws {
    if bytes == 0 { return }
    try database.execute(sql: "UPDATE answer_total SET bytes = bytes + ?", arguments: [bytes])
    // Behind a transaction that fails it is too high or too low until the next start.
    noteAnswerBytes(bytes)
  }
}
