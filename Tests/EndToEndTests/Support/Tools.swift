import Foundation
import Testing

/// What the tests run: the real program, and other people's clients.
enum Tools {
  /// Something that `Ops/test` installs is not there.
  struct Missing: Error, CustomStringConvertible {
    let what: String
    var description: String { "\(what) is missing: run the tests by Ops/test, which installs it" }
  }

  /// The program that was built together with this test bundle.
  static func fanfare() throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var places = [URL(fileURLWithPath: bundle)]
    if let index = CommandLine.arguments.firstIndex(of: "--test-bundle-path"),
      index + 1 < CommandLine.arguments.count
    {
      places.append(URL(fileURLWithPath: CommandLine.arguments[index + 1]))
    }
    for place in places {
      let program = place.deletingLastPathComponent().appending(path: "fanfare").path
      if FileManager.default.isExecutableFile(atPath: program) { return program }
    }
    throw Missing(what: "the program 'fanfare' beside \(bundle)")
  }

  /// A program on the path.
  static func find(_ name: String) throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"] {
      let program = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: program) { return program }
    }
    throw Missing(what: "the program '\(name)'")
  }

  /// The root of the repository.
  static func repository() throws -> String {
    var folder = URL(fileURLWithPath: try fanfare()).deletingLastPathComponent()
    while folder.path != "/" {
      if FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path) {
        return folder.path
      }
      folder.deleteLastPathComponent()
    }
    throw Missing(what: "the repository above \(folder.path)")
  }

  /// A Python that has the packages `redis`, `standardwebhooks` and `svix`.
  static func python() throws -> String {
    if let python = ProcessInfo.processInfo.environment["FANFARE_TEST_PYTHON"],
      FileManager.default.isExecutableFile(atPath: python)
    {
      return python
    }
    var folder = URL(fileURLWithPath: try fanfare()).deletingLastPathComponent()
    while folder.path != "/" {
      let python = folder.appending(path: "venv/bin/python").path
      if FileManager.default.isExecutableFile(atPath: python) { return python }
      folder.deleteLastPathComponent()
    }
    throw Missing(what: "a Python environment with redis, standardwebhooks and svix")
  }
}

/// A folder that goes away with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    // Short, because the path of a unix socket must be.
    let name = String(UUID().uuidString.prefix(8))
    path = "/tmp/fanfare-\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in it.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try text.write(toFile: file(name), atomically: true, encoding: .utf8)
    return file(name)
  }

  /// The text of a file; empty when it is not there.
  func read(_ name: String) -> String {
    (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? ""
  }
}

/// Something did not happen in time.
struct TimedOut: Error, CustomStringConvertible {
  let description: String
}

/// Waits until `condition` holds, looking every 20 ms.
///
/// - Parameter details: what to show when it does not.
func eventually(
  _ what: String, within seconds: Double = 20, details: () -> String = { "" },
  _ condition: () async throws -> Bool
) async throws {
  let deadline = Date().addingTimeInterval(seconds)
  while try await !condition() {
    guard Date() < deadline else {
      throw TimedOut(description: "not within \(seconds) s: \(what)\n\(details())")
    }
    try await Task.sleep(for: .milliseconds(20))
  }
}

/// A port of this machine that was free a moment ago.
func freePort() throws -> Int {
  let script =
    "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
  let result = try Child.runBlocking(try Tools.python(), ["-c", script])
  return try #require(Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)))
}
