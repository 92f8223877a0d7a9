// Goal: under systemd the broker says how it is, shows that it lives, and takes the socket it is given.
// Method: sd_notify's protocol on a real socket; systemd's own tools, as far as they work without it.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct ServiceManagerTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var data: String { folder.file("data") }

    private func serve(
      _ arguments: String..., environment: [String: String] = [:]
    ) throws -> Child {
      try Child(
        try Tools.fanfare(), ["serve", "--dev", "--data", data, "--listen", "127.0.0.1:0"] + arguments,
        in: folder.path, environment: environment)
    }

    @Test(.timeLimit(.minutes(2)))
    func `ready, reload and stop are told, with words for systemctl status`() async throws {
      let manager = try NotifySocket()
      try folder.write("drain-timeout: 7s\n", to: "f.yaml")
      let broker = try serve("--config", "f.yaml", environment: ["NOTIFY_SOCKET": manager.path])
      try await eventually("it is ready", details: { broker.talk }) {
        manager.messages.contains { $0.hasPrefix("READY=1\n") }
      }
      #expect(manager.messages.first == "STATUS=reading the log")
      #expect(manager.messages.last?.contains("STATUS=accepting events on \(data)/fanfare.sock; API at http://127.0.0.1:") == true)
      // At that moment it does accept them.
      let published = try await Child.run(
        try Tools.fanfare(), ["publish", "a.b", "{}"], environment: ["FANFARE_DATA": data])
      #expect(published.status == 0, "\(published.talk)")

      let before = manager.messages.count
      broker.send(SIGHUP)
      try await eventually("the reload has ended") { manager.messages.count == before + 2 }
      let reloading = manager.messages[before].split(separator: "\n")
      #expect(reloading.first == "RELOADING=1")
      let since = try #require(UInt64(reloading[1].dropFirst("MONOTONIC_USEC=".count)))
      var clock = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &clock)
      #expect(since > 0 && since <= UInt64(clock.tv_sec + 1) * 1_000_000)
      #expect(manager.messages[before + 1].hasPrefix("READY=1\n"))

      try folder.write("drain-timeout: soon\n", to: "f.yaml")
      broker.send(SIGHUP)
      try await eventually("the reload has ended") { manager.messages.count == before + 4 }
      #expect(
        manager.messages[before + 3]
          == "READY=1\nSTATUS=the configuration was not reloaded: f.yaml:1:1: drain-timeout: "
          + "'soon' is no duration such as 20s, 5m, 2h or 7d")

      let result = try await broker.stop(SIGTERM)
      #expect(result.status == 0, "\(result.talk)")
      // The drain and what closing takes beside it.
      #expect(
        manager.messages.last
          == "STOPPING=1\nEXTEND_TIMEOUT_USEC=27000000\nSTATUS=waiting for deliveries in flight")
      #expect(!manager.messages.contains { $0.contains("WATCHDOG") }, "nobody asked for it")
    }

    @Test(.timeLimit(.minutes(2)))
    func `the watchdog is fed twice an interval, and that is all that wakes an idle broker`()
      async throws
    {
      let manager = try NotifySocket()
      let broker = try serve(
        environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000000"])
      func signs() -> Int { manager.messages.count { $0 == "WATCHDOG=1" } }
      try await eventually("it lives", details: { broker.talk }) { signs() >= 2 }
      // What a start leaves behind goes on for some seconds.
      var quiet = false
      var seen = ""
      for _ in 0..<10 where !quiet {
        let (before, start) = (try broker.contextSwitches(), signs())
        try await Task.sleep(for: .seconds(4))
        let after = try broker.contextSwitches()
        let told = signs() - start
        #expect((3...5).contains(told), "\(told) signs of life in 4 s")
        let moved = after.filter { before[$0.key] != $0.value }
        seen = "\(moved.keys.sorted())"
        let busy = moved.filter { thread in
          thread.value - (before[thread.key] ?? 0) > told * 3 + 3
        }
        quiet =
          busy.isEmpty
          && moved.keys.allSatisfy { name in
            ["watchdog", "ingest", "sync", "reactor-0", "reader", "keeper"]
              .contains { name.hasSuffix(" " + $0) }
          }
      }
      #expect(quiet, "woke: \(seen)")
      _ = try await broker.stop(SIGTERM)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a watchdog meant for another process is left alone`() async throws {
      let manager = try NotifySocket()
      let broker = try serve(
        environment: [
          "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1",
        ])
      try await eventually("it is ready") { manager.messages.contains { $0.hasPrefix("READY=1") } }
      let threads = try broker.contextSwitches().keys
      #expect(!threads.contains { $0.hasSuffix(" watchdog") })
      #expect(threads.contains { $0.hasSuffix(" ingest") }, "threads are named")
      _ = try await broker.stop(SIGTERM)
    }

    /// Systemd's tool closes what it does not know before it becomes the broker, and with it the end
    /// of a pipe by which Foundation sees that a child lives: so somebody stands in between, who has
    /// no signal blocked.
    private static let keeper = """
      import signal, subprocess, sys
      signal.pthread_sigmask(signal.SIG_SETMASK, [])
      child = subprocess.Popen(
          ["setpriv", "--pdeathsig", "KILL", "systemd-socket-activate"] + sys.argv[1:])
      signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
      sys.exit(child.wait())
      """

    private func activate(_ arguments: [String]) throws -> Child {
      _ = try Tools.find("systemd-socket-activate")
      return try Child(
        try Tools.python(), ["-c", Self.keeper] + arguments, in: folder.path)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a socket that systemd holds is served, waits through a restart, and stays`() async throws {
      let path = folder.file("held.sock")
      let program = try Tools.fanfare()
      // Unlike systemd itself the tool does not go on holding it; it starts the broker in its place
      // at the first connection.
      let broker = try activate([
        "-l", path, program, "serve", "--dev", "--data", data, "--listen", "127.0.0.1:0",
      ])
      try await eventually("the socket is there", details: { broker.talk }) {
        FileManager.default.fileExists(atPath: path)
      }
      // Published before the broker runs: it waits in the backlog, and is answered.
      let first = try await Child.run(
        program, ["publish", "a.b", "{}"],
        environment: ["FANFARE_DATA": data, "FANFARE_SOCKET": path])
      #expect(first.status == 0, "\(first.talk)\(broker.talk)")
      try await eventually("it says where it listens") { broker.talk.contains("socket  \(path)") }
      #expect(!FileManager.default.fileExists(atPath: data + "/fanfare.sock"))
      let accepted = try await Child.run(
        program, ["status", "--json"], environment: ["FANFARE_DATA": data]
      ).json(as: StatusReport.self)
      #expect(accepted.events.accepted == 1)
      let result = try await broker.stop(SIGTERM)
      #expect(result.status == 0, "\(result.talk)")
      #expect(FileManager.default.fileExists(atPath: path), "it is not the broker's to remove")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a socket of another kind is refused in words`() async throws {
      let port = try freePort()
      let broker = try activate([
        "-l", "127.0.0.1:\(port)", try Tools.fanfare(), "serve", "--data", data, "--listen",
        "127.0.0.1:0",
      ])
      try await eventually("it listens") { broker.talk.contains("Listening") }
      _ = try await Child.run(
        try Tools.find("curl"), ["-s", "-m", "5", "http://127.0.0.1:\(port)/"])
      let result = try await broker.end()
      #expect(result.status == 78)
      #expect(result.talk.contains("(LISTEN_FDS) is no listening unix stream socket"))
    }

    @Test(.timeLimit(.minutes(1)))
    func `the unit is sound, and as good as shut off from the machine`() async throws {
      let analyze = try Tools.find("systemd-analyze")
      let program = try Tools.fanfare()
      let source = try Tools.repository() + "/Ops/systemd"
      for name in ["fanfare.service", "fanfare.socket"] {
        let text = try String(contentsOfFile: "\(source)/\(name)", encoding: .utf8)
        try folder.write(text.replacing("/usr/bin/fanfare", with: program), to: name)
      }
      let verified = try await Child.run(
        analyze, ["verify", "--man=no", folder.file("fanfare.service"), folder.file("fanfare.socket")])
      #expect(verified.status == 0 && verified.talk.isEmpty, "\(verified.talk)")
      // Exposure in tenths: 2.5.
      let rated = try await Child.run(
        analyze, ["security", "--offline=true", "--threshold=25", folder.file("fanfare.service")])
      #expect(rated.status == 0, "\(rated.output)")
      // The check can fail.
      try folder.write("[Service]\nExecStart=\(program) serve\n", to: "open.service")
      let open = try await Child.run(
        analyze, ["security", "--offline=true", "--threshold=25", folder.file("open.service")])
      #expect(open.status != 0)
    }
  }
}

extension Child {
  /// Context switches of each of its threads so far, by number and name.
  func contextSwitches() throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(number)/task") {
      // A thread that ended meanwhile has no file.
      let path = "/proc/\(number)/task/\(task)/status"
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
      var name = ""
      var count = 0
      for line in text.split(separator: "\n") {
        let words = line.split(whereSeparator: \.isWhitespace)
        if words.first == "Name:", words.count > 1 { name = String(words[1]) }
        if words.first?.hasSuffix("ctxt_switches:") == true, let last = words.last {
          count += Int(last) ?? 0
        }
      }
      counts["\(task) \(name)"] = count
    }
    return counts
  }
}
