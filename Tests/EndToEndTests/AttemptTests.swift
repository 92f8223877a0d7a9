// Goal: what an endpoint answered when it failed can be looked at: status, headers, 16 KiB of the body;
// every failed attempt has its own, over a restart too, and what is not for everybody is hidden.
// Method: the real program and its API, nginx as an endpoint that fails.
import Foundation
import Testing

extension EndToEnd {
  struct AttemptTests {
    private struct Line: Decodable {
      let id, msgId, response: String
      let responseHeaders: [[String]]
      let responseStatusCode: Int
    }

    private func attempts(_ broker: TestBroker, _ more: String...) async throws -> [Line] {
      try await broker.run(["attempts", "e", "--json", "--limit", "1000"] + more)
        .json(as: [Line].self)
    }

    @Test(.timeLimit(.minutes(2)))
    func `every failing answer is kept with its headers`() async throws {
      let long = String(repeating: "0123456789abcdef", count: 200)
      let nginx = try await NginxReceiver(
        locations: """
          location /e {
            add_header X-Reason "not $http_webhook_id" always;
            add_header Set-Cookie "session=planted-secret" always;
            # nginx takes no longer word than 4,096 bytes.
            set $part "\(long)";
            return 422 "$part$part$part$part$part$part";
          }
          """)
      try await nginx.start()
      let broker = try await TestBroker.start()
      try await broker.fanfare(
        "endpoint", "add", "e", "https://127.0.0.1:\(nginx.port)/e", "--ca",
        nginx.certificate.certificate, "--retry", "100ms")
      let lines = (0..<40).map { "\($0)\n" }.joined()
      try await broker.fanfare("publish", "a.b", "--lines", input: lines)
      try await eventually("all are given up", within: 60, details: { broker.log }) {
        try await broker.spool("e").dead == 40
      }
      try await eventually("their attempts are kept", details: { broker.log }) {
        try await attempts(broker).count == 80
      }
      try await check(attempts(broker))
      _ = try await broker.terminate()
      try await broker.start()
      let kept = try await attempts(broker)
      try check(kept)
      #expect(kept.count == 80)

      // Without content nothing of it is given; deleted, it is gone.
      let address = broker.folder.read("data/address").trimmingCharacters(in: .whitespacesAndNewlines)
      let token = broker.folder.read("data/token").trimmingCharacters(in: .whitespacesAndNewlines)
      let base = "\(address)/api/v1/app/default"
      func call(_ method: String, _ path: String) async throws -> String {
        try await Child.run(
          try Tools.find("curl"),
          ["-ksS", "-X", method, "-H", "Authorization: Bearer \(token)", base + path], within: 20
        ).output
      }
      let bare = try await call("GET", "/attempt/endpoint/e?with_content=false")
      #expect(bare.contains("\"responseHeaders\":[]") && !bare.contains("0123456789abcdef"))
      let one = "/msg/\(kept[0].msgId)/attempt/\(kept[0].id)"
      #expect(try await call("GET", one).contains("0123456789abcdef"))
      _ = try await call("DELETE", one + "/content")
      let cleared = try await call("GET", one)
      #expect(cleared.contains("\"response\":\"\"") && !cleared.contains("X-Reason"))
    }

    private func check(_ attempts: [Line]) throws {
      for attempt in attempts {
        #expect(attempt.responseStatusCode == 422 && attempt.response.utf8.count == 16_384)
        let headers = Dictionary(
          attempt.responseHeaders.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
        #expect(headers["X-Reason"] == "not \(attempt.msgId)")
        #expect(headers["Content-Length"] == "19200" && headers["Set-Cookie"] == "(hidden)")
      }
    }
  }
}
