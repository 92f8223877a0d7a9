import Base
import Delivery
import Flow
import Platform
import TLS
import Testing

// Goal: every delivery reaches its endpoint once, and nothing an endpoint does hurts another.
// Method: a reactor over a real window against servers on loopback; the clock is moved on where
// the contract says minutes.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ReactorTests {
  private static let ok = LoopbackServer.Answer.status(200)

  @Test func `an event goes to three endpoints, once to each, whole and signed`() throws {
    let servers = (0..<3).map { _ in LoopbackServer { _, _ in Self.ok } }
    let world = World()
    for (index, server) in servers.enumerated() {
      world.endpoint(
        UInt32(index + 1), port: server.port, path: "/\(index)",
        format: index == 1 ? .raw : .standard, keys: [[UInt8(index), 9], [7]])
    }
    let audience = world.audience([1, 2, 3])
    for number in 0..<20 { world.publish("e\(number)", to: audience) }
    #expect(world.run { world.counters.delivered.value == 60 })
    world.run(milliseconds: 20)
    for (index, server) in servers.enumerated() {
      let requests = server.requests
      #expect(requests.map(\.id).sorted() == (0..<20).map { "e\($0)" }.sorted())
      for request in requests { try check(request, index) }
    }
    #expect(world.counters.depth.value == 0)
    #expect(world.outcomes(.delivered).count == 60)
    #expect(
      Set(world.outcomes.map { [$0.position.packed, UInt64($0.endpoint.value)] }).count == 60)
    #expect(world.counters.deliveryLag.snapshot().counts.reduce(0, +) == 60)
  }

  private func check(_ request: LoopbackServer.Request, _ index: Int) throws {
    let body = String(decoding: request.body, as: UTF8.self)
    #expect(request.head.hasPrefix("POST /\(index) HTTP/1.1\r\nHost: 127.0.0.1:"))
    #expect(request.headers["content-type"] == "application/json")
    if index == 1 {
      #expect(body == #"{"job":42}"#)
    } else {
      #expect(body.hasPrefix(#"{"type":"job.completed","timestamp":"20"#))
      #expect(body.hasSuffix(#"Z","data":{"job":42}}"#))
    }
    let timestamp = try #require(request.headers["webhook-timestamp"])
    let message = Array("\(request.id).\(timestamp).".utf8) + request.body
    let expected = [[UInt8(index), 9], [7]].map { key in
      var signer = MessageSigner(key: key)
      var text = [UInt8](repeating: 0, count: MessageSigner.signatureTextCount)
      var digest = [UInt8](repeating: 0, count: 32)
      unsafe message.withUnsafeBytes { message in
        unsafe digest.withUnsafeMutableBytes {
          unsafe signer.sign(
            prefix: UnsafeRawBufferPointer(start: nil, count: 0), body: message, into: $0)
        }
      }
      unsafe digest.withUnsafeBytes { digest in
        unsafe text.withUnsafeMutableBytes { unsafe MessageSigner.writeText(of: digest, into: $0) }
      }
      return String(decoding: text, as: UTF8.self)
    }
    #expect(request.headers["webhook-signature"] == expected.joined(separator: " "))
  }

  @Test func `one after the other they share one connection`() {
    let server = LoopbackServer { _, _ in .status(204) }
    let world = World()
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    for number in 1...20 {
      world.publish("e\(number)", to: audience)
      #expect(world.run { world.counters.delivered.value == UInt64(number) })
    }
    #expect(server.connections == 1)
    #expect(world.counters.connectionsOpen.value == 1)
  }

  @Test func `an idle connection is closed after a minute`() {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.delivered.value == 1 })
    world.skip(seconds: 59)
    world.turn()
    #expect(world.counters.connectionsOpen.value == 1)
    world.skip(seconds: 2)
    world.turn()
    #expect(world.counters.connectionsOpen.value == 0)
  }

  @Test func `a failed delivery is tried again when its delay is over, not before`() throws {
    let server = LoopbackServer { _, index in index == 0 ? .status(500, body: "broken") : Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let position = world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.retried.value == 1 })
    let first = try #require(world.outcomes.first)
    #expect(first.kind == .retry && first.status == 500 && first.attempt == 1)
    #expect(first.position == position && first.failure == .status)
    let status = try world.status(1)
    #expect(status.state == .retrying && status.depth == 1 && status.lastStatus == 500)
    world.skip(milliseconds: 3_900)
    world.run(milliseconds: 20)
    #expect(server.requests.count == 1)
    world.skip(milliseconds: 2_200)
    #expect(world.run { world.counters.delivered.value == 1 })
    #expect(server.requests.map(\.id) == ["e", "e"])
    #expect(world.outcomes(.delivered).first?.attempt == 2)
    #expect(world.counters.depth.value == 0)
    guard case .failed(let record)? = world.seen.first else {
      Issue.record("no notice of the failure")
      return
    }
    #expect(record.text == "broken" && record.status == 500 && record.attempt == 1)
  }

  @Test func `a schedule that is used up ends in death`() {
    let server = LoopbackServer { _, _ in .status(404) }
    let world = World()
    world.endpoint(1, port: server.port, delays: [1_000, 2_000])
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.retried.value == 1 })
    world.skip(seconds: 2)
    #expect(world.run { world.counters.retried.value == 2 })
    world.skip(seconds: 3)
    #expect(world.run { world.counters.dead.value == 1 })
    #expect(world.outcomes.map(\.kind) == [.retry, .retry, .dead])
    #expect(world.outcomes.map(\.attempt) == [1, 2, 3])
    #expect(world.counters.depth.value == 0)
    #expect(server.requests.count == 3)
  }

  @Test func `an endpoint that is down and comes back gets all, each once`() throws {
    let port = LoopbackServer.freePort()
    let world = World()
    world.endpoint(1, port: port)
    let audience = world.audience([1])
    for number in 0..<30 { world.publish("e\(number)", to: audience) }
    #expect(world.run { world.counters.breakersOpen.value == 1 })
    world.run(milliseconds: 30)
    let status = try world.status(1)
    #expect(status.state == .open && status.depth == 30)
    #expect(world.counters.attempts(.connect) >= 5)
    let attempted = world.counters.attempts(.connect)

    // Probes while it is down use nothing up.
    for _ in 0..<3 {
      world.skip(seconds: 400)
      world.run(milliseconds: 20)
    }
    #expect(world.counters.attempts(.connect) == attempted + 3)
    #expect(world.outcomes.allSatisfy { $0.attempt <= 1 && $0.kind == .retry })

    let server = LoopbackServer(port: port) { _, _ in Self.ok }
    world.skip(seconds: 400)
    #expect(world.run { world.counters.delivered.value == 30 })
    #expect(Set(server.requests.map(\.id)).count == 30)
    #expect(server.requests.count == 30)
    #expect(server.requests.first?.id == "e0")
    #expect(world.counters.breakersOpen.value == 0 && world.counters.depth.value == 0)
    #expect(try world.status(1).state == .ok)
  }

  @Test func `410 stops the sending and tells the control plane`() throws {
    let server = LoopbackServer { _, _ in .status(410) }
    let world = World()
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    world.publish("a", to: audience)
    #expect(world.run { world.counters.retried.value == 1 })
    world.publish("b", to: audience)
    world.skip(seconds: 100)
    world.run(milliseconds: 20)
    #expect(server.requests.count == 1)
    let told = world.seen.filter {
      if case .answeredGone(EndpointNumber(1)) = $0 { true } else { false }
    }
    #expect(told.count == 1)
    let status = try world.status(1)
    #expect(status.state == .disabled && status.depth == 2)
  }

  @Test func `Retry-After later than the schedule wins`() throws {
    let server = LoopbackServer { _, index in
      index == 0 ? .status(503, headers: "Retry-After: 100\r\n") : Self.ok
    }
    let world = World()
    world.endpoint(1, port: server.port)
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.retried.value == 1 })
    let next = try #require(world.status(1).nextAttempt)
    #expect(next.value > world.now.unix.value + 90_000)
    world.skip(seconds: 99)
    world.run(milliseconds: 20)
    #expect(server.requests.count == 1)
    world.skip(seconds: 2)
    #expect(world.run { world.counters.delivered.value == 1 })
  }

  @Test func `a slow endpoint holds nobody else`() {
    let slow = LoopbackServer { _, _ in .silence }
    let quick = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: slow.port, maxInFlight: 2)
    world.endpoint(2, port: quick.port)
    let audience = world.audience([1, 2])
    for number in 0..<50 { world.publish("e\(number % 50)", to: audience) }
    #expect(world.run { world.counters.delivered.value == 50 })
    #expect(quick.requests.count == 50)
    #expect(slow.requests.count == 2)
  }

  @Test func `no more than max-in-flight at once, and all in the end`() {
    let server = LoopbackServer { _, _ in .after(milliseconds: 5, Self.ok) }
    let world = World()
    world.endpoint(1, port: server.port, maxInFlight: 3)
    let audience = world.audience([1])
    world.publish((0..<60).map { World.Event(id: "e\($0)", audience: audience) })
    #expect(world.run { world.counters.delivered.value == 60 })
    #expect(server.inFlightMax == 3)
    #expect(Set(server.requests.map(\.id)).count == 60)
    #expect(world.counters.depth.value == 0)
  }

  @Test func `a rate is kept`() {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, rate: 2)
    let audience = world.audience([1])
    for number in 0..<10 { world.publish("e\(number)", to: audience) }
    world.run(milliseconds: 50)
    #expect(server.requests.count == 1)
    for second in 1...4 {
      world.skip(milliseconds: 500)
      #expect(world.run { server.requests.count == second + 1 })
      world.run(milliseconds: 20)
      #expect(server.requests.count == second + 1)
    }
  }

  @Test func `an attempt that never ends is ended by its deadline`() throws {
    let server = LoopbackServer { _, _ in .silence }
    let world = World()
    world.endpoint(1, port: server.port)
    world.publish("e", to: world.audience([1]))
    #expect(world.run { server.requests.count == 1 })
    world.skip(milliseconds: 14_900)
    world.run(milliseconds: 10)
    #expect(world.counters.attempts(.timeout) == 0)
    world.skip(milliseconds: 200)
    #expect(world.run { world.counters.attempts(.timeout) == 1 })
    #expect(world.counters.connectionsOpen.value == 0)
    #expect(try world.status(1).lastFailure == .timeout)
  }

  @Test func `a peer that drips bytes is ended by the deadline of the whole`() {
    let drip = LoopbackServer.Answer.raw(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx", close: false)
    let server = LoopbackServer { _, _ in drip }
    let world = World()
    world.endpoint(1, port: server.port)
    world.publish("e", to: world.audience([1]))
    #expect(world.run { server.requests.count == 1 })
    world.run(milliseconds: 20)
    world.skip(seconds: 16)
    #expect(world.run { world.counters.attempts(.timeout) == 1 })
  }

  @Test func `a kept connection that the peer closed is replaced without an attempt counted`() {
    let server = LoopbackServer { _, _ in .thenClose(Self.ok) }
    let world = World()
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    for number in 1...10 {
      world.publish("e\(number)", to: audience)
      #expect(world.run { world.counters.delivered.value == UInt64(number) })
    }
    #expect(world.counters.retried.value == 0)
    #expect(world.outcomes.allSatisfy { $0.kind == .delivered && $0.attempt == 1 })
  }

  @Test func `a request lost on a kept connection is sent again once on a fresh one`() {
    // The second request of a connection is read and dropped, as by a peer that was just closing.
    let server = LoopbackServer { request, index in
      index == 1 ? .close : .status(200, body: "\(request.connection)")
    }
    let world = World()
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    world.publish("a", to: audience)
    #expect(world.run { world.counters.delivered.value == 1 })
    world.publish("b", to: audience)
    #expect(world.run { world.counters.delivered.value == 2 })
    #expect(server.requests.map(\.id) == ["a", "b", "b"])
    #expect(server.requests.map(\.connection) == [0, 0, 1])
    #expect(world.counters.resent.value == 1 && world.counters.retried.value == 0)
    #expect(world.counters.depth.value == 0)
  }

  @Test func `a fresh connection that is closed without an answer is a failure`() throws {
    let server = LoopbackServer { _, _ in .close }
    let world = World()
    world.endpoint(1, port: server.port)
    world.publish("a", to: world.audience([1]))
    #expect(world.run { world.counters.retried.value == 1 })
    #expect(try world.status(1).lastFailure == .closed)
    #expect(world.counters.resent.value == 0)
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", true),
    ("HTTP/1.1 200 OK\r\n\r\nuntil the end", true),
    ("HTTP/1.1 500 No\r\nContent-Length: 50\r\n\r\nshort", false),
    ("HTTP/1.1 200 OK\r\nContent-Le", false),
    ("SSH-2.0-OpenSSH_9.2\r\n", false),
    ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", false),
    ("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
  ])
  func `an answer decides by its head`(_ answer: String, _ isDelivered: Bool) {
    let server = LoopbackServer { _, _ in .raw(answer, close: true) }
    let world = World()
    world.endpoint(1, port: server.port)
    world.publish("a", to: world.audience([1]))
    #expect(world.run { world.counters.delivered.value + world.counters.retried.value == 1 })
    #expect(world.counters.delivered.value == (isDelivered ? 1 : 0))
    #expect(world.run { world.counters.connectionsOpen.value == 0 })
    #expect(server.connections == 1)
  }

  @Test func `bytes after an answer are never taken for the next one`() {
    let end = "\r\nContent-Length: 0\r\n\r\n"
    let two = "HTTP/1.1 200 OK\(end)HTTP/1.1 500 No\(end)"
    let server = LoopbackServer { _, index in index == 0 ? .raw(two, close: false) : Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    world.publish("a", to: audience)
    #expect(world.run { world.counters.delivered.value == 1 })
    world.publish("b", to: audience)
    #expect(world.run { world.counters.delivered.value == 2 })
    #expect(server.requests.map(\.connection) == [0, 1])
  }

  @Test func `a large body that the socket does not take at once arrives whole`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let data = "\"" + String(repeating: "x", count: 900_000) + "\""
    let audience = world.audience([1])
    let sequence = world.publish([World.Event(id: "big", data: data, audience: audience)])
    world.turn()
    world.evict(sequence)
    #expect(world.run { world.counters.delivered.value == 1 })
    let body = try #require(server.requests.first?.body)
    #expect(body.count > 900_000 && body.suffix(3) == Array("x\"}".utf8))
  }
}
