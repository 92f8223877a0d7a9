public import Base

/// How a simulated webhook endpoint treats requests.
public enum EndpointBehaviour: UInt64, CaseIterable, Sendable {
  /// 200, soon.
  case ok
  /// 200 after seconds, sometimes after the attempt's deadline.
  case slow
  /// Refuses connections.
  case refusing
  /// Does not even answer a connect.
  case unreachable
  /// Accepts, reads, never answers.
  case silent
  /// Accepts and never reads.
  case notReading
  /// 500.
  case failing
  /// 429 or 503 with Retry-After.
  case throttling
  /// Breaks the connection in the middle of the answer.
  case resetting
  /// Closes without an answer.
  case closing
  /// 200, then closes the kept connection without notice.
  case fickle
  /// 200 with `Connection: close`.
  case closingAnnounced
  /// 200, one byte at a time.
  case dripping
  /// 200 with a chunked body.
  case chunked
  /// Something that is not HTTP.
  case garbled
  /// 200 that promises more body than comes, then closes.
  case truncated
  /// Any of the others, request by request.
  case mixed
}

/// One request as the endpoint saw it.
public final class ReceivedRequest {
  /// When it was complete.
  public let time: Instant
  /// When its last byte left the program.
  public let departure: Instant
  /// The body, until it is forgotten.
  public private(set) var body: [UInt8]
  /// Header values by lower-case name.
  public let headers: [String: String]
  /// For the driver: which of its events this is.
  public var number: Int?
  /// Whether a 2xx was sent, wholly or in part.
  public internal(set) var wasAccepted = false
  /// When the program had read all of a whole 2xx answer: from then on it knows.
  public internal(set) var acceptanceRead: Instant?

  init(time: Instant, departure: Instant, body: [UInt8], headers: [String: String]) {
    self.time = time
    self.departure = departure
    self.body = body
    self.headers = headers
  }

  /// Gives the body's memory back.
  public func forgetBody() { body = [] }
}

/// A webhook endpoint of the simulated world: an HTTP server that behaves as told.
public final class EndpointServer: SimulatedHost {
  /// How it treats requests from now on.
  public var behaviour: EndpointBehaviour
  /// Everything it received, oldest first.
  public private(set) var requests: [ReceivedRequest] = []
  /// What was wrong with requests as HTTP.
  public private(set) var violations: [String] = []
  /// Called for each whole request.
  public var onRequest: ((ReceivedRequest) -> Void)?
  let world: World
  private var random: SeededRandom

  /// A server in `world`; `SimulatedNetwork.add` gives it an address.
  public init(world: World, behaviour: EndpointBehaviour = .ok) {
    self.world = world
    self.behaviour = behaviour
    random = world.fork()
  }

  public func connect(_ line: SimulatedLine) -> ConnectAnswer {
    switch behaviour {
    case .refusing: return .refuse
    case .unreachable: return .ignore
    case .mixed where random.oneIn(20): return .refuse
    case .notReading:
      line.setReading(false)
      return .accept(HTTPConversation(server: self))
    default: return .accept(HTTPConversation(server: self))
    }
  }

  func violated(_ text: String) { violations.append(text) }

  /// Behaves.
  func answer(_ request: ReceivedRequest, on line: SimulatedLine) {
    requests.append(request)
    onRequest?(request)
    var behaviour = behaviour
    if behaviour == .mixed {
      let all = EndpointBehaviour.allCases
      behaviour = random.oneIn(3) ? all[Int(random.below(UInt64(all.count - 1)))] : .ok
    }
    let soon = Nanoseconds.microseconds(100 + random.below(5_000))
    let late = Nanoseconds.milliseconds(500 + random.below(18_000))
    world.after(behaviour == .slow ? late : soon) { [self] in
      respond(behaviour, to: request, on: line)
    }
  }

  private func respond(
    _ behaviour: EndpointBehaviour, to request: ReceivedRequest, on line: SimulatedLine
  ) {
    switch behaviour {
    case .ok, .slow, .mixed, .refusing, .unreachable, .notReading:
      accept(request, on: line, "Content-Length: 2\r\n\r\nok")
    case .chunked:
      accept(
        request, on: line, "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nt: v\r\n\r\n")
    case .fickle:
      accept(request, on: line, "Content-Length: 0\r\n\r\n")
      world.after(.microseconds(random.below(40_000))) { line.finish() }
    case .closingAnnounced:
      accept(request, on: line, "Connection: close\r\n\r\nuntil the end")
      line.finish()
    case .dripping:
      request.wasAccepted = true
      drip(Array("HTTP/1.1 204 No Content\r\nServer: slow\r\n\r\n".utf8), 0, request, line)
    case .silent: break
    case .failing: send(line, "HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nsorry")
    case .throttling:
      let status = random.oneIn(2) ? 429 : 503
      send(line, "HTTP/1.1 \(status) Later\r\nRetry-After: \(random.below(4))\r\n"
        + "Content-Length: 0\r\n\r\n")
    case .resetting:
      send(line, "HTTP/1.1 500 Oh")
      line.reset()
    case .closing: line.finish()
    case .garbled: send(line, "SSH-2.0-OpenSSH_9.2p1\r\n")
    case .truncated:
      request.wasAccepted = true
      send(line, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nand then")
      line.finish()
    }
  }

  private func accept(_ request: ReceivedRequest, on line: SimulatedLine, _ rest: String) {
    request.wasAccepted = true
    send(line, "HTTP/1.1 200 OK\r\n" + rest)
    line.whenRead { request.acceptanceRead = $0 }
  }

  private func drip(
    _ bytes: [UInt8], _ index: Int, _ request: ReceivedRequest, _ line: SimulatedLine
  ) {
    if index == bytes.count { return line.whenRead { request.acceptanceRead = $0 } }
    line.send([bytes[index]])
    world.after(.milliseconds(1 + random.below(20))) { [self] in
      drip(bytes, index + 1, request, line)
    }
  }

  private func send(_ line: SimulatedLine, _ text: String) { line.send(Array(text.utf8)) }
}

/// One connection of an endpoint: requests are read strictly, one at a time.
final class HTTPConversation: SimulatedPeer {
  private let server: EndpointServer
  private var buffer: [UInt8] = []
  /// The head of the request that is under way, once it is whole.
  private var head: (end: Int, headers: [String: String], bodyEnd: Int)?

  init(server: EndpointServer) { self.server = server }

  func ended(_ line: SimulatedLine) {}

  func received(_ bytes: [UInt8], on line: SimulatedLine) {
    let searched = max(0, buffer.count - 3)
    buffer += bytes
    if head == nil { findHead(from: searched) }
    guard let head, buffer.count >= head.bodyEnd else { return }
    if buffer.count > head.bodyEnd { server.violated("bytes after the body") }
    let body = Array(buffer[head.end..<head.bodyEnd])
    buffer = []
    self.head = nil
    server.answer(
      ReceivedRequest(
        time: server.world.clock.instant, departure: line.departure, body: body,
        headers: head.headers),
      on: line)
  }

  private func findHead(from start: Int) {
    var index = start
    while index + 3 < buffer.count {
      if buffer[index] == 13, buffer[index + 1] == 10, buffer[index + 2] == 13,
        buffer[index + 3] == 10
      {
        guard let headers = parse(Array(buffer[..<index])) else { return }
        let length = Int(headers["content-length"] ?? "") ?? -1
        if length < 0 { server.violated("no content length: \(headers)") }
        head = (index + 4, headers, index + 4 + max(0, length))
        return
      }
      index += 1
    }
  }

  private func parse(_ head: [UInt8]) -> [String: String]? {
    let text = String(decoding: head, as: UTF8.self)
    let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
    guard let first = lines.first, first.hasPrefix("POST /"), first.hasSuffix(" HTTP/1.1") else {
      server.violated("not a request: \(text.prefix(80))")
      return nil
    }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else {
        server.violated("header without colon: \(line)")
        continue
      }
      let name = line[..<colon].lowercased()
      let value = String(line[line.index(after: colon)...].drop { $0 == " " })
      if headers.updateValue(value, forKey: name) != nil { server.violated("\(name) twice") }
    }
    return headers
  }
}
