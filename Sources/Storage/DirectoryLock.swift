internal import Base
internal import CLinux
internal import Glibc
internal import System

/// The right to use a data directory, held until the process ends or the value goes away.
///
/// > Source: flock(2): the kernel lets go of it when the process dies, so a stale lock can't exist.
public final class DirectoryLock: Sendable {
  private let descriptor: Int32

  /// Takes the lock; makes the directory and the lock file if they are missing.
  /// - Throws: `StorageError.locked` when another process holds it.
  public init(directory: String) throws(StorageError) {
    let layout = DirectoryLayout(root: directory)
    let path = layout.lock
    if unsafe mkdir(directory, 0o700) < 0, errno != EEXIST {
      throw .system(
        path: directory, SystemError(code: errno, operation: "mkdir"))
    }
    let opened = unsafe fanfare_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if opened < 0 { throw .system(path: path, SystemError(code: errno, operation: "open")) }
    if flock(opened, LOCK_EX | LOCK_NB) < 0 {
      let code = errno
      _ = close(opened)
      if code == EWOULDBLOCK { throw .locked(path: directory) }
      throw .system(path: path, SystemError(code: code, operation: "flock"))
    }
    descriptor = opened
  }

  deinit { _ = close(descriptor) }
}
