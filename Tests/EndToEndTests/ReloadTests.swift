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

    @Test(.timeLimit(.minutes(2)))
    func `a new certificate is shown to new connections, and a wrong one is not`() async throws {
      let folder = try TemporaryFolder()
      let first = try await TestCertificate.make(in: folder)
      let data = folder.file("data")
      let broker = try Child(
        try Tools.fanfare(),
        [
          "serve", "--data", data, "--listen", "127.0.0.1:0", "--tls-cert", first.certificate,
          "--tls-key", first.key,
        ])
      try await said("is ready", broker)
      let address = try String(contentsOfFile: data + "/address", encoding: .utf8)
        .trimmingCharacters(in: .newlines)
      let curl = try Tools.find("curl")
      func answers(to authority: String) async throws -> Bool {
        let result = try await Child.run(
          curl, ["-s", "--cacert", authority, "-o", "/dev/null", address + "/healthz"])
        return result.status == 0
      }
      let otherFolder = try TemporaryFolder()
      let second = try await TestCertificate.make(in: otherFolder)
      #expect(try await answers(to: first.certificate))
      #expect(try await !answers(to: second.certificate))

      // The same paths, another certificate; the key comes a moment late.
      let oldCertificate = try otherFolder.write(
        try String(contentsOfFile: first.certificate, encoding: .utf8), to: "old.pem")
      try copy(second.certificate, to: first.certificate)
      broker.send(SIGHUP)
      try await said("is not the key of certificate", broker)
      #expect(broker.talk.contains("the old one stays in force"))
      #expect(try await answers(to: oldCertificate), "the old one goes on")
      try copy(second.key, to: first.key)
      broker.send(SIGHUP)
      try await said("certificateUntil=", broker)
      #expect(try await answers(to: second.certificate))
      #expect(try await !answers(to: oldCertificate))
      let result = try await broker.stop(SIGTERM)
      #expect(result.status == 0, "\(result.talk)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `limits, targets and what is kept follow without a restart`() async throws {
      let folder = try TemporaryFolder()
      let file = try folder.write("log-level: info\n", to: "fanfare.yaml")
      let data = folder.file("data")
      let program = try Tools.fanfare()
      let broker = try Child(
        program, ["serve", "--data", data, "--listen", "127.0.0.1:0", "--config", file])
      try await said("is ready", broker)
      func client(_ arguments: String...) async throws -> Child.Result {
        try await Child.run(program, arguments, environment: ["FANFARE_DATA": data])
      }
      _ = try await client("endpoint", "add", "p", "https://127.0.0.1:9/", "--types", "p.p")
      _ = try await client("publish", "p.p", "{}")
      try await eventually("the target is refused") {
        try await client("spool", "p").output.contains("is private or forbidden")
      }
      #expect(try await client("endpoint", "add", "h", "http://127.0.0.1:9/").status == 65)
      try folder.write(
        """
        allow: 127.0.0.0/8
        allow-http: true
        connections-per-host-max: 2
        journal: {retention: 1h, max-bytes: 1GiB}
        dead.retention: 1d
        log-format: json
        durability: os
        tls-cert: /nowhere/c.pem
        tls-key: /nowhere/k.pem
        """, to: "fanfare.yaml")
      broker.send(SIGHUP)
      try await said("tls-cert: /nowhere/c.pem is missing", broker)
      #expect(try await lastReload(data) == "0")
      let good = folder.read("fanfare.yaml").split(separator: "\n").filter { !$0.contains("tls") }
      try folder.write(good.joined(separator: "\n") + "\n", to: "fanfare.yaml")
      broker.send(SIGHUP)
      try await said("the configuration was reloaded\"", broker)
      let line = try #require(
        broker.talk.split(separator: "\n").last { $0.contains("was reloaded") })
      #expect(line.hasPrefix("{"), "in the new format already")
      #expect(
        line.contains(
          #""changed":"log-format,allow,allow-http,journal.retention,"#
            + #"journal.max-bytes,dead.retention,connections-per-host-max""#), "\(line)")
      #expect(line.contains(#""needRestart":"durability""#))
      _ = try await client("endpoint", "pause", "p")
      _ = try await client("endpoint", "resume", "p")
      try await eventually("the target is tried") {
        try await client("spool", "p").output.contains("connection refused")
      }
      #expect(try await client("endpoint", "add", "h", "http://127.0.0.1:9/").status == 0)
      #expect(!folder.read("data/address").contains("example"))
      try folder.write("public-url: https://hooks.example.com\n", to: "fanfare.yaml")
      broker.send(SIGHUP)
      try await eventually("the address that is told follows") {
        folder.read("data/address") == "https://hooks.example.com\n"
      }
      let result = try await broker.stop(SIGTERM)
      #expect(result.status == 0, "\(result.talk)")
    }

    private func copy(_ source: String, to target: String) throws {
      let text = try String(contentsOfFile: source, encoding: .utf8)
      try text.write(toFile: target, atomically: true, encoding: .utf8)
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
