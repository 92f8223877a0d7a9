internal import Base
internal import Platform
internal import TLS

/// One connection of the broker to the sink.
struct SinkConnection: ~Copyable {
  private static let answer: StaticString = "HTTP/1.1 204 No Content\r\n\r\n"
  /// A record of TLS.
  private static let readBytes = 16_384

  let socket: Socket
  private var tls: TLSServerConnection?
  private var received = ByteBuffer(capacity: readBytes)
  /// The request whose body is still coming; its head is read once.
  private var open: SinkRequest?

  init(socket: Socket, tls: consuming TLSServerConnection?) {
    self.socket = socket
    self.tls = tls
  }

  /// Reads what has come, at most one record.
  mutating func read(_ network: Network) -> TLSRead {
    var result = TLSRead.wantRead
    let socket = socket
    _ = unsafe received.fill(minimum: Self.readBytes) { room in
      if tls != nil {
        result = unsafe tls?.read(into: room) ?? .closed
      } else {
        switch unsafe network.read(socket, into: room) {
        case .bytes(let count): result = .bytes(count)
        case .wouldBlock: result = .wantRead
        case .closed, .failed: result = .closed
        }
      }
      if case .bytes(let count) = result { return count }
      return 0
    }
    return result
  }

  /// Whether everything that came was answered, and nothing is known to wait.
  var isBetweenRequests: Bool {
    if !received.isEmpty { return false }
    switch tls {
    case .some(let tls): return !tls.hasPending
    case .none: return true
    }
  }

  /// The next request, once it is there with its body.
  mutating func next() -> SinkRequest.Progress {
    if let open { return has(open) ? .whole(open) : .incomplete }
    if received.isEmpty { return .incomplete }
    let progress = unsafe received.withBytes { unsafe SinkRequest.read($0) }
    guard case .whole(let request) = progress else { return progress }
    open = request
    return has(request) ? progress : .incomplete
  }

  private func has(_ request: SinkRequest) -> Bool {
    received.count >= request.headBytes + request.bodyBytes
  }

  /// Lends the body of a request that `next` gave.
  func withBody(of request: SinkRequest, _ body: (UnsafeRawBufferPointer) -> Void) {
    unsafe received.withBytes { bytes in
      let end = request.headBytes + request.bodyBytes
      unsafe body(UnsafeRawBufferPointer(rebasing: bytes[request.headBytes..<end]))
    }
  }

  /// Lets go of a request that `next` gave.
  mutating func finish(_ request: SinkRequest) {
    received.consume(request.headBytes + request.bodyBytes)
    open = nil
  }

  /// Answers; the answer is far smaller than any socket's room.
  mutating func respond(_ network: Network) -> Bool {
    let bytes = unsafe UnsafeRawBufferPointer(
      start: Self.answer.utf8Start, count: Self.answer.utf8CodeUnitCount)
    if tls != nil { return unsafe tls?.write(bytes) == .bytes(bytes.count) }
    return unsafe network.write(socket, bytes) == .bytes(bytes.count)
  }
}
