internal import Base
internal import CLinux
internal import Glibc

/// A socket's descriptor, or a simulated world's number.
public struct Socket: Hashable, BitwiseCopyable, Sendable {
  /// The descriptor; -1 is none.
  public var descriptor: Int32
  /// Wraps a descriptor.
  public init(descriptor: Int32) { self.descriptor = descriptor }
  /// No socket.
  public static var none: Socket { Socket(descriptor: -1) }
}

/// An IPv4 or IPv6 address with a port.
public struct SocketAddress: Hashable, BitwiseCopyable, Sendable {
  /// The address in network order; an IPv4 address stands in the first four bytes.
  public var high: UInt64
  public var low: UInt64
  /// Port in host order.
  public var port: UInt16
  /// Whether it is IPv6.
  public var isIPv6: Bool

  /// An IPv4 address from its four bytes in host order: 127.0.0.1 is 0x7F000001.
  public init(ipv4: UInt32, port: UInt16) {
    high = UInt64(ipv4)
    low = 0
    self.port = port
    isIPv6 = false
  }
  /// An IPv6 address from its two halves in host order.
  public init(ipv6High: UInt64, low: UInt64, port: UInt16) {
    high = ipv6High
    self.low = low
    self.port = port
    isIPv6 = true
  }

  /// The IPv4 address in host order.
  public var ipv4: UInt32 { UInt32(truncatingIfNeeded: high) }

  /// Parses a literal such as `127.0.0.1` or `::1` (no brackets, no scope).
  /// > Source: inet_pton(3).
  public init?(literal: String, port: UInt16) {
    var four = in_addr()
    var six = in6_addr()
    if unsafe inet_pton(AF_INET, literal, &four) == 1 {
      self.init(ipv4: UInt32(bigEndian: four.s_addr), port: port)
    } else if unsafe inet_pton(AF_INET6, literal, &six) == 1 {
      let halves = unsafe withUnsafeBytes(of: &six) {
        unsafe (
          UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
          UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
      }
      self.init(ipv6High: halves.0, low: halves.1, port: port)
    } else {
      return nil
    }
  }

  /// The address as people write it, without port and brackets.
  /// > Source: inet_ntop(3).
  public var text: String {
    var halves = (high.bigEndian, low.bigEndian)
    var four = ipv4.bigEndian
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = isIPv6 ? AF_INET6 : AF_INET
    let length = socklen_t(buffer.count)
    let written =
      isIPv6
      ? unsafe inet_ntop(family, &halves, &buffer, length)
      : unsafe inet_ntop(family, &four, &buffer, length)
    return unsafe written.map { unsafe String(cString: $0) } ?? ""
  }
}

/// What one read or write did.
public enum IOResult: BitwiseCopyable, Equatable, Sendable {
  /// So many bytes, at least 1.
  case bytes(Int)
  /// Nothing now; epoll will tell.
  case wouldBlock
  /// End of the stream.
  case closed
  /// errno.
  case failed(Int32)
}

/// How a connect began.
public enum ConnectResult: Equatable, Sendable {
  /// Done at once.
  case connected(Socket)
  /// Under way; writable tells its end, `connectError` how.
  case inProgress(Socket)
  /// errno.
  case failed(Int32)
}

/// Sockets: the machine's, or a simulated world's. All are non-blocking.
///
/// The seam is one nil check per system call: under 1 ns beside the 200 ns and more of the call, so
/// the code that is tested is the code that ships.
public final class Network: Sendable {
  private let simulation: (any NetworkSimulation)?

  /// The machine's sockets, or a simulated world's.
  public init(simulation: (any NetworkSimulation)? = nil) { self.simulation = simulation }

  /// Listens on a unix stream socket, mode 0660; the caller has cleared the path.
  public func listen(path: String) throws(SystemError) -> Socket {
    if let simulation { return try simulation.listen(path: path) }
    guard let address = UnixAddress(path: path) else {
      throw SystemError(code: ENAMETOOLONG, operation: "socket path \(path)")
    }
    let descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue) | Self.nonBlockingFlags, 0)
    if descriptor < 0 { throw SystemError(code: errno, operation: "socket") }
    // The file takes the socket's own mode, less the umask; umask(2) itself is the whole process's.
    _ = fchmod(descriptor, 0o660)
    let code = address.bind(descriptor)
    if code != 0 {
      _ = Glibc.close(descriptor)
      throw SystemError(code: code, operation: "bind \(path)")
    }
    if unsafe chmod(path, 0o660) != 0 || Glibc.listen(descriptor, 4096) != 0 {
      let code = errno
      _ = Glibc.close(descriptor)
      throw SystemError(code: code, operation: "listen \(path)")
    }
    return Socket(descriptor: descriptor)
  }

  private static var nonBlockingFlags: Int32 {
    Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
  }

  /// Takes the next waiting connection.
  /// - Returns: `nil` when none waits, or descriptors have run out.
  public func accept(_ listener: Socket) -> Socket? {
    if let simulation { return simulation.accept(listener) }
    let (descriptor, _) = retrying {
      let accepted = Glibc.accept(listener.descriptor, nil, nil)
      if accepted >= 0 {
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
      }
      return Int(accepted)
    }
    return descriptor < 0 ? nil : Socket(descriptor: Int32(descriptor))
  }

  /// Starts a TCP connection, `TCP_NODELAY` set.
  public func connect(_ address: SocketAddress) -> ConnectResult {
    if let simulation { return simulation.connect(address) }
    let family = address.isIPv6 ? AF_INET6 : AF_INET
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Self.nonBlockingFlags, 0)
    if descriptor < 0 { return .failed(errno) }
    var one: Int32 = 1
    _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    let (result, code) = retrying { Int(Self.connect(descriptor, address)) }
    if result == 0 { return .connected(Socket(descriptor: descriptor)) }
    if code == EINPROGRESS { return .inProgress(Socket(descriptor: descriptor)) }
    _ = Glibc.close(descriptor)
    return .failed(code)
  }

  private static func connect(_ descriptor: Int32, _ address: SocketAddress) -> Int32 {
    unsafe withSystemAddress(address) { unsafe Glibc.connect(descriptor, $0, $1) }
  }

  /// Lends the address in the kernel's form, for connect(2) and bind(2).
  static func withSystemAddress(
    _ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    if address.isIPv6 {
      var six = sockaddr_in6()
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = address.port.bigEndian
      unsafe withUnsafeMutableBytes(of: &six.sin6_addr) {
        unsafe $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
        unsafe $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      return unsafe withUnsafePointer(to: &six) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = address.port.bigEndian
    four.sin_addr.s_addr = address.ipv4.bigEndian
    return unsafe withUnsafePointer(to: &four) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// How a connect ended.
  /// - Returns: 0 when it is established, else the errno.
  public func connectError(_ socket: Socket) -> Int32 {
    if let simulation { return simulation.connectError(socket) }
    var code: Int32 = 0
    var length = socklen_t(4)
    _ = unsafe getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    return code
  }

  /// recv(2).
  public func read(_ socket: Socket, into bytes: UnsafeMutableRawBufferPointer) -> IOResult {
    if let simulation { return unsafe simulation.read(socket, into: bytes) }
    let (result, code) = retrying {
      unsafe recv(socket.descriptor, bytes.baseAddress, bytes.count, 0)
    }
    if result > 0 { return .bytes(result) }
    if result == 0 { return .closed }
    return code == EAGAIN ? .wouldBlock : .failed(code)
  }

  /// send(2) with `MSG_NOSIGNAL`.
  public func write(_ socket: Socket, _ bytes: UnsafeRawBufferPointer) -> IOResult {
    if let simulation { return unsafe simulation.write(socket, bytes) }
    let (result, code) = retrying {
      unsafe send(socket.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    }
    if result >= 0 { return .bytes(result) }
    return code == EAGAIN ? .wouldBlock : .failed(code)
  }

  /// close(2); epoll forgets it.
  public func close(_ socket: Socket) {
    if let simulation {
      simulation.close(socket)
      return
    }
    _ = Glibc.close(socket.descriptor)
  }
}
