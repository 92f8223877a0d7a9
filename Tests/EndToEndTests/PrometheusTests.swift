// Goal: a Prometheus understands what is exported, and what stands ready for it (alerts, dashboard)
// asks for metrics that there are.
// Method: promtool and a real Prometheus against a real broker.
import Foundation
import Testing

extension EndToEnd {
  struct PrometheusTests {
    /// The names that the outside was promised.
    private static let promised = [
      "fanfare_events_total", "fanfare_deliveries_total", "fanfare_attempts_total",
      "fanfare_publish_errors_total", "fanfare_attempt_duration_seconds_bucket",
      "fanfare_ack_duration_seconds_bucket", "fanfare_delivery_lag_seconds_bucket",
      "fanfare_spool_depth", "fanfare_spool_bytes", "fanfare_spool_oldest_seconds", "fanfare_dead",
      "fanfare_breaker_open", "fanfare_journal_bytes", "fanfare_disk_free_bytes",
      "fanfare_build_info", "fanfare_config_last_reload_successful",
    ]

    private static var ops: String {
      var place = URL(fileURLWithPath: #filePath)
      for _ in 0..<3 { place.deleteLastPathComponent() }
      return place.appending(path: "Ops").path
    }

    private struct Answer: Decodable {
      struct Data: Decodable {
        struct Sample: Decodable { let metric: [String: String] }
        let result: [Sample]
      }
      let status: String
      let data: Data?
      let error: String?
    }
    private struct Names: Decodable { let data: [String] }

    private func broker() async throws -> (broker: TestBroker, address: String) {
      let broker = try await TestBroker.start()
      // One delivery that waits, so that there are lines by endpoint.
      try await broker.fanfare("endpoint", "add", "down", "https://127.0.0.1:1/x")
      try await broker.fanfare("publish", "job.done", "{}")
      let address = broker.folder.read("data/address")
      return (broker, address.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    @Test(.timeLimit(.minutes(1)))
    func `promtool finds nothing to complain of`() async throws {
      let (broker, address) = try await broker()
      let metrics = try await Child.run(
        try Tools.find("curl"), ["-ksS", "\(address)/metrics"], within: 20
      ).output
      let promtool = try Tools.find("promtool")
      let check = try await Child.run(promtool, ["check", "metrics"], input: metrics)
      #expect(check.status == 0 && check.talk.isEmpty && check.output.isEmpty, "\(check.talk)")
      #expect(metrics.contains("fanfare_spool_depth{endpoint=\"ep_"), "\(broker.log)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `alerts fire when they should, and only then`() async throws {
      let result = try await Child.run(
        try Tools.find("promtool"), ["test", "rules", Self.ops + "/prometheus/alerts.test.yml"],
        within: 40)
      #expect(result.status == 0, "\(result.output) \(result.talk)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a Prometheus scrapes it, and the dashboard finds its metrics`() async throws {
      let (broker, address) = try await broker()
      let port = try freePort()
      let host = try #require(address.split(separator: "/").last)
      try broker.folder.write(
        """
        global: {scrape_interval: 1s, evaluation_interval: 1s}
        rule_files: ["\(Self.ops)/prometheus/alerts.yml"]
        scrape_configs:
          - {job_name: fanfare, static_configs: [{targets: ["\(host)"]}]}
        """, to: "prometheus.yml")
      let prometheus = try Child(
        try Tools.find("prometheus"),
        [
          "--config.file", broker.folder.file("prometheus.yml"), "--storage.tsdb.path",
          broker.folder.file("tsdb"), "--web.listen-address", "127.0.0.1:\(port)",
        ], in: broker.folder.path)
      func ask(_ path: String, _ query: String? = nil) async throws -> Data {
        var arguments = ["-sSG", "http://127.0.0.1:\(port)/api/v1/\(path)"]
        if let query { arguments += ["--data-urlencode", "query=\(query)"] }
        return Data(try await Child.run(try Tools.find("curl"), arguments, within: 20).output.utf8)
      }
      func evaluate(_ query: String) async throws -> Answer {
        try JSONDecoder().decode(Answer.self, from: await ask("query", query))
      }
      try await eventually("it has scraped twice", details: { prometheus.talk }) {
        guard prometheus.isRunning else { throw TimedOut(description: prometheus.talk) }
        let answer = try? await evaluate("count_over_time(up{job=\"fanfare\"}[1m]) > 1")
        return answer?.data?.result.isEmpty == false
      }
      #expect(try await evaluate("up{job=\"fanfare\"} == 1").data?.result.count == 1)

      let names = Set(
        try await JSONDecoder().decode(Names.self, from: ask("label/__name__/values")).data)
      #expect(names.isSuperset(of: Self.promised), "\(Set(Self.promised).subtracting(names))")
      let alerts = try String(contentsOfFile: Self.ops + "/prometheus/alerts.yml", encoding: .utf8)
      let asked = try dashboard()
      #expect(asked.count > 20)
      for text in asked + [alerts] {
        let unknown = Set(text.matches(of: /fanfare_[a-z_]+/).map { String($0.0) })
          .subtracting(names)
        #expect(unknown.isEmpty, "nobody exports \(unknown)")
      }
      for query in asked {
        let answer = try await evaluate(
          query.replacing("$job", with: "fanfare").replacing("$instance", with: ".*")
            .replacing("$__rate_interval", with: "1m"))
        #expect(answer.status == "success", "\(query): \(answer.error ?? "")")
      }
      _ = try await prometheus.stop(SIGTERM)
    }

    /// What the dashboard's panels ask.
    private func dashboard() throws -> [String] {
      struct Dashboard: Decodable {
        struct Panel: Decodable {
          struct Target: Decodable { let expr: String }
          let targets: [Target]
        }
        let panels: [Panel]
      }
      let file = URL(fileURLWithPath: Self.ops + "/grafana/fanfare.json")
      return try JSONDecoder().decode(Dashboard.self, from: Data(contentsOf: file))
        .panels.flatMap { $0.targets.map(\.expr) }
    }
  }
}
