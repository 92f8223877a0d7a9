internal import GRDB
internal import Glibc

/// The database file: made for its owner only, opened for durable writes, brought up to date.
enum CatalogFile {
  /// Seconds that a statement waits for another connection's lock.
  private static let lockSecondsMax = 5.0

  /// Opens the file at `path`.
  static func open(_ path: String) throws(CatalogError) -> DatabasePool {
    try refuseNewer(path)
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
      try CatalogSchema.migrator.migrate(pool)
      return pool
    } catch let error as CatalogError {
      throw error
    } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
      throw .failure("catalogue \(path) is not a database; restore it from a backup")
    } catch {
      throw .failure("catalogue \(path): \(CatalogError(error).text)")
    }
  }

  /// Looks at the file by a connection that can't write: already a pool's opening changes it. What can't be read that way is the later connection's matter.
  private static func refuseNewer(_ path: String) throws(CatalogError) {
    guard unsafe access(path, F_OK) == 0 else { return }
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(lockSecondsMax)
    guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return }
    defer { try? queue.close() }
    if (try? queue.read(CatalogSchema.migrator.hasBeenSuperseded)) == true {
      throw .failure(
        "catalogue \(path) was written by a newer Fanfare; nothing was changed. "
          + "Use the newer version.")
    }
  }

  /// SQLite gives its companion files the mode of this one.
  static func create(_ path: String) throws(CatalogError) {
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
