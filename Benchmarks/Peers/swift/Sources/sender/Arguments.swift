import Foundation

/// What the command line asks for: `sender HEAD BODY CA|- CONNECTIONS SECONDS THREADS URL…`
struct Arguments {
  /// Header fields, in the order of the file, one `Name: value` a line.
  let headers: [(String, String)]
  let body: Data
  /// Path of the certificate to trust; nil in clear.
  let authority: String?
  let connections: Int
  let seconds: Int
  /// Event loops.
  let threads: Int
  /// Posted to one after the other.
  let urls: [String]

  init(_ words: [String]) throws {
    guard words.count > 7, let connections = Int(words[4]), let seconds = Int(words[5]),
      let threads = Int(words[6])
    else { throw WrongUsage() }
    headers = try String(contentsOfFile: words[1], encoding: .utf8)
      .split(separator: "\n").map { line in
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { throw WrongUsage() }
        return (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces))
      }
    body = try Data(contentsOf: URL(fileURLWithPath: words[2]))
    authority = words[3] == "-" ? nil : words[3]
    self.connections = connections
    self.seconds = seconds
    self.threads = threads
    urls = Array(words[7...])
  }
}

struct WrongUsage: Error, CustomStringConvertible {
  var description: String { "usage: sender HEAD BODY CA|- CONNECTIONS SECONDS THREADS URL…" }
}
