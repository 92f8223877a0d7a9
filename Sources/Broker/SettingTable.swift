internal import Base
internal import Delivery
internal import Storage
internal import Wire

extension SettingKey {
  /// Every key there is, in the order of the manual.
  public static let all: [SettingKey] = places + access + targets + keeping + limits

  private static let places: [SettingKey] = [
    text("data", "directory of journal, catalogue and socket (./data)", \.data),
    text("socket", "path of the local socket (fanfare.sock in the data directory)", \.socket),
    text("socket-group", "group that may open the socket", \.socketGroup),
    flag("socket-publish-only", "the socket takes publishes only: no tail", \.socketPublishOnly),
    choice("log-format", "logfmt or json (logfmt)", ["logfmt", "json"], \.logFormat, reloads: true),
    choice(
      "log-level", "debug, info, warning or error (info)", ["debug", "info", "warning", "error"],
      \.logLevel, reloads: true),
    duration(
      "drain-timeout", "wait for deliveries in flight at SIGTERM (20s)", \.drainTimeout,
      reloads: true),
  ]

  private static let access: [SettingKey] = [
    SettingKey(
      "listen", "address of API, page and metrics (127.0.0.1:8071)", reloads: false,
      read: { [$0.listen] }
    ) { (settings, text) throws(Refusal) in
      var changed = settings
      changed.listen = text
      guard changed.listenHostAndPort != nil else {
        throw Refusal(text: "'\(text)' is not HOST:PORT, such as 127.0.0.1:8071 or [::1]:8071")
      }
      settings = changed
    },
    SettingKey(
      "public-url", "URL under which the API is reached from outside", reloads: true,
      read: { [$0.publicURL] }
    ) { (settings, text) throws(Refusal) in
      guard text.isEmpty || (try? URLTarget(parsing: text)) != nil else {
        throw Refusal(text: "'\(text)' is no URL such as https://hooks.example.com")
      }
      settings.publicURL = text
    },
    text(
      "tls-cert", "PEM file with the listener's certificate chain", \.tlsCertificate, reloads: true),
    text("tls-key", "PEM file with the listener's key", \.tlsKey, reloads: true),
    flag("plain-http", "allow --listen beyond loopback without TLS", \.plainHTTP),
    flag(
      "api.reveal-secrets", "show an endpoint's secret to whoever may manage it", \.revealSecrets,
      reloads: true),
    text("key-file", "key that secrets are encrypted under (key in the data directory)", \.keyFile),
  ]

  private static let targets: [SettingKey] = [
    SettingKey(
      "allow", "CIDR of private targets that may be delivered to", reloads: true, repeats: true,
      read: { $0.allow }, clear: { $0.allow = [] }
    ) { (settings, text) throws(Refusal) in
      for part in text.split(separator: ",").map({ $0.trimmed }) {
        guard AddressBlock(cidr: part) != nil else {
          throw Refusal(text: "'\(part)' is no CIDR such as 10.0.0.0/8, fd00::/8 or 127.0.0.1")
        }
        settings.allow.append(part)
      }
    },
    flag("allow-http", "allow endpoints with http:// URLs", \.allowHTTP, reloads: true),
    flag("dev", "permit http and loopback targets; for development only", \.dev),
  ]

  private static let keeping: [SettingKey] = [
    SettingKey(
      "durability", "acknowledge after: fsync, or os (write only) (fsync)", reloads: false,
      read: { [$0.durability.rawValue] }
    ) { (settings, text) throws(Refusal) in
      guard let value = Durability(rawValue: text) else {
        throw Refusal(text: "'\(text)' is neither 'fsync' nor 'os'")
      }
      settings.durability = value
    },
    duration(
      "journal.retention", "keep delivered events for replay (7d)", \.journalRetention,
      reloads: true),
    size(
      "journal.max-bytes", "journal size (20 % of the file system)", \.journalBytesMax,
      reloads: true),
    size(
      "spool.endpoint-quota",
      "what the pending events of one endpoint may hold (10 % of the file system)",
      \.spoolEndpointQuota, reloads: true),
    duration(
      "dead.retention", "keep dead letters and their events (30d)", \.deadRetention, reloads: true),
    size(
      "dead.max-bytes", "what dead letters and their events may hold (10 % of the file system)",
      \.deadBytesMax, reloads: true),
    duration("attempts.retention", "keep what was tried (7d)", \.attemptsRetention),
    number(
      "attempts.max-rows", "attempts kept at most (5000000)", 1...1_000_000_000,
      \.attemptsRowsMax),
    size(
      "attempts.max-answer-bytes", "what the answers of failed attempts may hold (1GiB)",
      \.attemptsAnswerBytesMax, isAuto: false),
  ]

  private static let limits: [SettingKey] = [
    number("reactors", "delivery threads (1)", 1...64, \.reactors),
    number(
      "connections-max", "outgoing connections (80 % of descriptors)", 1...1_000_000,
      \.connectionsMax, isAuto: true, reloads: true),
    number(
      "connections-per-host-max", "outgoing connections to one host (128)", 1...65_535,
      \.connectionsPerHostMax, reloads: true),
    number(
      "publisher-connections-max", "connections on the local socket (10000)", 1...1_000_000,
      \.publisherConnectionsMax),
    size(
      "block-memory", "memory for the log's head (64MiB)", \.blockMemoryBytes, isAuto: false,
      range: (1 << 20)...(1 << 40)),
  ]
}

extension Substring {
  fileprivate var trimmed: String {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
