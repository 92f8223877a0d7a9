// Goal: history is found by what people know of it, and sent again to whom they name, once.
// Method: real broker, real command line, nginx as a receiver that counts ids by path.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct ReplayTests {
    /// A broker and a receiver with its endpoint `first`.
    private func pair(_ more: [String] = []) async throws -> (TestBroker, NginxReceiver) {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      try await add("first", broker, nginx, more)
      return (broker, nginx)
    }

    private func add(
      _ name: String, _ broker: TestBroker, _ nginx: NginxReceiver, _ more: [String] = []
    ) async throws {
      let result = try await broker.run(
        ["endpoint", "add", name, "https://127.0.0.1:\(nginx.port)/\(name)", "--ca",
         nginx.certificate.certificate] + more)
      try #require(result.status == 0, "\(result.talk)")
    }

    private func publish(_ count: Int, _ type: String, _ broker: TestBroker) async throws
      -> [Substring]
    {
      let input = (1...count).map { #"{"n":\#($0)}"# + "\n" }.joined()
      return try await broker.fanfare("publish", type, "--lines", input: input).lines
    }

    private func settled(_ broker: TestBroker) async throws {
      try await eventually("nothing is pending", within: 60, details: { broker.log }) {
        let report = try await broker.fanfare("spool", "--json").json(as: SpoolReport.self)
        return report.total.depth == 0
      }
    }

    private func events(_ broker: TestBroker, _ arguments: String...) async throws
      -> [EventLine]
    {
      let result = try await broker.run(["events", "--json"] + arguments)
      #expect(result.status == 0, "\(result.talk)")
      return try result.json(as: [EventLine].self)
    }

    @Test(.timeLimit(.minutes(2)))
    func `events are listed, filtered and shown, over a restart too`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("app", "add", "acme")
      let old = try await publish(300, "job.done", broker)
      try await broker.fanfare("publish", "job.failed", "{}", "--id", "mine", "--channel", "red")
      try await broker.fanfare("publish", "task.run", #"{"a": 1.50}"#, "--app", "acme")
      try await broker.kill9()
      try await broker.start()
      try await broker.fanfare("publish", "job.failed", "plain text", "--channel", "blue")
      let all = try await events(broker, "--limit", "1000")
      #expect(all.count == 303)
      #expect(all.map(\.eventType).prefix(3) == ["job.failed", "task.run", "job.failed"])
      #expect(all.suffix(300).map(\.id) == old.reversed().map(String.init))
      #expect(all[0].contentType.hasPrefix("text/plain") && all[0].bytes == 10)
      #expect(try await events(broker, "--type", "task.*").map(\.application) == ["acme"])
      #expect(try await events(broker, "--app", "acme").count == 1)
      #expect(try await events(broker, "--channel", "red").map(\.id) == ["mine"])
      #expect(try await events(broker, "--id", "mine").map(\.channels) == [["red"]])
      #expect(try await events(broker, "--id", String(old[7])).count == 1)
      let nobody = try await broker.run(["events", "--id", "nobody", "--json"])
      #expect(nobody.status == 1 && nobody.text == "[]")
      #expect(try await events(broker, "--since", "1h", "--limit", "5").count == 5)
      #expect(try await events(broker, "--until", "1h").isEmpty)
      let id = try #require(try await events(broker, "--app", "acme").first).id
      let payload = try await broker.fanfare("events", "--id", id, "--payload")
      #expect(payload.output == #"{"a": 1.50}"#)
      #expect(try await broker.run(["events", "--id", "nobody", "--payload"]).status == 1)
      #expect(try await broker.run(["events", "--since", "yesterday"]).status == 64)
    }

    @Test(.timeLimit(.minutes(2)))
    func `one event goes again to its audience, or to a new endpoint that wants it`() async throws {
      let (broker, nginx) = try await pair(["--types", "job.*"])
      let id = try await broker.fanfare("publish", "job.a", "{}").text
      try await settled(broker)
      let trial = try await broker.fanfare("replay", id, "--dry-run")
      #expect(trial.talk.contains("1 delivery would be sent"))
      #expect(nginx.ids(at: "/first").count == 1)
      try await broker.fanfare("replay", id)
      try await eventually("it came again") { nginx.ids(at: "/first").count == 2 }
      try await add("second", broker, nginx, ["--types", "job.a"])
      try await add("other", broker, nginx, ["--types", "task.*"])
      try await broker.fanfare("replay", id, "--endpoint", "second")
      try await eventually("it came there") { nginx.ids(at: "/second").count == 1 }
      let refused = try await broker.run(["replay", id, "--endpoint", "other"])
      #expect(refused.status == 1 && refused.talk.contains("does not subscribe"))
      #expect(try await broker.run(["replay", "nobody"]).status == 1)
      #expect(try await broker.run(["replay", id, "--endpoint", "frist"]).status == 1)
      #expect(try await broker.run(["replay", id, "--since", "2h"]).status == 64)
      try await settled(broker)
      #expect(Set(nginx.ids(at: "/first")) == [Substring(id)])
      #expect(nginx.ids(at: "/other").isEmpty)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a new endpoint gets history by its subscription, each event once`() async throws {
      let (broker, nginx) = try await pair()
      let jobs = try await publish(2_000, "job.done", broker)
      _ = try await publish(500, "task.done", broker)
      try await settled(broker)
      try await add("second", broker, nginx, ["--types", "job.*"])
      let trial = try await broker.fanfare(
        "replay", "--endpoint", "second", "--since", "1h", "--dry-run", "--json")
      #expect(try trial.json(as: ReplayLine.self).matched == 2_000)
      #expect(nginx.ids(at: "/second").isEmpty)
      let none = try await broker.fanfare(
        "replay", "--endpoint", "second", "--types", "task.*", "--since", "1h", "--json")
      #expect(try none.json(as: ReplayLine.self).matched == 0)
      let done = try await broker.fanfare(
        "replay", "--endpoint", "second", "--since", "1h", "--json")
      let report = try done.json(as: ReplayLine.self)
      #expect(report.state == "done" && report.handedOver == 2_000 && report.pending == 0)
      try await settled(broker)
      #expect(nginx.ids(at: "/second").count == 2_000)
      #expect(Set(nginx.ids(at: "/second")) == Set(jobs))
      #expect(nginx.ids(at: "/first").count == 2_500)
    }

    @Test(.timeLimit(.minutes(2)))
    func `what was handed over survives a kill -9, what is pending is not sent twice`() async throws
    {
      let (broker, nginx) = try await pair()
      let ids = try await publish(600, "job.done", broker)
      try await settled(broker)
      try await add("late", broker, nginx)
      try await broker.fanfare("endpoint", "pause", "late")
      let backlog = try await publish(5, "job.done", broker)
      try await broker.fanfare("endpoint", "resume", "late")
      try await settled(broker)
      try await broker.fanfare("endpoint", "pause", "late")
      let replay = try broker.spawn(["replay", "--endpoint", "late", "--since", "1h"])
      try await eventually("some is handed over", details: { replay.talk }) {
        try await broker.spool("late").depth == 256
      }
      // The lane's room is used up: the replay waits, and ^C ends it.
      #expect(replay.isRunning)
      let ended = try await replay.stop(SIGINT)
      #expect(ended.status == 1 && ended.talk.contains("cancelled"), "\(ended.talk)")
      try await Task.sleep(for: .milliseconds(300))
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.spool("late").depth == 256)
      try await broker.fanfare("endpoint", "resume", "late")
      try await settled(broker)
      let received = nginx.ids(at: "/late")
      #expect(received.count == 5 + 256)
      #expect(Set(received) == Set(ids.prefix(256) + backlog))
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.spool("late").depth == 0, "delivered replays stay delivered")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a rate is kept`() async throws {
      let (broker, nginx) = try await pair()
      _ = try await publish(60, "job.done", broker)
      try await settled(broker)
      let began = Date()
      try await broker.fanfare("replay", "--endpoint", "first", "--since", "1h", "--rate", "20/s")
      #expect(Date().timeIntervalSince(began) > 2.5)
      try await settled(broker)
      #expect(nginx.ids(at: "/first").count == 120)
    }

    @Test(.timeLimit(.minutes(2)))
    func `dead letters are replayed off the list, or purged`() async throws {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      let bin = try await broker.bin("none.*", ["--status", "400"])
      let name = try await bin.endpointName()
      try await broker.fanfare("endpoint", "edit", name, "--types", "d.*", "--retry", "100ms")
      let ids = Set(try await publish(20, "d.d", broker))
      try await eventually("all are given up", details: { broker.log }) {
        try await broker.spool(name).dead == 20
      }
      let trial = try await broker.fanfare(
        "replay", "--endpoint", name, "--failed", "--since", "1h", "--dry-run")
      #expect(trial.talk.contains("20 deliveries would be sent"))
      // Still broken: they come back to the list.
      try await broker.fanfare("dead", "replay", "--endpoint", name)
      try await eventually("given up once more", details: { broker.log }) {
        bin.lines.count == 80
      }
      try await eventually("all are listed", details: { broker.log }) {
        try await broker.spool(name).dead == 20
      }
      try await broker.fanfare(
        "endpoint", "edit", name, "https://127.0.0.1:\(nginx.port)/now", "--ca",
        nginx.certificate.certificate)
      try await broker.fanfare("dead", "replay")
      try await eventually("all arrive", details: { broker.log }) {
        Set(nginx.ids(at: "/now")) == ids
      }
      #expect(try await broker.spool(name).dead == 0)
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.spool(name).dead == 0, "a recovery reads the old deaths again")
      #expect(try await broker.fanfare("dead", "list").lines.isEmpty)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a purge asks first and stays purged`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("none.*", ["--status", "400"])
      let name = try await bin.endpointName()
      try await broker.fanfare("endpoint", "edit", name, "--types", "d.*", "--retry", "100ms")
      _ = try await publish(3, "d.d", broker)
      try await eventually("all are given up", details: { broker.log }) {
        try await broker.spool(name).dead == 3
      }
      let refused = try await broker.run(["dead", "purge"])
      #expect(refused.status == 64 && refused.talk.contains("3 dead letters"))
      #expect(try await broker.spool(name).dead == 3)
      try await broker.fanfare("dead", "purge", "--endpoint", name, "--yes")
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.spool(name).dead == 0)
    }
  }
}

/// What `events --json` promises.
private struct EventLine: Decodable {
  let id, eventType, application, timestamp, contentType: String
  let bytes, endpoints: Int
  let channels: [String]
}

/// What `replay --json` promises.
private struct ReplayLine: Decodable {
  let id, state: String
  let matched, handedOver, pending: Int
}
