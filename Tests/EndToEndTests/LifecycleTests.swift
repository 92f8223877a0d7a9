// Goal: what is done to an endpoint has its effect at once, and the figures that users see are true.
// Method: the real program; its own request bin as receiver, with the headers that it prints.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct LifecycleTests {
    @Test(.timeLimit(.minutes(2)))
    func `a disabled endpoint keeps its backlog, and says why it gets nothing new`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("l.*")
      let name = try await bin.endpointName()
      try await broker.fanfare("endpoint", "pause", name)
      try await broker.fanfare("publish", "l.one", "1")
      try await broker.fanfare("endpoint", "disable", name)
      let unheard = try await broker.fanfare("publish", "l.two", "2")
      #expect(unheard.talk.contains("'\(name)' would, but it is disabled"))
      try await broker.fanfare("endpoint", "resume", name)
      #expect(try await broker.spool(name).depth == 1)
      #expect(bin.lines.isEmpty)
      try await broker.fanfare("endpoint", "enable", name)
      try await eventually("the backlog arrives") { bin.lines.count == 1 }
      #expect(bin.output.contains("l.one"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a rotated secret signs until its grace ends, and no longer`() async throws {
      let broker = try await TestBroker.start()
      let receiver = try await PythonReceiver()
      try await receiver.start()
      let added = try await broker.fanfare(
        "endpoint", "add", "r", "https://127.0.0.1:\(receiver.port)/r", "--ca",
        receiver.certificate.certificate, "--json")
      let old = try #require(try added.json(as: EndpointLine.self).secret)
      try receiver.expect(old, at: "/r")
      try await broker.fanfare("endpoint", "rotate-secret", "r", "--grace", "2s")
      try await broker.fanfare("publish", "r.during", "{}")
      try await eventually("the first arrives") { receiver.requests.count == 1 }
      #expect(receiver.requests[0].problem.isEmpty, "the old secret still signs")
      try await Task.sleep(for: .milliseconds(2_600))
      try await broker.fanfare("publish", "r.after", "{}")
      try await eventually("the second arrives") { receiver.requests.count == 2 }
      #expect(!receiver.requests[1].problem.isEmpty, "the old secret signs after its end")
    }

    @Test(.timeLimit(.minutes(2)))
    func `deliveries that go with their endpoint are counted, across a restart too`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "gone", "https://127.0.0.1:9/")
      try await broker.fanfare("endpoint", "pause", "gone")
      for number in 1...3 { try await broker.fanfare("publish", "x.x", "\(number)") }
      try await broker.fanfare("endpoint", "remove", "gone", "--yes")
      #expect(try await broker.metric("fanfare_deliveries_total{result=\"removed\"}") == 3)
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.metric("fanfare_deliveries_total{result=\"removed\"}") == 3)
      let list = try await broker.fanfare("endpoint", "list")
      #expect(list.output.isEmpty)
    }

    @Test(.timeLimit(.minutes(2)))
    func `journal bytes are what the log holds, before and after a restart`() async throws {
      let broker = try await TestBroker.start()
      let empty = try await broker.status()
      #expect(empty.journal.bytes < 4_096, "zeros ahead of need are no part of it")
      let text = String(repeating: "the same words again; ", count: 2_000)
      for _ in 1...5 { try await broker.fanfare("publish", "b.b", text) }
      let before = try await broker.status()
      #expect(before.journal.plainBytes >= 5 * 44_000)
      #expect(before.journal.bytes < before.journal.plainBytes / 4)
      try await broker.kill9()
      try await broker.start()
      let after = try await broker.status()
      #expect(after.journal.plainBytes >= before.journal.plainBytes)
      #expect(after.journal.bytes >= before.journal.bytes)
      #expect(after.events.accepted == 5)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a dead letter says what the endpoint answered`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("unused.*", ["--status", "302"])
      let name = try await bin.endpointName()
      try await broker.fanfare("endpoint", "edit", name, "--types", "d.*", "--retry", "100ms")
      try await broker.fanfare("publish", "d.d", "{}")
      try await eventually("it is given up") { try await broker.spool(name).dead == 1 }
      let dead = try await broker.fanfare("dead", "list")
      #expect(dead.output.contains("answered 302; redirects are not followed"))
      let other = try await broker.run(["dead", "list", "--endpoint", name + "x"])
      #expect(other.status == 1 && other.talk.contains("did you mean '\(name)'"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a wrong certificate is shown by what is wrong with it`() async throws {
      let broker = try await TestBroker.start()
      let receiver = try await PythonReceiver()
      try await receiver.start()
      try await broker.fanfare(
        "endpoint", "add", "t", "https://127.0.0.1:\(receiver.port)/", "--types", "t.t")
      try await broker.fanfare("publish", "t.t", "{}")
      try await eventually("the failure is seen") {
        try await broker.fanfare("spool", "t").output.contains("not issued by a trusted authority")
      }
      // The right authority reaches what is pending, without a restart.
      try await broker.fanfare("endpoint", "edit", "t", "--ca", receiver.certificate.certificate)
      try await broker.fanfare("endpoint", "pause", "t")
      try await broker.fanfare("endpoint", "resume", "t")
      try await eventually("it arrives") { receiver.requests.count == 1 }
    }

    @Test(.timeLimit(.minutes(2)))
    func `edit takes credentials away and keeps a misplaced --url from the broker`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare(
        "endpoint", "add", "e", "https://127.0.0.1:9/", "--auth-bearer", "token")
      #expect(try await broker.fanfare("endpoint", "show", "e").output.contains("auth\tbearer"))
      try await broker.fanfare("endpoint", "edit", "e", "--no-auth")
      #expect(try await !broker.fanfare("endpoint", "show", "e").output.contains("auth"))
      let misplaced = try await broker.run(["endpoint", "edit", "e", "--url", "https://new.example/"])
      #expect(misplaced.status == 64)
      #expect(misplaced.talk.contains("fanfare endpoint edit e https://new.example/"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a target that is refused is told at once, and permitted by what the text says`()
      async throws
    {
      let folder = try TemporaryFolder()
      let program = try Tools.fanfare()
      let data = folder.file("data")
      let serve = ["serve", "--data", data, "--listen", "127.0.0.1:0"]
      func client(_ arguments: String...) async throws -> Child.Result {
        try await Child.run(program, arguments, environment: ["FANFARE_DATA": data])
      }
      let strict = try Child(program, serve)
      try await eventually("it is ready") { strict.talk.contains("is ready") }
      let plain = try await client("endpoint", "add", "h", "http://127.0.0.1:9/")
      #expect(plain.status == 65 && plain.talk.contains("--allow-http"))
      let added = try await client("endpoint", "add", "p", "https://127.0.0.1:9/", "--types", "p.p")
      #expect(added.status == 0 && added.talk.contains("serve --allow 127.0.0.1 permits it"))
      _ = try await client("publish", "p.p", "{}")
      try await eventually("the refusal is seen") {
        try await client("spool", "p").output.contains("127.0.0.1 is private or forbidden")
      }
      _ = try await strict.stop(SIGTERM)
      let allowing = try Child(program, serve + ["--allow", "127.0.0.1"])
      try await eventually("it is ready") { allowing.talk.contains("is ready") }
      try await eventually("it is tried") {
        try await client("spool", "p").output.contains("connection refused")
      }
      _ = try await allowing.stop(SIGTERM)
    }
  }
}

extension TestBroker {
  /// What `status --json` says.
  func status() async throws -> StatusReport {
    try await fanfare("status", "--json").json(as: StatusReport.self)
  }

  /// The value of one sample of `/metrics`.
  func metric(_ name: String) async throws -> Double {
    let address = try String(contentsOfFile: data + "/address", encoding: .utf8)
      .trimmingCharacters(in: .newlines)
    let result = try await Child.run(try Tools.find("curl"), ["-s", address + "/metrics"])
    let line = try #require(result.lines.first { $0.hasPrefix(name + " ") })
    return try #require(Double(line.dropFirst(name.count + 1)))
  }
}
