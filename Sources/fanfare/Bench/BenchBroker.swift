internal import ArgumentParser
internal import Bench
internal import Foundation
internal import Glibc
internal import Platform

/// The broker that is measured: one started in a folder that goes away again, or a running one.
final class BenchBroker {
  let client: APIClient
  let socketPath: String
  /// The folder of the journal, for a look at the disk.
  let dataPath: String
  /// `nil` for one that runs on its own.
  private let process: ChildProcess?
  private let folder: String?
  private var endpointIDs: [String] = []

  /// How long a broker may take to be ready, and to stop.
  private static let startSeconds = 30.0
  private static let stopMilliseconds = 10_000

  private init(
    client: APIClient, socketPath: String, dataPath: String, process: ChildProcess?,
    folder: String?
  ) {
    self.client = client
    self.socketPath = socketPath
    self.dataPath = dataPath
    self.process = process
    self.folder = folder
  }

  /// Starts or finds it.
  static func open(_ plan: BenchPlan) throws(Failure) -> BenchBroker {
    switch plan.place {
    case .own(let directory): return try start(plan, in: directory)
    case .running(let directory, let socket):
      let client = try BrokerLocation.local(directory: directory, caFile: nil).client()
      try client.call("GET", "/api/v1/health")
      return BenchBroker(
        client: client, socketPath: socket, dataPath: directory, process: nil, folder: nil)
    }
  }

  // MARK: One of its own

  private static func start(_ plan: BenchPlan, in directory: String) throws(Failure)
    -> BenchBroker
  {
    let folder = try makeFolder(in: directory)
    do throws(Failure) {
      if plan.idleEndpoints > 0 { try BenchIdle.register(plan.idleEndpoints, in: "\(folder)/data") }
      let process = try spawn(plan, folder)
      do throws(Failure) {
        let client = try awaitReady(process, folder)
        return BenchBroker(
          client: client, socketPath: "\(folder)/data/fanfare.sock", dataPath: "\(folder)/data",
          process: process, folder: folder)
      } catch {
        process.stop(within: stopMilliseconds)
        throw error
      }
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  private static func makeFolder(in directory: String) throws(Failure) -> String {
    var path = Array("\(directory)/fanfare-bench-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&path) != nil else {
      throw Failure(
        .failed, "cannot make a folder in \(directory): \(SystemText.last())",
        next: ["choose another place: --directory DIR"])
    }
    return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func spawn(_ plan: BenchPlan, _ folder: String) throws(Failure) -> ChildProcess {
    // Nothing of the caller's environment may change what is measured.
    let variables = ProcessInfo.processInfo.environment
      .filter { !$0.key.hasPrefix("FANFARE_") }.map { "\($0.key)=\($0.value)" }
    let log = unsafe Glibc.open("\(folder)/log", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard log >= 0 else {
      throw Failure(.failed, "cannot write \(folder)/log: \(SystemText.last())")
    }
    defer { close(log) }
    do throws(SystemError) {
      return try ChildProcess(
        program: "/proc/self/exe",
        arguments: [
          "fanfare", "bench-broker", "--dev", "--data", "\(folder)/data", "--listen",
          "127.0.0.1:0", "--durability", plan.durability, "--reactors", "\(plan.reactors)",
          "--drain-timeout", "1s", "--log-level", "warning",
        ],
        environment: variables + ["FANFARE_CONNECTIONS_PER_HOST_MAX=\(plan.connections)"],
        output: log, errors: log)
    } catch {
      throw Failure(.internalFault, "the broker did not start: \(error.description)")
    }
  }

  private static func awaitReady(
    _ process: ChildProcess, _ folder: String
  ) throws(Failure) -> APIClient {
    let deadline = Date().addingTimeInterval(startSeconds)
    while Date() < deadline {
      if let end = process.end() {
        throw Failure(
          .failed, "the broker ended at its start with \(end)", next: logTail(folder))
      }
      let location = BrokerLocation.local(directory: "\(folder)/data", caFile: nil)
      if let client = try? location.client(),
        let answer = try? client.send("GET", "/readyz"), answer.status == 200
      {
        return client
      }
      usleep(10_000)
    }
    throw Failure(
      .failed, "the broker was not ready within \(Int(startSeconds)) s", next: logTail(folder))
  }

  private static func logTail(_ folder: String) -> [String] {
    let text = (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(5).map { Console.clean(String($0)) }
  }

  // MARK: While it is measured

  /// How it ended, if it did, with its last words.
  var end: (text: String, log: [String])? {
    guard let process, let folder, let end = process.end() else { return nil }
    return ("the broker ended with \(end)", Self.logTail(folder))
  }

  /// Its process, as far as this machine shows it.
  func probe() -> ProcessProbe? {
    if let process { return ProcessProbe(id: process.id) }
    guard let socket = try? Network.connect(path: socketPath) else { return nil }
    defer { Network().close(socket) }
    return Network.peerProcess(of: socket).map { ProcessProbe(id: $0) }
  }

  /// Registers an endpoint; it is removed again by `close`.
  func add(_ endpoint: JSONValue) throws(Failure) {
    let made = try client.value("POST", "/api/v1/app/default/endpoint", body: endpoint)
    guard let id = made["id"]?.text else {
      throw Failure(.internalFault, "the broker's answer names no endpoint")
    }
    endpointIDs.append(id)
  }

  /// A sample of its metrics without labels, or with those given.
  func metrics() throws(Failure) -> BenchMetrics {
    let answer = try client.call("GET", "/metrics")
    return BenchMetrics(text: String(decoding: answer.body, as: UTF8.self))
  }

  /// Pending and dead deliveries of the endpoints that were added.
  func backlog(prefix: String) throws(Failure) -> (depth: UInt64, dead: UInt64) {
    let lines = try client.value("GET", "/api/v1/spool")["endpoints"]?.elements ?? []
    let own = lines.filter { $0["name"]?.text?.hasPrefix(prefix) == true }
    let sum = { (key: String) in own.reduce(0) { $0 + UInt64($1[key]?.integer ?? 0) } }
    return (sum("depth"), sum("dead"))
  }

  /// Stops what was started, and takes away what was added.
  func close() {
    if let process {
      process.stop(within: Self.stopMilliseconds)
    } else {
      for id in endpointIDs {
        _ = try? client.call("DELETE", "/api/v1/app/default/endpoint/\(id)")
      }
    }
    if let folder { try? FileManager.default.removeItem(atPath: folder) }
  }

  private func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
  private static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}

/// One reading of `/metrics`.
struct BenchMetrics {
  private let values: [String: Double]

  init(text: String) {
    var values: [String: Double] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      values[String(line[..<space])] = Double(line[line.index(after: space)...])
    }
    self.values = values
  }

  /// How much a counter grew since another reading; `nil` when the broker has none of that name.
  func growth(_ name: String, since before: BenchMetrics) -> UInt64? {
    guard let new = values[name], let old = before.values[name], new >= old else { return nil }
    return UInt64(new - old)
  }
}

/// `fanfare bench-broker`: `serve` that does not outlive the benchmark that started it.
struct BenchBrokerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-broker", abstract: "Serve for a benchmark.", shouldDisplay: false)

  @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

  func run() throws {
    ProcessSetup.dieWithParent(SIGKILL)
    var words = unsafe (["fanfare", "serve"] + arguments).map { unsafe strdup($0) } + [nil]
    _ = unsafe execv("/proc/self/exe", &words)
    throw Failure(.internalFault, "cannot run itself: \(SystemText.last())")
  }
}
