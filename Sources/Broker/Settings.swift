public import Base
public import Storage

/// The version that `--version`, `User-Agent` and the metrics show.
public let fanfareVersion = "0.1.0"

/// Everything that can be set: the values in force, after flags, environment, file and defaults.
///
/// `SettingKey` is the table of their names, bounds and help texts.
public struct Settings: Sendable, Equatable {
  public var data = "./data"
  public var socket = ""
  public var socketGroup = ""
  public var socketPublishOnly = false
  public var listen = "127.0.0.1:8071"
  public var publicURL = ""
  public var tlsCertificate = ""
  public var tlsKey = ""
  public var plainHTTP = false
  public var revealSecrets = false
  public var keyFile = ""
  public var durability = Durability.fsync
  public var reactors = 1
  public var allow: [String] = []
  public var allowHTTP = false
  public var dev = false
  public var logFormat = "logfmt"
  public var logLevel = "info"
  public var drainTimeout = Nanoseconds.seconds(20)
  public var journalRetention = Nanoseconds.seconds(7 * 86_400)
  /// 0: 20 % of the file system.
  public var journalBytesMax: UInt64 = 0
  /// 0: 10 % of the file system.
  public var spoolEndpointQuota: UInt64 = 0
  public var deadRetention = Nanoseconds.seconds(30 * 86_400)
  /// 0: 10 % of the file system.
  public var deadBytesMax: UInt64 = 0
  public var attemptsRetention = Nanoseconds.seconds(7 * 86_400)
  public var attemptsRowsMax = 5_000_000
  public var attemptsAnswerBytesMax: UInt64 = 1 << 30
  public var connectionsMax = 0
  public var connectionsPerHostMax = 128
  public var publisherConnectionsMax = 10_000
  public var blockMemoryBytes: UInt64 = 64 << 20

  /// The defaults.
  public init() {}

  /// The socket's path: as set, or in the data directory.
  public var socketPath: String { socket.isEmpty ? data + "/fanfare.sock" : socket }
  /// The key file's path: as set, or in the data directory.
  public var keyPath: String { keyFile.isEmpty ? data + "/key" : keyFile }
  /// Where the first token is written.
  public var tokenPath: String { data + "/token" }
  /// Where attempts are kept.
  public var attemptsPath: String { data + "/attempts.db" }
  /// Where the API's address is written for the command line.
  public var addressPath: String { data + "/address" }

  /// Whether the listener has a certificate.
  public var usesTLS: Bool { !tlsCertificate.isEmpty }

  /// The listen address in two parts.
  /// - Returns: `nil` when it is not `HOST:PORT`.
  public var listenHostAndPort: (host: String, port: Int)? {
    guard let colon = listen.lastIndex(of: ":"),
      let port = Int(listen[listen.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = String(listen[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    return host.isEmpty ? nil : (host, port)
  }
}

/// A value that was not accepted: which key, where, why, and what would be.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
  /// `--flag`, `FANFARE_NAME`, or `file:line:column: key`.
  public var place: String
  /// What is wrong, and what is allowed.
  public var problem: String
  /// Names a problem.
  public init(place: String, problem: String) {
    self.place = place
    self.problem = problem
  }
  public var description: String { "\(place): \(problem)" }
}
