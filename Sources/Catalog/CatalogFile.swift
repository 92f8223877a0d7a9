internal import GRDB
internal import Glibc

/// The database file: made for its owner only, opened for durable writes, brought up to date.
enum CatalogFile {
  /// Seconds that a statement waits for another connection's lock.
  private static let lockSecondsMax = 5.0

  /// Opens the file at `path`.
  static func open(_ path: String) throws(CatalogError) -> DatabasePool {
    try create(path)
    var configuration = Configuration()
    configuration.label = "catalog"
    configuration.foreignKeysEnabled = true
    configuration.busyMode = .timeout(lockSecondsMax)
    do {
      let pool = try DatabasePool(path: path, configuration: configuration)
      // A pool relaxes this to NORMAL, which may lose the last transactions in a power cut.
      try pool.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA synchronous = FULL")
      }
      try migrate(pool, path)
      return pool
    } catch let error as CatalogError {
      throw error
    } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
      throw .failure("catalogue \(path) is not a database; restore it from a backup")
    } catch {
      throw .failure("catalogue \(path): \(CatalogError(error).text)")
    }
  }

  private static func migrate(_ pool: DatabasePool, _ path: String) throws {
    let migrator = CatalogSchema.migrator
    if try pool.read(migrator.hasBeenSuperseded) {
      throw CatalogError.failure("catalogue \(path) was written by a later version of Fanfare")
    }
    try migrator.migrate(pool)
  }

  /// SQLite gives its companion files the mode of this one.
  private static func create(_ path: String) throws(CatalogError) {
    let fd = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard fd >= 0 else {
      throw .failure(unsafe "catalogue \(path): \(String(cString: strerror(errno)))")
    }
    defer { Glibc.close(fd) }
    guard fchmod(fd, 0o600) == 0 else {
      throw .failure(unsafe "catalogue \(path): \(String(cString: strerror(errno)))")
    }
  }
}
