internal import ArgumentParser
internal import Broker
internal import Platform

/// The flags of `serve` and `config`: the keys of the configuration table that are set most, and
/// `--set` for all of them.
struct SettingOptions: ParsableArguments {
  @Option(help: "YAML file with settings (FANFARE_CONFIG).") var config: String?
  @Option(help: "Directory of journal, catalogue and socket (./data).") var data: String?
  @Option(help: "Path of the local socket (fanfare.sock in the data directory).")
  var socket: String?
  @Option(help: "Group that may open the socket.") var socketGroup: String?
  @Flag(help: "The socket takes publishes only: no tail.") var socketPublishOnly = false
  @Option(help: "HOST:PORT of API and metrics (127.0.0.1:8071).") var listen: String?
  @Option(help: "URL under which the API is reached from outside.") var publicURL: String?
  @Option(help: "PEM file with the listener's certificate chain.") var tlsCert: String?
  @Option(help: "PEM file with the listener's key.") var tlsKey: String?
  @Flag(help: "Allow --listen beyond loopback without TLS.") var plainHttp = false
  @Option(help: "Key that secrets are encrypted under (key in the data directory).")
  var keyFile: String?
  @Option(help: "Acknowledge after: fsync, or os (write only) (fsync).") var durability: String?
  @Option(help: "Delivery threads (1).") var reactors: String?
  @Option(help: "CIDR of private targets that may be delivered to; repeats or takes commas.")
  var allow: [String] = []
  @Flag(help: "Allow endpoints with http:// URLs.") var allowHttp = false
  @Flag(help: "Permit http and loopback targets; for development only.") var dev = false
  @Option(help: "logfmt or json (logfmt).") var logFormat: String?
  @Option(help: "debug, info, warning or error (info).") var logLevel: String?
  @Option(help: "Wait for deliveries in flight at SIGTERM (20s).") var drainTimeout: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Any setting by its key, such as journal.retention=1d; repeats.", valueName: "key=value"))
  var others: [String] = []

  /// Flags, the environment and the file, ready to be loaded or checked.
  func loader() -> SettingsLoader {
    var loader = SettingsLoader()
    loader.environment = ProcessSetup.environment
    loader.file = config ?? loader.environment["FANFARE_CONFIG"]
    let options: [(String, String?)] = [
      ("data", data), ("socket", socket), ("socket-group", socketGroup),
      ("socket-publish-only", socketPublishOnly ? "true" : nil), ("listen", listen),
      ("public-url", publicURL), ("tls-cert", tlsCert), ("tls-key", tlsKey),
      ("plain-http", plainHttp ? "true" : nil), ("key-file", keyFile), ("durability", durability),
      ("reactors", reactors), ("allow-http", allowHttp ? "true" : nil),
      ("dev", dev ? "true" : nil), ("log-format", logFormat), ("log-level", logLevel),
      ("drain-timeout", drainTimeout),
    ]
    for (name, value) in options {
      if let value { loader.flags.append((name, value)) }
    }
    for value in allow { loader.flags.append(("allow", value)) }
    for pair in others {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      loader.flags.append((String(parts[0]), parts.count > 1 ? String(parts[1]) : ""))
    }
    return loader
  }
}
