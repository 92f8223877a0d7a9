// Goal: SIGHUP changes what a running broker can follow, names the rest, and never stops it.
// Method: a configuration file that changes under the real program.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct ReloadTests {
    @Test(.timeLimit(.minutes(2)))
    func `a reload follows, names what needs a restart, and survives a broken file`() async throws {
      let folder = try TemporaryFolder()
      let file = try folder.write("drain-timeout: 20s\n", to: "fanfare.yaml")
      let data = folder.file("data")
      let broker = try Child(
        try Tools.fanfare(),
        ["serve", "--data", data, "--listen", "127.0.0.1:0", "--config", file])
      try await said("is ready", broker)
      try folder.write("drain-timeout: 3s\nreactors: 2\n", to: "fanfare.yaml")
      broker.send(SIGHUP)
      try await said("reloaded", broker)
      #expect(broker.talk.contains("changed=drain-timeout needRestart=reactors"))
      #expect(try await lastReload(data) == "1")

      try folder.write("drain-timeout: soon\n", to: "fanfare.yaml")
      broker.send(SIGHUP)
      try await said("'soon' is no duration", broker)
      #expect(broker.talk.contains("fanfare.yaml:1:1: drain-timeout"))
      #expect(try await lastReload(data) == "0")

      let result = try await broker.stop(SIGTERM)
      #expect(result.status == 0)
      #expect(result.talk.contains("drainTimeout=3.0s"), "the last good one is in force")
    }

    private func said(_ text: String, _ broker: Child) async throws {
      try await eventually("it says '\(text)'", details: { broker.talk }) {
        broker.talk.contains(text)
      }
    }

    private func lastReload(_ data: String) async throws -> String? {
      let address = try String(contentsOfFile: data + "/address", encoding: .utf8)
        .trimmingCharacters(in: .newlines)
      let result = try await Child.run(try Tools.find("curl"), ["-s", address + "/metrics"])
      let line = result.lines.first { $0.hasPrefix("fanfare_config_last_reload_successful ") }
      return line?.split(separator: " ").last.map(String.init)
    }
  }
}
