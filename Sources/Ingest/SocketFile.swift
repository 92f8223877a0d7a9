internal import Glibc
public import Platform

/// Why the local socket could not be opened.
public enum SocketFileError: Error, Equatable, Sendable {
  /// A process listens there.
  case inUse(path: String)
  /// Something that is no socket is there: a file, a directory, a link.
  case notASocket(path: String)
  /// No such group.
  case unknownGroup(String)
  /// A system call failed.
  case system(SystemError)

  /// For people.
  public var text: String {
    switch self {
    case .inUse(let path): "another process listens on \(path)"
    case .notASocket(let path): "\(path) exists and is not a socket; it was left alone"
    case .unknownGroup(let name): "there is no group '\(name)'"
    case .system(let error): error.description
    }
  }
}

/// The path of the local socket: a stale one is replaced, anything else is left alone.
public enum SocketFile {
  /// Listens at `path`, mode 0660.
  /// - Parameter group: Name of the group that may connect; `nil` leaves the process's.
  /// - Throws: why not; nothing was changed unless the old socket was stale.
  public static func listen(
    path: String, group: String? = nil, network: Network
  ) throws(SocketFileError) -> Socket {
    let groupNumber: gid_t? = if let group { try number(ofGroup: group) } else { nil }
    try removeStale(path)
    let socket: Socket
    do throws(SystemError) {
      socket = try network.listen(path: path)
    } catch {
      throw .system(error)
    }
    if let groupNumber, unsafe chown(path, uid_t.max, groupNumber) != 0 {
      let error = SystemError(code: errno, operation: "chown \(path)")
      network.close(socket)
      _ = unsafe unlink(path)
      throw .system(error)
    }
    return socket
  }

  /// Removes the socket at a clean stop.
  public static func remove(path: String) {
    var status = stat()
    if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK {
      _ = unsafe unlink(path)
    }
  }

  private static func removeStale(_ path: String) throws(SocketFileError) {
    var status = stat()
    if unsafe lstat(path, &status) != 0 {
      if errno == ENOENT { return }
      throw .system(SystemError(code: errno, operation: "lstat \(path)"))
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
    switch try connectCode(path) {
    case ECONNREFUSED:
      if unsafe unlink(path) != 0 {
        throw .system(SystemError(code: errno, operation: "unlink \(path)"))
      }
    case ENOENT: return
    default: throw .inUse(path: path)
    }
  }

  /// Connects and hangs up.
  /// - Returns: 0 when somebody listens, else the errno.
  private static func connectCode(_ path: String) throws(SocketFileError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
      | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    if descriptor < 0 { throw .system(SystemError(code: errno, operation: "socket")) }
    defer { _ = close(descriptor) }
    guard let address = UnixAddress(path: path) else {
      throw .system(SystemError(code: ENAMETOOLONG, operation: "socket path \(path)"))
    }
    return address.connect(descriptor)
  }

  private static func number(ofGroup name: String) throws(SocketFileError) -> gid_t {
    var entry = unsafe group()
    var found: UnsafeMutablePointer<group>?
    var buffer = [CChar](repeating: 0, count: 16_384)
    let code = unsafe getgrnam_r(name, &entry, &buffer, buffer.count, &found)
    if code != 0 { throw .system(SystemError(code: code, operation: "getgrnam_r \(name)")) }
    guard unsafe found != nil else { throw .unknownGroup(name) }
    return unsafe entry.gr_gid
  }
}
