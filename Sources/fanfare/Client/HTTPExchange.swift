internal import Base
internal import Glibc
internal import TLS
internal import Wire

/// An answer of the API.
struct APIAnswer {
  let status: Int
  let headers: String
  let body: [UInt8]

  /// The body as JSON; `nil` when it is none.
  var json: JSONValue? { JSONReader.value(of: body) }

  /// The value of a header.
  func header(_ name: String) -> String? {
    for line in headers.split(separator: "\r\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      guard line[..<colon].lowercased() == name.lowercased() else { continue }
      return String(line[line.index(after: colon)...].drop(while: { $0 == " " }))
    }
    return nil
  }
}

/// One request and its answer, over a connection of their own.
struct HTTPExchange: ~Copyable {
  /// The largest answer that is read, in bytes.
  static let answerBytesMax = 64 << 20

  /// Why there is no answer, in one clause.
  struct TransportError: Error {
    let text: String
    /// Whether it is the certificate that was not accepted.
    var isCertificate = false
  }

  private var tls: TLSConnection?
  private let socket: BlockingSocket
  private let timeoutSeconds: Int

  /// Connects, and shakes hands where the URL is https.
  init(to target: URLTarget, roots: String?, timeoutSeconds: Int) throws(TransportError) {
    let connected = try Self.connect(target, timeoutSeconds)
    let secured =
      target.usesTLS
      ? try Self.shakeHands(connected.descriptor, target, roots, timeoutSeconds) : nil
    socket = connected
    tls = secured
    self.timeoutSeconds = timeoutSeconds
  }

  /// Sends a whole request and reads the whole answer.
  mutating func send(_ request: [UInt8]) throws(TransportError) -> APIAnswer {
    try write(request)
    var parser = ResponseParser(
      limits: ResponseLimits(bodyBytesMax: Self.answerBytesMax, keptBytesMax: Self.answerBytesMax))
    var body = ByteBuffer(capacity: 16_384)
    var head: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try read(into: &chunk)
      let hadHead = parser.headersAreComplete
      let progress = unsafe chunk.withUnsafeBytes { bytes in
        count == 0
          ? parser.connectionClosed()
          : unsafe parser.feed(UnsafeRawBufferPointer(rebasing: bytes[..<count]), keeping: &body)
      }
      if !hadHead { head += chunk[..<count] }
      switch progress {
      case .needMore: continue
      case .complete:
        return APIAnswer(
          status: parser.status, headers: String(decoding: Self.headers(of: head), as: UTF8.self),
          body: body.array)
      case .failed(let error): throw TransportError(text: "its answer is no HTTP (\(error))")
      }
    }
  }

  private static func connect(
    _ target: URLTarget, _ timeoutSeconds: Int
  ) throws(TransportError) -> BlockingSocket {
    do throws(BlockingSocket.ConnectError) {
      return try BlockingSocket(
        host: target.host, port: target.port, timeoutSeconds: timeoutSeconds)
    } catch {
      throw TransportError(text: error.text)
    }
  }

  private static func headers(of bytes: [UInt8]) -> ArraySlice<UInt8> {
    let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.lowerBound ?? bytes.count
    return bytes[..<end]
  }

  private static func shakeHands(
    _ descriptor: Int32, _ target: URLTarget, _ roots: String?, _ timeoutSeconds: Int
  ) throws(TransportError) -> TLSConnection {
    var tls = try prepare(descriptor, target, roots)
    switch tls.handshake() {
    case .done: return tls
    case .failed(let failure):
      throw TransportError(
        text: tls.text(of: failure, host: target.host), isCertificate: failure.isCertificate)
    case .wantRead, .wantWrite:
      throw TransportError(text: "no answer to the TLS handshake in \(timeoutSeconds) s")
    }
  }

  private static func prepare(
    _ descriptor: Int32, _ target: URLTarget, _ roots: String?
  ) throws(TransportError) -> TLSConnection {
    do throws(TLSError) {
      let context = try TLSContext(roots: roots.map { .pem($0) } ?? .system)
      return try TLSConnection(
        context: context, fd: descriptor, host: target.host, port: target.port)
    } catch {
      throw TransportError(text: error.description)
    }
  }

  private mutating func write(_ bytes: [UInt8]) throws(TransportError) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { all in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: all[sent...])
        switch unsafe tls?.write(rest) {
        case nil: return unsafe socket.write(rest)
        case .bytes(let count): return count
        default: return -1
        }
      }
      guard count > 0 else {
        throw TransportError(text: "the connection broke: \(SystemText.last())")
      }
      sent += count
    }
  }

  /// - Returns: 0 at the end of the stream.
  private mutating func read(into chunk: inout [UInt8]) throws(TransportError) -> Int {
    let count = unsafe chunk.withUnsafeMutableBytes { buffer in
      switch unsafe tls?.read(into: buffer) {
      case nil: return unsafe socket.read(into: buffer)
      case .bytes(let count): return count
      case .closed: return 0
      default: return -1
      }
    }
    guard count >= 0 else {
      let isLate = errno == EAGAIN || errno == EWOULDBLOCK
      throw TransportError(
        text: isLate
          ? "no answer in \(timeoutSeconds) s" : "the connection broke: \(SystemText.last())")
    }
    return count
  }
}
