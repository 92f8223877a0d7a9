// Goal: what happens to endpoints and deliveries is told to the endpoints of `_system`: signed,
// durable like any event, counted exactly in a storm, and never about those events themselves.
// Method: the real program; endpoints that are killed, misbehave or are changed by hand, and the
// official Standard Webhooks package as the judge of what arrives elsewhere.
import Foundation
import Testing

extension EndToEnd {
  struct OperationalEventTests {
    private struct News: Decodable {
      struct Body: Decodable {
        struct Attempt: Decodable {
          let id: String?
          let responseStatusCode: Int
        }
        let appId, appUid, endpointUid, msgId, msgEventId, trigger, reason: String?
        let attempts, bytes, limitBytes: Int?
        let lastAttempt: Attempt?
        let count: Int
      }
      let type: String
      let data: Body
    }

    /// A broker whose `_system` has one endpoint, at a receiver that judges.
    private func world(_ settings: String = "") async throws -> (TestBroker, PythonReceiver) {
      let receiver = try await PythonReceiver()
      try await receiver.start()
      let broker = try await TestBroker.start(settings: settings)
      let made = try await broker.fanfare(
        "endpoint", "add", "ops", "https://127.0.0.1:\(receiver.port)/ops", "--app", "_system",
        "--types", "fanfare.*", "--ca", receiver.certificate.certificate, "--json")
      let secret = try #require(try made.json(as: EndpointLine.self).secret)
      try receiver.expect(secret, at: "/ops")
      return (broker, receiver)
    }

    private func news(_ receiver: PythonReceiver, _ type: String) throws -> [News.Body] {
      try receiver.requests(at: "/ops").map { request in
        #expect(request.problem.isEmpty, "\(request.problem)")
        return try JSONDecoder().decode(News.self, from: request.bytes)
      }.filter { $0.type == type }.map(\.data)
    }

    private func first(_ receiver: PythonReceiver, _ broker: TestBroker, _ type: String)
      async throws -> News.Body
    {
      try await eventually("\(type) arrives", within: 60, details: { broker.log }) {
        try !news(receiver, type).isEmpty
      }
      return try #require(try news(receiver, type).first)
    }

    @Test(.timeLimit(.minutes(3)))
    func `an endpoint that is killed is news elsewhere`() async throws {
      let (broker, receiver) = try await world()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      try await broker.fanfare(
        "endpoint", "add", "victim", "https://127.0.0.1:\(nginx.port)/victim", "--ca",
        nginx.certificate.certificate, "--retry", "200ms,200ms")
      try await broker.fanfare("publish", "job.done", "{}")
      try await eventually("it works", details: { broker.log }) {
        nginx.ids(at: "/victim").count == 1
      }
      try await nginx.kill()
      try await broker.fanfare("publish", "job.lost", "{}", "--id", "lost-1")
      let dead = try await first(receiver, broker, "fanfare.delivery.dead")
      #expect(dead.appUid == "default" && dead.appId?.hasPrefix("app_") == true)
      #expect(dead.endpointUid == "victim" && dead.msgId == "lost-1" && dead.msgEventId == "lost-1")
      #expect(dead.attempts == 3 && dead.lastAttempt?.responseStatusCode == 0 && dead.count == 1)
      let attempts = try await broker.fanfare("attempts", "victim", "--failed", "--json")
        .json(as: [AttemptLine].self)
      #expect(attempts.count == 3 && attempts.first?.id == dead.lastAttempt?.id)

      // Three more failures open its breaker; a probe after five seconds finds it well.
      try await broker.fanfare("publish", "job.waits", "--lines", input: "1\n2\n3\n4\n5\n")
      try await eventually("its breaker is open", details: { broker.log }) {
        try await broker.spool("victim").state == "open"
      }
      try await nginx.start()
      #expect(
        try await first(receiver, broker, "fanfare.endpoint.recovered").endpointUid == "victim")

      try await broker.fanfare("endpoint", "pause", "victim")
      try await broker.fanfare("endpoint", "pause", "victim")
      #expect(try await first(receiver, broker, "fanfare.endpoint.paused").count == 1)
      try await broker.fanfare("endpoint", "disable", "victim")
      let disabled = try await first(receiver, broker, "fanfare.endpoint.disabled")
      #expect(disabled.trigger == "manual" && disabled.endpointUid == "victim")

      // They are events like any: in the log, by their ids.
      let listed = try await broker.fanfare("events", "--app", "_system", "--json")
        .json(as: [EventLine].self)
      #expect(Set(listed.map(\.id)) == Set(receiver.requests(at: "/ops").map(\.id)))
      #expect(listed.allSatisfy { $0.endpoints == 1 })
    }

    @Test(.timeLimit(.minutes(3)))
    func `a storm is a few events whose counts add up, and none is about itself`() async throws {
      let (broker, receiver) = try await world()
      let gone = try await broker.bin("x.gone", ["--status", "410"])
      let storm = try await broker.bin("x.storm", ["--status", "404", "--brief"])
      let bins = try await broker.fanfare("endpoint", "list", "--json").json(as: [EndpointLine].self)
      let unwell = try #require(bins.first { $0.eventTypes == ["x.storm"] })
      try await broker.fanfare("endpoint", "edit", unwell.id, "--retry", "100ms")
      // It fails at all that it is told; that is nobody's news.
      try await broker.fanfare(
        "endpoint", "add", "deaf", unwell.url, "--app", "_system", "--retry", "100ms", "--ca",
        receiver.certificate.certificate)
      try await broker.fanfare("publish", "x.gone", "{}")
      let disabled = try await first(receiver, broker, "fanfare.endpoint.disabled")
      #expect(disabled.trigger == "automatic" && disabled.reason?.contains("410") == true)

      let lines = (0..<600).map { "\($0)\n" }.joined()
      try await broker.fanfare("publish", "x.storm", "--lines", input: lines)
      try await eventually("all are dead", within: 60, details: { broker.log }) {
        try await broker.spool(unwell.id).dead == 600
      }
      _ = try await first(receiver, broker, "fanfare.delivery.dead")
      try await eventually("what 'deaf' is told is given up", details: { broker.log }) {
        let list = try await broker.fanfare("dead", "list", "--app", "_system", "--json")
        return try list.json(as: [DeadLine].self).count >= 2
      }
      // A minute is over for nobody; what is held is told at the end.
      _ = try await broker.terminate()
      try await broker.start()
      try await eventually("the counts add up", within: 60, details: { broker.log }) {
        try news(receiver, "fanfare.delivery.dead").reduce(0) { $0 + $1.count } == 600
      }
      let dead = try news(receiver, "fanfare.delivery.dead")
      #expect(dead.count <= 3, "\(dead.count) events for one storm")
      #expect(dead.allSatisfy { $0.endpointUid != "deaf" && $0.lastAttempt != nil })
      _ = try await (gone.stop(SIGKILL), storm.stop(SIGKILL))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a spool near its quota is told before anything is lost`() async throws {
      let (broker, receiver) = try await world("spool: {endpoint-quota: 400KiB}\n")
      try await broker.fanfare("endpoint", "add", "slow", "https://127.0.0.1:1/x", "--types", "q.q")
      try await broker.fanfare("endpoint", "pause", "slow")
      let lines = (0..<45).map { _ in "\"\(noise(8_000))\"\n" }.joined()
      try await broker.fanfare("publish", "q.q", "--lines", input: lines)
      let high = try await first(receiver, broker, "fanfare.spool.high")
      #expect(high.endpointUid == "slow" && high.limitBytes == 400 << 10)
      #expect((high.bytes ?? 0) >= 300 << 10, "\(high)")
      #expect(try await broker.spool("slow").dead == 0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `none is made while nobody takes it`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "e", "https://127.0.0.1:1/x")
      try await broker.fanfare("endpoint", "pause", "e")
      let (made, receiver) = try await world()
      try await made.fanfare("endpoint", "edit", "ops", "--app", "_system", "--types", "fanfare.disk.low")
      try await made.fanfare("endpoint", "add", "e", "https://127.0.0.1:1/x")
      try await made.fanfare("endpoint", "pause", "e")
      for broker in [broker, made] {
        // What waits would be told at the end.
        _ = try await broker.terminate()
        try await broker.start()
        let status = try await broker.fanfare("status", "--json").json(as: StatusReport.self)
        #expect(status.events.accepted == 0)
      }
      #expect(receiver.requests.isEmpty)
    }

    private struct AttemptLine: Decodable { let id: String }
    private struct DeadLine: Decodable { let id: String }
    private struct EventLine: Decodable {
      let id: String
      let endpoints: Int
    }

    private func noise(_ length: Int) -> String {
      Data((0..<length * 3 / 4).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
    }
  }
}
