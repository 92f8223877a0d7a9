import Base
import Glibc
import Platform
import Synchronization

/// An HTTP server on loopback that does what a test tells it: blocking sockets, a thread for the
/// listener and one for each connection.
final class LoopbackServer: Sendable {
  struct Request: Sendable {
    var head: String
    var headers: [String: String]
    var body: [UInt8]
    /// Which connection of the server it came on, from 0.
    var connection: Int

    var id: String { headers["webhook-id"] ?? "" }
  }

  indirect enum Answer: Sendable {
    case status(Int, headers: String = "", body: String = "")
    /// These bytes as they are; then the connection is closed, or kept.
    case raw(String, close: Bool)
    /// Closes without an answer.
    case close
    /// Never answers.
    case silence
    case after(milliseconds: Int, Answer)
    /// Answers, and closes a moment later though it said nothing of it.
    case thenClose(Answer)
  }

  private struct State {
    var requests: [Request] = []
    var descriptors: [Int32] = []
    var connections = 0
    var inFlight = 0
    var inFlightMax = 0
    var isStopped = false
  }

  let port: UInt16
  private let listener: Int32
  private let state = Mutex(State())
  private let answer: @Sendable (Request, Int) -> Answer
  private let tls: LoopbackTLS?

  /// Listens on `port`, or on one that is free.
  /// - Parameter answer: gets each request and how many came before it.
  init(
    port: UInt16 = 0, tls: LoopbackTLS? = nil,
    _ answer: @escaping @Sendable (Request, Int) -> Answer
  ) {
    self.answer = answer
    self.tls = tls
    let (descriptor, bound) = Self.listen(port)
    listener = descriptor
    self.port = bound
    Thread.start(name: "test-accept") { [self] in acceptAll() }
  }

  var requests: [Request] { state.withLock { $0.requests } }
  var connections: Int { state.withLock { $0.connections } }
  var inFlightMax: Int { state.withLock { $0.inFlightMax } }

  /// Closes everything; connects are refused afterwards.
  func stop() {
    let open = state.withLock { state in
      state.isStopped = true
      return state.descriptors
    }
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
    for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
  }

  /// A port that nobody listens on now.
  static func freePort() -> UInt16 {
    let (descriptor, port) = listen(0)
    close(descriptor)
    return port
  }

  private static func listen(_ port: UInt16) -> (Int32, UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var one: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        let bound = unsafe bind(descriptor, $0, length)
        require(bound == 0, "the test server cannot bind")
        _ = Glibc.listen(descriptor, 512)
        _ = unsafe getsockname(descriptor, $0, &length)
      }
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  private func acceptAll() {
    while true {
      let descriptor = accept(listener, nil, nil)
      if descriptor < 0 { return }
      let number = state.withLock { state in
        state.descriptors.append(descriptor)
        state.connections += 1
        return state.connections - 1
      }
      Thread.start(name: "test-serve") { [self] in
        if let stream = LoopbackStream(descriptor, tls) { serve(stream, number) }
        close(descriptor)
      }
    }
  }

  private func serve(_ stream: LoopbackStream, _ number: Int) {
    var pending: [UInt8] = []
    while let request = read(stream, number, &pending) {
      let index = state.withLock { state in
        state.requests.append(request)
        state.inFlight += 1
        state.inFlightMax = max(state.inFlightMax, state.inFlight)
        return state.requests.count - 1
      }
      let goesOn = send(answer(request, index), stream)
      if !goesOn { return }
    }
  }

  /// Counted down before the answer is sent: its receiver may send the next at once.
  private func ended() { state.withLock { $0.inFlight -= 1 } }

  private func send(_ answer: Answer, _ stream: LoopbackStream) -> Bool {
    switch answer {
    case .status(let status, let headers, let body):
      ended()
      return write(
        "HTTP/1.1 \(status) X\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)",
        stream)
    case .raw(let text, let close):
      ended()
      return write(text, stream) && !close
    case .close:
      ended()
      return false
    case .silence:
      while !stream.read().isEmpty {}
      ended()
      return false
    case .after(let milliseconds, let then):
      usleep(UInt32(milliseconds) * 1_000)
      return send(then, stream)
    case .thenClose(let first):
      _ = send(first, stream)
      return false
    }
  }

  private func write(_ text: String, _ stream: LoopbackStream) -> Bool {
    stream.write(Array(text.utf8))
  }

  private func read(_ stream: LoopbackStream, _ number: Int, _ pending: inout [UInt8]) -> Request? {
    while true {
      if let request = Self.parse(&pending, number) { return request }
      let bytes = stream.read()
      if bytes.isEmpty { return nil }
      pending += bytes
    }
  }

  private static func parse(_ pending: inout [UInt8], _ number: Int) -> Request? {
    var end = 0
    while end + 4 <= pending.count, pending[end..<end + 4] != [13, 10, 13, 10] { end += 1 }
    if end + 4 > pending.count { return nil }
    let head = String(decoding: pending[..<end], as: UTF8.self)
    var headers: [String: String] = [:]
    for line in head.split(separator: "\r\n").dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    let length = Int(headers["content-length"] ?? "0") ?? 0
    if pending.count < end + 4 + length { return nil }
    let body = Array(pending[(end + 4)..<(end + 4 + length)])
    pending.removeFirst(end + 4 + length)
    return Request(head: head, headers: headers, body: body, connection: number)
  }
}
