import Foundation
import Glibc
import Testing

/// A real broker in a folder of its own, with the command line to drive it.
final class TestBroker {
  let folder: TemporaryFolder
  private let program: String
  private(set) var process: Child?
  /// What earlier processes have logged.
  private var pastLog = ""

  /// Starts a broker that permits loopback targets, and waits until it takes events.
  /// - Parameter settings: YAML, as in a configuration file.
  static func start(settings: String = "") async throws -> TestBroker {
    let broker = try TestBroker()
    try broker.folder.write(settings, to: "fanfare.yaml")
    try await broker.start()
    return broker
  }

  private init() throws {
    folder = try TemporaryFolder()
    program = try Tools.fanfare()
  }

  deinit {
    let metrics = metricsText()
    pastLog += process?.endNow() ?? ""
    SecretSearch.report(
      SecretSearch.findings(data: data, texts: ["its log": pastLog, "its metrics": metrics]),
      of: folder.path)
  }

  /// What `/metrics` says; nothing when it does not run.
  private func metricsText() -> String {
    guard process?.isRunning == true, let curl = try? Tools.find("curl") else { return "" }
    let address = folder.read("data/address").trimmingCharacters(in: .newlines)
    return (try? Child.runBlocking(curl, ["-s", "-m", "5", address + "/metrics"]).output) ?? ""
  }

  var data: String { folder.file("data") }
  var socket: String { folder.file("data/fanfare.sock") }
  /// What it has logged since it was started last.
  var log: String { process?.talk ?? "" }

  /// What all its processes have logged.
  var allLogs: String { pastLog + log }

  /// Starts it, for the first time or again on the same data.
  func start() async throws {
    let child = try Child(
      program, [
        "serve", "--dev", "--data", data, "--listen", "127.0.0.1:0", "--config",
        folder.file("fanfare.yaml"),
      ], in: folder.path)
    process = child
    try await eventually("the broker is ready", within: 30, details: { child.talk }) {
      guard child.isRunning else { throw TimedOut(description: "serve ended: \(child.talk)") }
      return try await run(["health", "--ready"]).status == 0
    }
  }

  /// Ends it as a power cut would end the process.
  func kill9() async throws {
    pastLog += try await process?.stop(SIGKILL).talk ?? ""
    process = nil
  }

  /// Asks it to stop, and returns how it did.
  func terminate() async throws -> Child.Result {
    let child = try #require(process)
    process = nil
    let result = try await child.stop(SIGTERM)
    pastLog += result.talk
    return result
  }

  /// Runs a client command to its end.
  func run(
    _ arguments: [String], input: String? = nil, within seconds: Double = 60
  ) async throws -> Child.Result {
    let result = try await Child.run(
      program, arguments, input: input, in: folder.path, environment: ["FANFARE_DATA": data],
      within: seconds)
    SecretSearch.learn(from: result.output)
    return result
  }

  /// Runs a client command that must succeed.
  @discardableResult
  func fanfare(
    _ arguments: String..., input: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Child.Result {
    let result = try await run(arguments, input: input)
    #expect(
      result.status == 0, "\(arguments.joined(separator: " ")): \(result.talk)",
      sourceLocation: sourceLocation)
    return result
  }

  /// Starts a client command that goes on.
  func spawn(_ arguments: [String], input: String? = nil) throws -> Child {
    try Child(
      program, arguments, input: input, in: folder.path, environment: ["FANFARE_DATA": data])
  }

  /// Starts a request bin that prints JSON, and waits until it has subscribed.
  func bin(_ types: String, _ more: [String] = []) async throws -> Child {
    let child = try spawn(["listen", "--subscribe", types, "--json"] + more)
    try await eventually("the request bin has subscribed", details: { child.talk }) {
      guard child.isRunning else { throw TimedOut(description: "listen ended: \(child.talk)") }
      return child.talk.contains("subscribed to")
    }
    return child
  }

  /// The line of an endpoint in `spool --json`.
  func spool(_ endpoint: String) async throws -> SpoolLine {
    let report = try await fanfare("spool", endpoint, "--json").json(as: SpoolReport.self)
    return try #require(report.endpoints.first)
  }
}

/// What `spool --json` promises.
struct SpoolReport: Decodable {
  struct Total: Decodable { let depth, dead, bytes, plainBytes: Int }
  let total: Total
  let endpoints: [SpoolLine]
}

/// A line of it.
struct SpoolLine: Decodable {
  let id, name, state: String
  let depth, dead, inFlight, bytes, plainBytes, attempts: Int
  let oldestSeconds: Double
}

/// What `listen --json` prints.
struct ReceivedLine: Decodable {
  let type, id: String?
  let verified: Bool?
  let reason: String?
  let bytes, status: Int
}

/// What `endpoint … --json` promises.
struct EndpointLine: Decodable {
  let id, url, state: String
  let name, uid, secret, description: String?
  let eventTypes: [String]
  let disabled, paused: Bool
}

/// What `publish --json` promises.
struct PublishedLine: Decodable {
  let id: String
  let endpoints: Int
  let duplicate: Bool
}

/// What `publish --lines --json` promises.
struct LineAnswer: Decodable {
  let line: Int
  let id, error: String?
}

/// What `status --json` promises.
struct StatusReport: Decodable {
  struct Events: Decodable { let accepted: Int }
  struct Deliveries: Decodable { let delivered, retried, pending, dead, expired: Int }
  struct Journal: Decodable { let bytes, plainBytes: Int }
  let version: String
  let uptimeSeconds: Double
  let events: Events
  let deliveries: Deliveries
  let journal: Journal
}
