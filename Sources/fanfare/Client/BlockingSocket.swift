internal import Glibc
internal import Platform

/// A stream socket whose calls wait, with time-outs: a command does one thing at a time.
struct BlockingSocket: ~Copyable {
  let descriptor: Int32

  /// Why a connection failed, in the system's words.
  struct ConnectError: Error { let text: String }

  deinit { close(descriptor) }

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// Connects to a unix socket.
  init(path: String) throws(ConnectError) {
    guard let address = UnixAddress(path: path) else {
      throw ConnectError(
        text: path.isEmpty
          ? "the path is empty"
          : "the path is longer than the \(UnixAddress.pathBytesMax) bytes a unix socket may have")
    }
    let descriptor = Self.open(AF_UNIX)
    let code = address.connect(descriptor)
    guard code == 0 else {
      close(descriptor)
      throw ConnectError(text: SystemText.of(code))
    }
    self.init(descriptor: descriptor)
  }

  /// Connects to the first address of a host that answers.
  ///
  /// - Parameter timeoutSeconds: for each address, and later for each read and write.
  init(host: String, port: UInt16, timeoutSeconds: Int) throws(ConnectError) {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>? = nil
    let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    let status = unsafe getaddrinfo(name, "\(port)", &hints, &list)
    guard status == 0 else {
      throw ConnectError(text: unsafe String(cString: gai_strerror(status)).lowercased())
    }
    defer { unsafe freeaddrinfo(list) }
    var text = "no address"
    var next = unsafe list
    while let entry = unsafe next {
      let descriptor = unsafe Self.open(entry.pointee.ai_family)
      Self.setTimeout(timeoutSeconds, on: descriptor)
      if unsafe Self.connect(descriptor, entry.pointee.ai_addr, entry.pointee.ai_addrlen) == 0 {
        self.init(descriptor: descriptor)
        return
      }
      text = errno == EINPROGRESS ? "no answer in \(timeoutSeconds) s" : SystemText.last()
      close(descriptor)
      unsafe next = entry.pointee.ai_next
    }
    throw ConnectError(text: text)
  }

  /// Reads what has come.
  ///
  /// - Returns: 0 at the end of the stream, -1 with `errno` on failure.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count >= 0 || errno != EINTR { return count }
    }
  }

  /// Writes as much as the socket takes, waiting for room unless it is non-blocking.
  ///
  /// - Returns: -1 with `errno` on failure.
  func write(_ buffer: UnsafeRawBufferPointer) -> Int {
    while true {
      let count = unsafe send(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
      if count >= 0 || errno != EINTR { return count }
    }
  }

  /// From now on no call waits.
  func makeNonBlocking() {
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
  }

  private static func open(_ family: Int32) -> Int32 {
    socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }

  private static func connect(
    _ descriptor: Int32, _ address: UnsafeRawPointer?, _ length: socklen_t
  ) -> Int32 {
    unsafe Glibc.connect(descriptor, address?.assumingMemoryBound(to: sockaddr.self), length)
  }

  private static func setTimeout(_ seconds: Int, on descriptor: Int32) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }
}
