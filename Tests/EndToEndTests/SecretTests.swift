// Goal: a secret that was given to the broker comes out of it in signatures and credentials only.
// Method: secrets of every kind, planted where they belong and where they do not; then a search of all
// that the broker says and leaves, and a core file that must not be there.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct SecretTests {
    @Test(.timeLimit(.minutes(3)))
    func `nothing secret is in logs, metrics, listings, error texts or files`() async throws {
      let broker = try await TestBroker.start(settings: "log-level: debug\n")
      let receiver = try await PythonReceiver()
      try await receiver.start()
      let secret = SecretSearch.plantedWebhookSecret()
      let (password, bearer, header) = (
        SecretSearch.planted("password"), SecretSearch.planted("bearer"),
        SecretSearch.planted("header")
      )
      var said: [Child.Result] = []
      func ask(_ arguments: String...) async throws {
        said.append(try await broker.run(arguments))
      }
      let url = "https://127.0.0.1:\(receiver.port)/good"
      try receiver.expect(secret, at: "/good")
      // `add` prints it, once: that is not searched.
      try await broker.fanfare(
        "endpoint", "add", "good", url, "--ca", receiver.certificate.certificate, "--secret", secret,
        "--header", "X-Key: \(header)", "--auth-bearer", bearer)
      try await broker.fanfare(
        "endpoint", "add", "bad", "https://127.0.0.1:9/", "--auth-basic", "user:\(password)",
        "--retry", "100ms,100ms")
      try await broker.fanfare("token", "add", "reader", "--scopes", "read")

      // Where they do not belong.
      try await ask("endpoint", "add", "x", url, "--secret", "\(SecretSearch.planted("malformed")) ")
      try await ask("endpoint", "add", "x", "https://u:\(password)@127.0.0.1:9/")
      try await ask("endpoint", "add", "x", url, "--header", "X-Key: a\r\n\(header)")
      try await ask("endpoint", "add", "x", url, "--auth-basic", "no-colon-\(password)")
      try await ask("endpoint", "add", "good", url, "--secret", secret)
      try await ask("endpoint", "rotate-secret", "good", "--secret", "whsec_\(bearer)")
      let unknown = SecretSearch.planted("token")
      let address = broker.folder.read("data/address").trimmingCharacters(in: .newlines)
      for path in ["/api/v1/app", "/api/v1/app?token=\(unknown)", "/none/\(unknown)"] {
        said.append(
          try await Child.run(
            try Tools.find("curl"),
            ["-s", "-i", "-H", "Authorization: Bearer \(unknown)", "\(address)\(path)"]))
      }

      try await broker.fanfare("publish", "a.b", #"{"a":1}"#)
      try await eventually("one is delivered, one given up", details: { broker.log }) {
        let status = try await broker.status()
        return status.deliveries.delivered == 1 && status.deliveries.dead == 1
      }
      #expect(receiver.requests.allSatisfy { $0.problem.isEmpty }, "the secret is in use")
      try await broker.fanfare("key", "rotate")
      broker.signal(SIGHUP)

      for words in [
        ["endpoint", "list"], ["endpoint", "list", "--json"], ["endpoint", "show", "good"],
        ["endpoint", "show", "bad", "--json"], ["app", "list", "--json"], ["token", "list"],
        ["token", "list", "--json"], ["status", "--json"], ["spool", "--json"], ["spool"],
        ["attempts", "bad", "--json"], ["attempts", "good"], ["dead", "list", "--json"],
        ["events", "--json", "--payload"], ["config", "show"],
      ] { said.append(try await broker.run(words)) }
      let token = broker.folder.read("data/token").trimmingCharacters(in: .newlines)
      for path in [
        "/api/v1/app/default/endpoint/good/headers", "/api/v1/app/default/endpoint/good/secret",
        "/api/v1/token", "/openapi.json", "/metrics", "/readyz",
      ] {
        said.append(
          try await Child.run(
            try Tools.find("curl"),
            ["-s", "-i", "-H", "Authorization: Bearer \(token)", "\(address)\(path)"]))
      }
      for words in [["INFO"], ["SPOOL"], ["CONFIG", "GET", "*"], ["CLIENT", "LIST"]] {
        said.append(
          try await Child.run(try Tools.find("redis-cli"), ["-s", broker.socket] + words))
      }
      try await broker.kill9()
      try await broker.start()
      _ = try await broker.terminate()
      var texts = ["its log": broker.allLogs]
      for (index, result) in said.enumerated() {
        texts["answer \(index)"] = result.output + result.talk
      }
      let findings = SecretSearch.findings(data: broker.data, texts: texts)
      #expect(findings.isEmpty, "\(findings)")
      // Planted where it is searched for, it is found: in a text, and in a file between zeros and
      // across the end of a page.
      #expect(SecretSearch.findings(data: broker.data, texts: ["x": "a\(password)b"]).count == 1)
      let file = broker.folder.file("data/left")
      let zeros = Data(count: 3 * 4096 - 7)
      try (zeros + Data(password.utf8) + zeros).write(to: URL(fileURLWithPath: file))
      #expect(SecretSearch.findings(data: broker.data, texts: [:]).count == 1)
      try FileManager.default.removeItem(atPath: file)
    }

    /// Runs a program as a shell would that permits core files: no signal is blocked.
    private static let launcher = """
      import os, resource, signal, sys
      resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
      signal.pthread_sigmask(signal.SIG_SETMASK, [])
      os.execv(sys.argv[1], sys.argv[1:])
      """

    @Test(.timeLimit(.minutes(1)))
    func `a broker that crashes ends at once, and leaves no core file`() async throws {
      let folder = try TemporaryFolder()
      let python = try Tools.python()
      func cores() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
          $0.hasPrefix("core")
        }
      }
      func crash(_ words: [String], when isReady: (Child) -> Bool) async throws -> Child.Result {
        let child = try Child(python, ["-c", Self.launcher] + words, in: folder.path)
        try await eventually("it is ready", details: { child.talk }) { isReady(child) }
        return try await child.stop(SIGABRT)
      }
      // Does this machine leave any, and here?
      let file = try folder.write("there\n", to: "file")
      let sleeper = try await crash([try Tools.find("tail"), "-f", file]) { !$0.output.isEmpty }
      #expect(sleeper.status == SIGABRT)
      let leavesCores = try !cores().isEmpty
      for core in try cores() { try FileManager.default.removeItem(atPath: folder.file(core)) }
      let broker = try await crash([
        try Tools.fanfare(), "serve", "--data", "data", "--listen", "127.0.0.1:0",
      ]) { $0.talk.contains("is ready") }
      #expect(broker.status == SIGABRT)
      #expect(!broker.talk.contains("Backtracing"), "that would print memory")
      #expect(try cores().isEmpty)
      let pattern = try String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8)
      // Where cores go to a program or to another place, nothing can be seen here.
      #expect(leavesCores || pattern.hasPrefix("|") || pattern.hasPrefix("/"))
    }
  }
}
