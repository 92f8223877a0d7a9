internal import Base
public import Flow
internal import GRDB

/// Events whose content was deleted, for as long as the log has them.
extension Catalog {
  /// Notes that an event's content is deleted, and takes its dead letters off the list for good.
  public func expunge(_ position: Position, eventID: String) throws(CatalogError) {
    let now = Int64(clock().value)
    let letters = try write { database in
      try database.execute(
        sql: """
          INSERT OR IGNORE INTO expunged_event (position, event_id, expunged_at) VALUES (?, ?, ?)
          """,
        arguments: [Int64(bitPattern: position.packed), eventID, now])
      return try UInt32.fetchAll(
        database,
        sql: "UPDATE dead_letter SET gone = 1 WHERE position = ? AND gone = 0 RETURNING endpoint",
        arguments: [Int64(bitPattern: position.packed)])
    }
    addToTally(Dictionary(letters.map { ($0, -1) }, uniquingKeysWith: +))
  }

  /// All events whose content was deleted, with their ids.
  public func expungedEvents() throws(CatalogError) -> [(position: Position, eventID: String)] {
    try read { database in
      try Row.fetchAll(database, sql: "SELECT position, event_id FROM expunged_event").map { row in
        (Position(packed: UInt64(bitPattern: row["position"] as Int64)), row["event_id"])
      }
    }
  }

  /// Forgets events that the log has no more.
  public func forgetExpunged(_ positions: [Position]) throws(CatalogError) {
    if positions.isEmpty { return }
    try write { database in
      let statement = try database.cachedStatement(
        sql: "DELETE FROM expunged_event WHERE position = ?")
      for position in positions {
        try statement.execute(arguments: [Int64(bitPattern: position.packed)])
      }
    }
  }
}
