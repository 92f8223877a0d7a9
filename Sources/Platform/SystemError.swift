internal import CLinux
internal import Glibc

/// A system call that failed: which, and with what errno.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The errno value.
  public var code: Int32
  /// What was tried, for people: "fdatasync", "open journal/…".
  public var operation: String

  /// Names a failure.
  public init(code: Int32, operation: String) {
    self.code = code
    self.operation = operation
  }

  /// The operation and the system's text.
  public var description: String {
    "\(operation): \(unsafe String(cString: strerror(code))) (errno \(code))"
  }
}

extension SystemError {
  /// There is no file or directory of that name.
  public var isNotFound: Bool { code == ENOENT }

  /// The file system, a quota or the process's file size limit takes no more bytes.
  public var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

/// Repeats a call that a signal interrupted; errno is read before anything else can change it.
@inline(never)
func retrying(_ call: () -> Int) -> (result: Int, code: Int32) {
  while true {
    let result = call()
    if result >= 0 { return (result, 0) }
    let code = errno
    if code != EINTR { return (result, code) }
  }
}
