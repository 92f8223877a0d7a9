internal import Base
internal import Delivery
internal import Storage
internal import Wire

/// One row of the configuration table: name, what it means, and how a text becomes its value.
///
/// The same row serves the YAML file (`name`), the environment (`FANFARE_NAME`) and the flag
/// (`--name`), so the three cannot differ in what they accept.
public struct SettingKey: Sendable {
  /// As in the file and on the command line: `drain-timeout`.
  public let name: String
  /// What it means, its unit and default, in one line.
  public let help: String
  /// Whether SIGHUP can change it.
  public let reloads: Bool
  /// Whether it takes several values.
  public let repeats: Bool
  /// Whether two configurations differ in it.
  let differs: @Sendable (Settings, Settings) -> Bool
  let apply: @Sendable (inout Settings, String) throws(Refusal) -> Void

  /// Why a text is no value.
  struct Refusal: Error { var text: String }

  /// `FANFARE_DRAIN_TIMEOUT`.
  public var environmentName: String {
    "FANFARE_" + name.uppercased().map { $0 == "-" || $0 == "." ? "_" : String($0) }.joined()
  }

  /// Sets the value in `settings` from a text.
  /// - Throws: `SettingsError` that names `place`.
  public func set(_ text: String, in settings: inout Settings, place: String)
    throws(SettingsError)
  {
    do throws(Refusal) {
      try apply(&settings, text)
    } catch {
      throw SettingsError(place: place, problem: error.text)
    }
  }

  /// The row with this name.
  public static func named(_ name: String) -> SettingKey? { all.first { $0.name == name } }

  /// Every key there is, in the order of the manual.
  public static let all: [SettingKey] = [
    text("data", "directory of journal, catalogue and socket (./data)", \.data),
    text("socket", "path of the local socket (fanfare.sock in the data directory)", \.socket),
    text("socket-group", "group that may open the socket", \.socketGroup),
    flag("socket-publish-only", "the socket takes publishes only: no tail", \.socketPublishOnly),
    SettingKey(
      name: "listen", help: "address of API, page and metrics (127.0.0.1:8071)", reloads: false,
      repeats: false, differs: { $0.listen != $1.listen }
    ) { (settings, text) throws(Refusal) in
      settings.listen = text
      if settings.listenHostAndPort == nil {
        throw Refusal(text: "'\(text)' is not HOST:PORT, such as 127.0.0.1:8071 or [::1]:8071")
      }
    },
    SettingKey(
      name: "public-url", help: "URL under which the API is reached from outside", reloads: false,
      repeats: false, differs: { $0.publicURL != $1.publicURL }
    ) { (settings, text) throws(Refusal) in
      guard text.isEmpty || (try? URLTarget(parsing: text)) != nil else {
        throw Refusal(text: "'\(text)' is no URL such as https://hooks.example.com")
      }
      settings.publicURL = text
    },
    text("tls-cert", "PEM file with the listener's certificate chain", \.tlsCertificate),
    text("tls-key", "PEM file with the listener's key", \.tlsKey),
    flag("plain-http", "allow --listen beyond loopback without TLS", \.plainHTTP),
    flag(
      "api.reveal-secrets", "show an endpoint's secret to whoever may manage it", \.revealSecrets),
    text("key-file", "key that secrets are encrypted under (key in the data directory)", \.keyFile),
    SettingKey(
      name: "durability", help: "acknowledge after: fsync, or os (write only) (fsync)",
      reloads: false, repeats: false, differs: { $0.durability != $1.durability }
    ) { (settings, text) throws(Refusal) in
      guard let value = Durability(rawValue: text) else {
        throw Refusal(text: "'\(text)' is neither 'fsync' nor 'os'")
      }
      settings.durability = value
    },
    number("reactors", "delivery threads (1)", 1...64, \.reactors),
    SettingKey(
      name: "allow", help: "CIDR of private targets that may be delivered to", reloads: false,
      repeats: true, differs: { $0.allow != $1.allow }
    ) { (settings, text) throws(Refusal) in
      for part in text.split(separator: ",").map({ $0.trimmed }) {
        guard AddressBlock(cidr: part) != nil else {
          throw Refusal(text: "'\(part)' is no CIDR such as 10.0.0.0/8, fd00::/8 or 127.0.0.1")
        }
        settings.allow.append(part)
      }
    },
    flag("allow-http", "allow endpoints with http:// URLs", \.allowHTTP),
    flag("dev", "permit http and loopback targets; for development only", \.dev),
    choice("log-format", "logfmt or json (logfmt)", ["logfmt", "json"], \.logFormat),
    choice(
      "log-level", "debug, info, warning or error (info)", ["debug", "info", "warning", "error"],
      \.logLevel, reloads: true),
    duration(
      "drain-timeout", "wait for deliveries in flight at SIGTERM (20s)", \.drainTimeout,
      reloads: true),
    duration(
      "journal.retention", "keep delivered events for replay (7d)", \.journalRetention),
    size("journal.max-bytes", "journal size (20 % of the file system)", \.journalBytesMax),
    size(
      "spool.endpoint-quota",
      "what the pending events of one endpoint may hold (10 % of the file system)",
      \.spoolEndpointQuota),
    duration("dead.retention", "keep dead letters and their events (30d)", \.deadRetention),
    size(
      "dead.max-bytes", "what dead letters and their events may hold (10 % of the file system)",
      \.deadBytesMax),
    duration("attempts.retention", "keep what was tried (7d)", \.attemptsRetention),
    number(
      "attempts.max-rows", "attempts kept at most (5000000)", 1...1_000_000_000,
      \.attemptsRowsMax),
    size(
      "attempts.max-answer-bytes", "what the answers of failed attempts may hold (1GiB)",
      \.attemptsAnswerBytesMax),
    number(
      "connections-max", "outgoing connections (80 % of descriptors)", 0...1_000_000,
      \.connectionsMax),
    number(
      "connections-per-host-max", "outgoing connections to one host (128)", 1...65_535,
      \.connectionsPerHostMax),
    number(
      "publisher-connections-max", "connections on the local socket (10000)", 1...1_000_000,
      \.publisherConnectionsMax),
    size("block-memory", "memory for the log's head (64MiB)", \.blockMemoryBytes),
  ]

  private static func text(
    _ name: String, _ help: String,
    _ path: any WritableKeyPath<Settings, String> & Sendable
  ) -> SettingKey {
    SettingKey(
      name: name, help: help, reloads: false, repeats: false,
      differs: { $0[keyPath: path] != $1[keyPath: path] }
    ) { settings, text in
      settings[keyPath: path] = text
    }
  }

  private static func choice(
    _ name: String, _ help: String, _ values: [String],
    _ path: any WritableKeyPath<Settings, String> & Sendable, reloads: Bool = false
  ) -> SettingKey {
    SettingKey(
      name: name, help: help, reloads: reloads, repeats: false,
      differs: { $0[keyPath: path] != $1[keyPath: path] }
    ) { (settings, text) throws(Refusal) in
      guard values.contains(text) else {
        throw Refusal(text: "'\(text)' is none of \(values.joined(separator: ", "))")
      }
      settings[keyPath: path] = text
    }
  }

  private static func flag(
    _ name: String, _ help: String, _ path: any WritableKeyPath<Settings, Bool> & Sendable
  ) -> SettingKey {
    SettingKey(
      name: name, help: help, reloads: false, repeats: false,
      differs: { $0[keyPath: path] != $1[keyPath: path] }
    ) { (settings, text) throws(Refusal) in
      switch text {
      case "true", "yes", "on", "1": settings[keyPath: path] = true
      case "false", "no", "off", "0": settings[keyPath: path] = false
      default: throw Refusal(text: "'\(text)' is neither true nor false")
      }
    }
  }

  private static func number(
    _ name: String, _ help: String, _ range: ClosedRange<Int>,
    _ path: any WritableKeyPath<Settings, Int> & Sendable
  ) -> SettingKey {
    SettingKey(
      name: name, help: help, reloads: false, repeats: false,
      differs: { $0[keyPath: path] != $1[keyPath: path] }
    ) { (settings, text) throws(Refusal) in
      guard let value = Int(text), range.contains(value) else {
        throw Refusal(
          text: "'\(text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      settings[keyPath: path] = value
    }
  }

  private static func duration(
    _ name: String, _ help: String, _ path: any WritableKeyPath<Settings, Nanoseconds> & Sendable,
    reloads: Bool = false
  ) -> SettingKey {
    SettingKey(
      name: name, help: help, reloads: reloads, repeats: false,
      differs: { $0[keyPath: path] != $1[keyPath: path] }
    ) { (settings, text) throws(Refusal) in
      guard let milliseconds = Quantity.duration(text) else {
        throw Refusal(text: "'\(text)' is no duration such as 20s, 5m, 2h or 7d")
      }
      settings[keyPath: path] = .milliseconds(milliseconds)
    }
  }

  private static func size(
    _ name: String, _ help: String, _ path: any WritableKeyPath<Settings, UInt64> & Sendable
  ) -> SettingKey {
    SettingKey(
      name: name, help: help, reloads: false, repeats: false,
      differs: { $0[keyPath: path] != $1[keyPath: path] }
    ) { (settings, text) throws(Refusal) in
      guard let bytes = Quantity.size(text) else {
        throw Refusal(text: "'\(text)' is no size such as 64MiB or 10GB")
      }
      settings[keyPath: path] = bytes
    }
  }
}

extension Substring {
  fileprivate var trimmed: String {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
