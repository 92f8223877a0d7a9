internal import Foundation
internal import GRDB
internal import TLS

/// Whether the key file belongs to the catalogue: told at start, not at the first delivery.
enum CatalogKey {
  private static let name = "key-check"
  private static let context = Array("fanfare catalog".utf8)
  private static let text = Array("the key of this catalogue".utf8)

  /// Opens the check value, or makes it in a new catalogue; seals anew what a former key sealed.
  ///
  /// - Throws: ``CatalogError/failure(_:)`` when no key in the file opens it.
  static func check(_ pool: DatabasePool, _ sealer: Sealer, path: String) throws(CatalogError) {
    do {
      let sealed = try pool.read { database in
        try Data.fetchOne(
          database, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name])
      }
      guard let sealed = sealed.map({ [UInt8]($0) }) else { return try store(pool, sealer) }
      try open(sealed, sealer, path)
      if Sealer.keyID(of: sealed) != sealer.keyID { try reseal(pool, sealer) }
    } catch {
      throw CatalogError(error)
    }
  }

  private static func open(
    _ sealed: [UInt8], _ sealer: Sealer, _ path: String
  ) throws(CatalogError) {
    do throws(SealerError) {
      _ = try sealer.open(sealed, context: context)
    } catch {
      throw .failure(
        "the key file does not belong to catalogue \(path): \(error); give --key-file the file "
          + "that the catalogue was made with")
    }
  }

  private static func store(_ pool: DatabasePool, _ sealer: Sealer) throws {
    let value = sealer.seal(text, context: context)
    try pool.write { database in
      try database.execute(
        sql: "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
        arguments: [name, Data(value)])
    }
  }

  /// Seals everything by the key that seals now, so that former keys can be taken out of the key
  /// file.
  /// - Returns: how many endpoints there are.
  @discardableResult
  static func reseal(_ pool: DatabasePool, _ sealer: Sealer) throws -> Int {
    try pool.write { database in
      // What the former key has sealed is overwritten, not left on free pages for whoever has it.
      try database.execute(sql: "PRAGMA secure_delete = ON")
      defer { try? database.execute(sql: "PRAGMA secure_delete = OFF") }
      let rows = try Row.fetchAll(database, sql: "SELECT number, id, sealed FROM endpoint")
      for row in rows {
        let context = Array((row["id"] as String).utf8)
        let plain = try sealer.open([UInt8](row["sealed"] as Data), context: context)
        try database.execute(
          sql: "UPDATE endpoint SET sealed = ? WHERE number = ?",
          arguments: [Data(sealer.seal(plain, context: context)), row["number"] as Int64])
      }
      try database.execute(
        sql: "UPDATE meta SET value = ? WHERE name = ?",
        arguments: [Data(sealer.seal(text, context: context)), name])
      return rows.count
    }
  }
}
