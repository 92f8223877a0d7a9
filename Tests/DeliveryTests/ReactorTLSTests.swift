import Base
import Delivery
import Flow
import Testing

// Goal: deliveries over TLS go to whom they are meant for, on kept connections and kept sessions.
// Method: servers on loopback with certificates made for the test.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ReactorTLSTests {
  @Test func `deliveries over TLS share a connection, later ones a session`() throws {
    let tls = try #require(LoopbackTLS(hosts: ["127.0.0.1"]))
    let server = LoopbackServer(tls: tls) { _, index in
      index == 9 ? .thenClose(.status(200, body: "{}")) : .status(200, body: "{}")
    }
    let world = World()
    world.endpoint(1, port: server.port, tls: true, caPEM: tls.certificatePEM)
    let audience = world.audience([1])
    for number in 1...20 {
      world.publish("e\(number)", to: audience)
      #expect(world.run { world.counters.delivered.value == UInt64(number) })
    }
    #expect(Set(server.requests.map(\.id)).count == 20)
    #expect(server.requests.count - Int(world.counters.resent.value) == 20)
    #expect(world.counters.handshakes.value == 2 && world.counters.resumed.value == 1)
    #expect(world.counters.retried.value == 0)
  }

  @Test func `a large request goes over TLS whole`() throws {
    let tls = try #require(LoopbackTLS(hosts: ["127.0.0.1"]))
    let server = LoopbackServer(tls: tls) { _, _ in .status(200) }
    let world = World()
    world.endpoint(1, port: server.port, tls: true, caPEM: tls.certificatePEM)
    let data = "\"" + String(repeating: "y", count: 900_000) + "\""
    let audience = world.audience([1])
    for number in 0..<2 {
      world.publish([World.Event(id: "big\(number)", data: data, audience: audience)])
    }
    #expect(world.run { world.counters.delivered.value == 2 })
    #expect(server.requests.allSatisfy { $0.body.count > 900_000 })
  }

  @Test func `a certificate for another host, or of nobody, is not accepted`() throws {
    let tls = try #require(LoopbackTLS(hosts: ["other.example"]))
    let server = LoopbackServer(tls: tls) { _, _ in .status(200) }
    let world = World()
    world.endpoint(1, port: server.port, tls: true, caPEM: tls.certificatePEM)
    world.endpoint(2, port: server.port, tls: true)
    world.publish("e", to: world.audience([1, 2]))
    #expect(world.run { world.counters.attempts(.certificate) == 2 })
    #expect(server.requests.isEmpty)
    let texts = world.seen.compactMap { notice -> String? in
      if case .failed(let record) = notice { record.text } else { nil }
    }
    #expect(texts.contains { $0.contains("other.example") && $0.contains("127.0.0.1") })
  }

  @Test func `a peer that does not speak TLS, or nothing at all, is a failure in time`() throws {
    let plain = LoopbackServer { _, _ in .status(200) }
    let world = World()
    world.endpoint(1, port: plain.port, tls: true)
    world.publish("e", to: world.audience([1]))
    // It waits for the end of a request that never comes, and so says nothing.
    world.run(milliseconds: 50)
    #expect(world.counters.attempts(.tls) == 0 && world.counters.inFlight.value == 1)
    world.skip(seconds: 6)
    #expect(world.run { world.counters.attempts(.tls) == 1 })
    #expect(world.counters.connectionsOpen.value == 0)
  }

  @Test func `a root that is no certificate is a failure of configuration`() throws {
    let world = World()
    world.endpoint(1, port: 9, tls: true, caPEM: "nonsense")
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.attempts(.configuration) == 1 })
    #expect(try world.status(1).lastFailure == .configuration)
  }
}
