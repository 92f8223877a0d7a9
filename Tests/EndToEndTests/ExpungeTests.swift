// Goal: deleted content is shown and sent no more, over a restart too, and costs the other events
// nothing.
// Method: the real program; events that wait for a paused endpoint and one that is a dead letter.
import Foundation
import Testing

extension EndToEnd {
  struct ExpungeTests {
    @Test(.timeLimit(.minutes(2)))
    func `deleted content never arrives, whatever is done to send it`() async throws {
      let nginx = try await NginxReceiver(locations: "location /bad { return 404; }")
      try await nginx.start()
      let broker = try await TestBroker.start()
      for (name, types) in [("e", "a.*"), ("bad", "b.*")] {
        try await broker.fanfare(
          "endpoint", "add", name, "https://127.0.0.1:\(nginx.port)/\(name)", "--types", types,
          "--ca", nginx.certificate.certificate, "--retry", "100ms")
      }
      try await broker.fanfare("endpoint", "pause", "e")
      for id in ["first", "planted", "last"] {
        try await broker.fanfare("publish", "a.b", "\"content-of-\(id)\"", "--id", id)
      }
      try await broker.fanfare("publish", "b.b", "\"content-of-dead\"", "--id", "dead")
      try await eventually("one is given up", details: { broker.log }) {
        try await broker.spool("bad").dead == 1
      }
      #expect(try await expunge("planted", broker) == 204)
      #expect(try await expunge("dead", broker) == 204)
      #expect(try await expunge("planted", broker) == 204)
      #expect(try await expunge("unknown", broker) == 404)
      #expect(try await broker.spool("bad").dead == 0)

      for _ in 0..<2 {
        let shown = try await broker.run(["events", "--id", "planted", "--payload"])
        #expect(shown.status != 0 && !shown.output.contains("content-of-planted"))
        let one = try await call("GET", "/msg/planted", broker)
        #expect(one.contains(#""payload":{"expired":true}"#), "\(one)")
        let list = try await call("GET", "/msg", broker)
        #expect(list.contains("content-of-first") && !list.contains("content-of-planted"))
        try await broker.kill9()
        try await broker.start()
      }
      try await broker.fanfare("endpoint", "resume", "e")
      try await eventually("the others arrive", details: { broker.log }) {
        try await broker.spool("e").depth == 0
      }
      _ = try await broker.run(["replay", "planted"])
      try await broker.fanfare("replay", "--endpoint", "e", "--types", "a.*", "--since", "1h")
      _ = try await broker.run(["dead", "replay", "--endpoint", "bad"])
      try await eventually("the others arrive again", details: { broker.log }) {
        nginx.ids(at: "/e").count == 4
      }
      #expect(Set(nginx.ids(at: "/e")) == ["first", "last"])
      #expect(nginx.ids(at: "/bad").count == 2)
      #expect(try await broker.spool("e").dead == 0)
    }

    private func curl(_ method: String, _ path: String, _ broker: TestBroker, _ more: [String])
      async throws -> String
    {
      let address = broker.folder.read("data/address").trimmingCharacters(in: .whitespacesAndNewlines)
      let token = broker.folder.read("data/token").trimmingCharacters(in: .whitespacesAndNewlines)
      return try await Child.run(
        try Tools.find("curl"),
        [
          "-ksS", "-X", method, "-H", "Authorization: Bearer \(token)",
          "\(address)/api/v1/app/default\(path)",
        ] + more, within: 20
      ).output
    }

    private func call(_ method: String, _ path: String, _ broker: TestBroker) async throws -> String {
      try await curl(method, path, broker, [])
    }

    private func expunge(_ id: String, _ broker: TestBroker) async throws -> Int {
      let answer = try await curl(
        "DELETE", "/msg/\(id)/content", broker, ["-o", "/dev/null", "-w", "%{http_code}"])
      return Int(answer) ?? 0
    }
  }
}
