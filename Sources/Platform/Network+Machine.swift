internal import CLinux
internal import Glibc

/// What only tools need of sockets: never simulated.
extension Network {
  /// Listens on a TCP address.
  /// - Returns: the listener, and its port when `address` left it to the kernel.
  public static func listen(on address: SocketAddress) throws(SystemError) -> (Socket, UInt16) {
    let family = address.isIPv6 ? AF_INET6 : AF_INET
    let flags = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let descriptor = socket(family, Int32(flags), 0)
    if descriptor < 0 { throw SystemError(code: errno, operation: "socket") }
    var one: Int32 = 1
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    let bound = unsafe withSystemAddress(address) { unsafe bind(descriptor, $0, $1) }
    guard bound == 0, Glibc.listen(descriptor, 4096) == 0 else {
      let code = errno
      _ = Glibc.close(descriptor)
      throw SystemError(code: code, operation: "listen on \(address.text) port \(address.port)")
    }
    return (Socket(descriptor: descriptor), boundPort(of: descriptor))
  }

  private static func boundPort(of descriptor: Int32) -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = unsafe getsockname(descriptor, $0, &length)
      }
      // The port stands at the same place for both families.
      return unsafe UnsafeRawPointer(pointer).loadUnaligned(fromByteOffset: 2, as: UInt16.self)
        .bigEndian
    }
  }

  /// Connects to a unix stream socket; non-blocking from then on.
  public static func connect(path: String) throws(SystemError) -> Socket {
    guard let address = UnixAddress(path: path) else {
      throw SystemError(code: ENAMETOOLONG, operation: "socket path \(path)")
    }
    let flags = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
    let descriptor = socket(AF_UNIX, Int32(flags), 0)
    if descriptor < 0 { throw SystemError(code: errno, operation: "socket") }
    var code = address.connect(descriptor)
    while code == EINTR { code = address.connect(descriptor) }
    if code != 0 {
      _ = Glibc.close(descriptor)
      throw SystemError(code: code, operation: "connect to \(path)")
    }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    return Socket(descriptor: descriptor)
  }

  /// The process that listens at the other end of a unix socket.
  /// > Source: unix(7), `SO_PEERCRED`.
  public static func peerProcess(of socket: Socket) -> Int32? {
    var credentials: [3 of Int32] = [0, 0, 0]
    var length = socklen_t(12)
    let result = unsafe getsockopt(
      socket.descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
    return result == 0 && credentials[0] > 0 ? credentials[0] : nil
  }

  /// Sends small writes at once instead of waiting for acknowledgements.
  public static func setNoDelay(_ socket: Socket) {
    var one: Int32 = 1
    _ = unsafe setsockopt(socket.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }
}
