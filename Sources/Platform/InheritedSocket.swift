internal import CLinux
internal import Glibc

/// Why the sockets that the service manager passed cannot be used.
public struct InheritedSocketError: Error, Equatable, Sendable {
  /// One sentence for people.
  public let text: String
}

/// A listening socket that the service manager opened and holds while nobody serves it: publishers
/// that connect meanwhile wait instead of being refused.
///
/// > Source: sd_listen_fds(3).
public struct InheritedSocket: Equatable, Sendable {
  /// The socket, non-blocking, closed at exec.
  public let socket: Socket
  /// Where it listens.
  public let path: String

  private static let first: Int32 = 3

  /// Takes the socket over that was passed to this process.
  ///
  /// - Returns: `nil` when none was.
  /// - Throws: what was passed instead of one listening unix stream socket.
  public static func take(
    environment: [String: String]
  ) throws(InheritedSocketError) -> InheritedSocket? {
    guard environment["LISTEN_PID"] == String(getpid()),
      let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), count > 0
    else { return nil }
    guard count == 1 else {
      throw InheritedSocketError(
        text: "\(count) sockets were passed (LISTEN_FDS); the local socket is the only one that can be"
      )
    }
    _ = fcntl(first, F_SETFD, FD_CLOEXEC)
    guard number(first, SO_TYPE) == Int32(SOCK_STREAM.rawValue), number(first, SO_ACCEPTCONN) == 1,
      let path = path(of: first)
    else {
      throw InheritedSocketError(
        text: "what was passed (LISTEN_FDS) is no listening unix stream socket; "
          + "a .socket unit needs ListenStream= with a path")
    }
    _ = fcntl(first, F_SETFL, O_NONBLOCK)
    return InheritedSocket(socket: Socket(descriptor: first), path: path)
  }

  private static func number(_ descriptor: Int32, _ option: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(4)
    return unsafe getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : nil
  }

  /// - Returns: `nil` for what is no unix socket with a path.
  private static func path(of descriptor: Int32) -> String? {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let code = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    guard code == 0, address.sun_family == sa_family_t(AF_UNIX) else { return nil }
    let bytes = unsafe withUnsafeBytes(of: &address.sun_path) { bytes in
      unsafe Array(bytes.prefix { $0 != 0 })
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
