// Goal: kill -9 at any moment loses nothing that was acknowledged.
// Method: publish lines, kill the broker in the middle, start it on the same data; every id that
// was acknowledged must reach nginx at least once.
import Foundation
import Testing

extension EndToEnd {
  struct CrashTests {
    @Test(.timeLimit(.minutes(5)))
    func `what was acknowledged before a kill -9 arrives after the restart`() async throws {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      for number in 1...4 {
        try await broker.fanfare(
          "endpoint", "add", "e\(number)", "https://127.0.0.1:\(nginx.port)/e\(number)", "--ca",
          nginx.certificate.certificate)
      }
      let input = (1...50_000).map { #"{"n":\#($0)}"# + "\n" }.joined()
      var acknowledged: Set<Substring> = []
      for round in 1...4 {
        let publisher = try broker.spawn(
          ["publish", "crash.round\(round)", "--lines"], input: input)
        try await eventually("some are acknowledged", details: { publisher.talk }) {
          publisher.lines.count > 500 * round
        }
        try await broker.kill9()
        let result = try await publisher.end()
        acknowledged.formUnion(result.lines)
        try await broker.start()
      }
      // A short cut of a line could look like an id that never was.
      #expect(acknowledged.allSatisfy { $0.count == "msg_".count + 27 })
      try await eventually("everything is delivered", within: 120, details: { broker.log }) {
        let report = try await broker.fanfare("spool", "--json").json(as: SpoolReport.self)
        return report.total.depth == 0
      }
      let received = nginx.idsByPath()
      for number in 1...4 {
        let lost = acknowledged.subtracting(received["/e\(number)"] ?? [])
        #expect(lost.isEmpty, "e\(number) lacks \(lost.count) of \(acknowledged.count)")
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a backlog survives a kill -9 with its depth`() async throws {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await broker.fanfare(
        "endpoint", "add", "later", "https://127.0.0.1:\(nginx.port)/later", "--ca",
        nginx.certificate.certificate)
      let input = (1...1_000).map { "\($0)\n" }.joined()
      let ids = Set(try await broker.fanfare("publish", "b.b", "--lines", input: input).lines)
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.spool("later").depth == 1_000)
      try await nginx.start()
      try await broker.fanfare("endpoint", "pause", "later")
      try await broker.fanfare("endpoint", "resume", "later")
      try await eventually("the backlog arrives", within: 60, details: { broker.log }) {
        Set(nginx.ids(at: "/later")).count >= 1_000
      }
      #expect(Set(nginx.ids(at: "/later")) == ids)
    }

    @Test(.timeLimit(.minutes(2)))
    func `endpoints, secrets and remembered ids survive a kill -9`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "kept", "https://127.0.0.1:9/", "--types", "k.*")
      try await broker.fanfare("publish", "other.type", "{}", "--id", "mine")
      try await broker.kill9()
      try await broker.start()
      let list = try await broker.fanfare("endpoint", "list", "--json")
      #expect(try list.json(as: [EndpointLine].self).map(\.name) == ["kept"])
      let again = try await broker.fanfare("publish", "other.type", "{}", "--id", "mine", "--json")
      #expect(try again.json(as: PublishedLine.self).duplicate)
    }
  }
}
