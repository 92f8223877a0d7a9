// Goal: every subscriber gets every event, signed, exactly as published, whatever others do.
// Method: receivers that are not ours (the official Python package, nginx), real HTTPS.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct DeliveryTests {
    @Test(.timeLimit(.minutes(3)))
    func `the official package accepts every signature, and raw bodies are byte for byte`()
      async throws
    {
      let broker = try await TestBroker.start()
      let receiver = try await PythonReceiver()
      try await receiver.start()
      for format in ["standard", "raw"] {
        let added = try await broker.fanfare(
          "endpoint", "add", format, "https://127.0.0.1:\(receiver.port)/\(format)", "--format",
          format, "--ca", receiver.certificate.certificate, "--json")
        let secret = try #require(try added.json(as: EndpointLine.self).secret)
        try receiver.expect(secret, at: "/\(format)")
      }
      let events = try Corpus.events(in: broker.folder)
      var published: [String: Corpus.Event] = [:]
      for event in events {
        let id = try await broker.fanfare("publish", event.type, "--file", event.file).text
        published[id] = event
      }
      try await eventually("both get everything", within: 60, details: { broker.log }) {
        receiver.requests.count >= 2 * events.count
      }
      #expect(receiver.requests.filter { !$0.problem.isEmpty }.isEmpty)
      for format in ["standard", "raw"] {
        let ids = receiver.requests(at: "/\(format)").map(\.id)
        #expect(ids.count == events.count)
        #expect(Set(ids) == Set(published.keys))
      }
      for request in receiver.requests(at: "/raw") {
        #expect(request.bytes == published[request.id]?.bytes)
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func `sixteen endpoints at nginx each get each event exactly once`() async throws {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      for number in 1...16 {
        try await broker.fanfare(
          "endpoint", "add", "e\(number)", "https://127.0.0.1:\(nginx.port)/e\(number)", "--ca",
          nginx.certificate.certificate)
      }
      let count = 500
      let input = (1...count).map { "event \($0)\n" }.joined()
      let result = try await broker.fanfare("publish", "fan.out", "--lines", input: input)
      let ids = Set(result.lines)
      #expect(ids.count == count)
      try await eventually("all deliveries are made", within: 60, details: { broker.log }) {
        let status = try await broker.fanfare("status", "--json").json(as: StatusReport.self)
        return status.deliveries.delivered >= 16 * count
      }
      let received = nginx.idsByPath()
      for number in 1...16 {
        let own = received["/e\(number)"] ?? []
        #expect(own.count == count)
        #expect(Set(own) == ids)
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func `an endpoint that is down delays nobody and gets everything when it is back`()
      async throws
    {
      let broker = try await TestBroker.start()
      let up = try await NginxReceiver()
      try await up.start()
      let down = try await NginxReceiver()
      for (name, nginx) in [("up", up), ("down", down)] {
        try await broker.fanfare(
          "endpoint", "add", name, "https://127.0.0.1:\(nginx.port)/\(name)", "--ca",
          nginx.certificate.certificate)
      }
      let count = 300
      let input = (1...count).map { "\($0)\n" }.joined()
      let ids = Set(try await broker.fanfare("publish", "e.e", "--lines", input: input).lines)
      try await eventually("the other gets everything", details: { broker.log }) {
        up.ids(at: "/up").count >= count
      }
      let waiting = try await broker.spool("down")
      #expect(waiting.depth == count)
      #expect(["open", "retrying"].contains(waiting.state), "state \(waiting.state)")
      #expect(waiting.oldestSeconds > 0 && waiting.bytes > 0)
      let check = try await broker.run(["spool", "--check", "depth<\(count),oldest<5m"])
      #expect(check.status == 1)
      #expect(check.talk.contains("depth<\(count)"))
      #expect(!check.talk.contains("oldest"))

      try await down.start()
      // Resuming makes everything due at once, where the breaker alone would probe first.
      try await broker.fanfare("endpoint", "pause", "down")
      try await broker.fanfare("endpoint", "resume", "down")
      try await eventually("the backlog arrives", within: 60, details: { broker.log }) {
        Set(down.ids(at: "/down")).count >= count
      }
      #expect(Set(down.ids(at: "/down")) == ids)
      try await eventually("nothing is pending") { try await broker.spool("down").depth == 0 }
      try await broker.fanfare("spool", "--check", "depth<1,dead=0")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a paused endpoint gets nothing until it is resumed`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("p.*")
      let name = try await bin.endpointName()
      try await broker.fanfare("endpoint", "pause", name)
      #expect(try await broker.spool(name).state == "paused")
      for number in 1...5 { try await broker.fanfare("publish", "p.p", "\(number)") }
      #expect(try await broker.spool(name).depth == 5)
      #expect(bin.lines.isEmpty)
      try await broker.fanfare("endpoint", "resume", name)
      try await eventually("all five arrive") { bin.lines.count >= 5 }
    }

    @Test(.timeLimit(.minutes(2)))
    func `410 disables, and a disabled endpoint queues no new events`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("g.*", ["--status", "410"])
      let name = try await bin.endpointName()
      try await broker.fanfare("publish", "g.one", "{}")
      try await eventually("it is disabled", details: { broker.log }) {
        try await broker.fanfare("endpoint", "show", name, "--json")
          .json(as: EndpointLine.self).disabled
      }
      let after = try await broker.fanfare("publish", "g.two", "{}", "--json")
      #expect(try after.json(as: PublishedLine.self).endpoints == 0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a failing endpoint is retried by its schedule, then dead-lettered`() async throws {
      let broker = try await TestBroker.start()
      let receiver = try await broker.bin("unused.*", ["--status", "400"])
      let name = try await receiver.endpointName()
      try await broker.fanfare("endpoint", "edit", name, "--types", "d.*", "--retry", "200ms,200ms")
      let id = try await broker.fanfare("publish", "d.d", "{}").text
      try await eventually("it is given up", details: { broker.log }) {
        try await broker.spool(name).dead == 1
      }
      #expect(receiver.lines.count == 3, "one attempt and two retries")
      #expect(receiver.output.contains(id))
      let dead = try await broker.fanfare("dead", "list")
      #expect(dead.output.contains(id) && dead.output.contains("d.d"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `SIGTERM ends a broker with 0, and the API says why it is not ready before`() async throws
    {
      let broker = try await TestBroker.start()
      let health = try await broker.fanfare("health", "--ready", "--json")
      #expect(health.output.contains("ready"))
      let result = try await broker.terminate()
      #expect(result.status == 0, "\(result.talk)")
      #expect(try await broker.run(["health"]).status == 69)
    }
  }
}

extension Child {
  /// The name under which a request bin has registered itself.
  func endpointName() async throws -> String {
    let line = try #require(talk.split(separator: "\n").first { $0.contains("subscribed to") })
    return String(try #require(line.split(separator: " ").last))
  }
}
