internal import CLinux
internal import Glibc

/// A lock file that one process holds, until the value goes away or the process ends.
///
/// > Source: flock(2): the kernel lets go of it when the process dies, so a stale lock can't exist.
public final class FileLock: Sendable {
  private let descriptor: Int32

  /// Takes the lock; makes the file, mode 0600, if it is missing. Never waits.
  /// - Throws: `SystemError`; `isHeldElsewhere` of it says that another process has the lock.
  public init(path: String) throws(SystemError) {
    let opened = unsafe fanfare_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if opened < 0 { throw SystemError(code: errno, operation: "open") }
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      _ = close(opened)
      throw SystemError(code: code, operation: "flock")
    }
    descriptor = opened
  }

  deinit { _ = close(descriptor) }
}

extension SystemError {
  /// Of a `FileLock`: another process holds it.
  public var isHeldElsewhere: Bool { operation == "flock" && code == EWOULDBLOCK }
}
