internal import Platform

/// The right to use a data directory, held until the process ends or the value goes away.
public final class DirectoryLock: Sendable {
  private let lock: FileLock

  /// Takes the lock; makes the lock file if it is missing.
  /// - Throws: `StorageError.locked` when another process holds it.
  public init(directory: String) throws(StorageError) {
    let path = DirectoryLayout(root: directory).lock
    do throws(SystemError) {
      lock = try FileLock(path: path)
    } catch {
      if error.isHeldElsewhere { throw .locked(path: directory) }
      throw .system(path: path, error)
    }
  }
}
