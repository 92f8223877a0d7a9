import Foundation
import Glibc

/// A process of ours; it does not outlive the test that started it.
final class Child {
  /// What a process left behind.
  struct Result {
    let status: Int32
    let output: String
    let talk: String
  }

  private let process = Process()
  private let folder: TemporaryFolder

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - input: what it reads on stdin; nothing otherwise.
  ///   - environment: variables beside those of this process.
  init(
    _ program: String, _ arguments: [String], input: String? = nil, in directory: String? = nil,
    environment: [String: String] = [:]
  ) throws {
    folder = try TemporaryFolder()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    for name in ["out", "err"] { try folder.write("", to: name) }
    let stdin = FileHandle(
      forReadingAtPath: try input.map { try folder.write($0, to: "in") } ?? "/dev/null")
    let stdout = FileHandle(forWritingAtPath: folder.file("out"))
    let stderr = FileHandle(forWritingAtPath: folder.file("err"))
    // Ours are of no use once it runs, and Foundation keeps an ended `Process` with all it holds.
    defer { for handle in [stdin, stdout, stderr] { try? handle?.close() } }
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stderr
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("FANFARE_") }
    variables.merge(environment) { _, new in new }
    process.environment = variables
    try process.run()
  }

  deinit { killAndReap() }

  /// Its process number.
  var number: pid_t { process.processIdentifier }

  /// Runs a program to its end.
  static func run(
    _ program: String, _ arguments: [String], input: String? = nil, in directory: String? = nil,
    environment: [String: String] = [:], within seconds: Double = 60
  ) async throws -> Result {
    let child = try Child(
      program, arguments, input: input, in: directory, environment: environment)
    return try await child.end(within: seconds)
  }

  /// Runs a program that ends at once.
  static func runBlocking(_ program: String, _ arguments: [String]) throws -> Result {
    let child = try Child(program, arguments)
    child.process.waitUntilExit()
    return child.result
  }

  /// Waits for its end.
  func end(within seconds: Double = 30) async throws -> Result {
    try await eventually("the end of \(name)", within: seconds, details: { self.talk }) {
      !isRunning
    }
    return result
  }

  /// Sends a signal and waits for the end.
  func stop(_ signal: Int32, within seconds: Double = 30) async throws -> Result {
    send(signal)
    return try await end(within: seconds)
  }

  /// Sends a signal.
  func send(_ signal: Int32) {
    if isRunning { kill(process.processIdentifier, signal) }
  }

  var isRunning: Bool { process.isRunning }
  /// What it has written on stdout so far.
  var output: String { folder.read("out") }
  /// What it has written on stderr so far.
  var talk: String { folder.read("err") }
  /// The lines it has written on stdout so far.
  var lines: [Substring] { output.split(separator: "\n") }

  private var name: String { process.executableURL?.lastPathComponent ?? "" }

  private var result: Result {
    Result(status: process.terminationStatus, output: output, talk: talk)
  }

  /// Ends it at once, if it runs.
  /// - Returns: what it had written.
  func endNow() -> String {
    killAndReap()
    return talk + output
  }

  private func killAndReap() {
    guard process.isRunning else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

extension Child.Result {
  /// The lines of stdout.
  var lines: [Substring] { output.split(separator: "\n") }
  /// Stdout without its line end.
  var text: String { output.trimmingCharacters(in: .whitespacesAndNewlines) }

  /// Stdout as one JSON value.
  func json<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(output.utf8))
  }

  /// Each line of stdout as a JSON value.
  func jsonLines<Value: Decodable>(as type: Value.Type = Value.self) throws -> [Value] {
    try lines.map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
  }
}
