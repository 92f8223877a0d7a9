// Goal: a start that cannot succeed says why and what to do; a stop loses nothing and tells publishers.
// Method: the real program, wrong files and directories, signals.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct ServeTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var data: String { folder.file("data") }

    /// Starts `serve` where it must end by itself.
    private func refusedServe(_ arguments: String...) async throws -> Child.Result {
      try await Child.run(
        try Tools.fanfare(), ["serve", "--data", data, "--listen", "127.0.0.1:0"] + arguments,
        in: folder.path, within: 20)
    }

    private func startAndStop() async throws {
      let child = try Child(
        try Tools.fanfare(), ["serve", "--data", data, "--listen", "127.0.0.1:0"], in: folder.path)
      try await eventually("the broker is ready", details: { child.talk }) {
        child.talk.contains("is ready")
      }
      let result = try await child.stop(SIGTERM)
      #expect(result.status == 0, "\(result.talk)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a second broker on the same directory, socket or port is refused clearly`() async throws {
      let broker = try await TestBroker.start()
      let program = try Tools.fanfare()
      let same = try await Child.run(
        program, ["serve", "--data", broker.data, "--listen", "127.0.0.1:0"])
      #expect(same.status == 1)
      #expect(same.talk.contains("\(broker.data): another fanfare process uses this data directory"))
      let socket = try await refusedServe("--socket", broker.socket)
      #expect(socket.status == 1)
      #expect(socket.talk.contains("another process listens on \(broker.socket)"))
      let address = try String(contentsOfFile: broker.data + "/address", encoding: .utf8)
      let place = address.replacing("http://", with: "").trimmingCharacters(in: .newlines)
      let port = try await refusedServe("--listen", place)
      #expect(port.status == 1)
      #expect(port.talk.contains("cannot listen on \(place): another process listens there"))
      #expect(port.talk.contains("--listen"))
      // The first one is none the worse for it.
      try await broker.fanfare("publish", "x.y", "{}")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a key file that is missing, exposed or another one stops the start`() async throws {
      try await startAndStop()
      let key = data + "/key"
      let good = try Data(contentsOf: URL(fileURLWithPath: key))
      try FileManager.default.removeItem(atPath: key)
      let missing = try await refusedServe()
      #expect(missing.status == 78)
      #expect(missing.talk.contains("\(key) is missing"))
      #expect(!FileManager.default.fileExists(atPath: key), "a new key would hide the loss")
      try good.write(to: URL(fileURLWithPath: key))
      _ = unsafe chmod(key, 0o644)
      let exposed = try await refusedServe()
      #expect(exposed.status == 78)
      #expect(exposed.talk.contains("chmod 600 \(key)"))
      _ = unsafe chmod(key, 0o600)
      try await startAndStop()
    }

    @Test(.timeLimit(.minutes(2)))
    func `a certificate and a key that do not match are told apart`() async throws {
      let first = try await TestCertificate.make(in: folder)
      let otherFolder = try TemporaryFolder()
      let other = try await TestCertificate.make(in: otherFolder)
      let mixed = try await refusedServe("--tls-cert", first.certificate, "--tls-key", other.key)
      #expect(mixed.status == 78)
      #expect(mixed.talk.contains("is not the key of certificate"))
      let absent = try await refusedServe("--tls-cert", "/nonexistent", "--tls-key", other.key)
      #expect(absent.status == 78)
      #expect(absent.talk.contains("tls-cert: /nonexistent"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `what is printed at the start works from any directory`() async throws {
      let child = try Child(
        try Tools.fanfare(), ["serve", "--data", "data", "--listen", "127.0.0.1:0"],
        in: folder.path)
      try await eventually("the broker is ready", details: { child.talk }) {
        child.talk.contains("token ")
      }
      #expect(child.talk.contains("\(folder.path)/data/fanfare.sock"))
      #expect(child.talk.contains("\(folder.path)/data/token"))
      _ = try await child.stop(SIGTERM)
    }

    @Test(.timeLimit(.minutes(2)))
    func `while it drains, publishers are told to come back and readiness says why`() async throws {
      let broker = try await TestBroker.start()
      let slow = try await broker.attemptInFlight(delay: "3s")
      broker.signal(SIGTERM)
      try await eventually("it drains") {
        try await broker.run(["health", "--ready"]).status == 1
      }
      let ready = try await broker.run(["health", "--ready"])
      #expect(ready.talk.contains("shutting down"))
      let late = try await broker.run(["publish", "slow.y", "{}"])
      #expect(late.status == 75)
      #expect(late.talk.contains("shutting down"))
      let result = try await #require(broker.process).end()
      #expect(result.status == 0, "\(result.talk)")
      #expect(slow.lines.count == 1, "what was in flight ended")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a second signal ends it at once, its echo does not`() async throws {
      let broker = try await TestBroker.start()
      let slow = try await broker.attemptInFlight(delay: "10s")
      // As timeout(1) does: to the child, then to the group.
      broker.signal(SIGTERM)
      broker.signal(SIGTERM)
      try await Task.sleep(for: .milliseconds(300))
      #expect(broker.isRunning)
      let begin = ContinuousClock.now
      let result = try await broker.terminate()
      #expect(result.status != 0)
      #expect(begin.duration(to: .now) < .seconds(3))
      _ = try await slow.stop(SIGKILL)
    }
  }
}

extension TestBroker {
  /// A request bin for `slow.*` that answers late, and has a request to answer.
  func attemptInFlight(delay: String) async throws -> Child {
    let slow = try await bin("slow.*", ["--delay", delay])
    try await fanfare("publish", "slow.x", "{}")
    try await eventually("the attempt is in flight") {
      try await run(["spool", "--check", "inflight>0"]).status == 0
    }
    return slow
  }

  /// Sends the broker a signal and goes on.
  func signal(_ number: Int32) { process?.send(number) }

  var isRunning: Bool { process?.isRunning ?? false }
}
