internal import ArgumentParser
internal import Wire

/// How a client command finds its broker.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Data directory of a broker on this machine (FANFARE_DATA; ./data).", valueName: "dir"))
  var data: String?

  @Option(help: "URL of a broker's API, instead of --data (FANFARE_URL).")
  var url: String?

  @Option(
    help: "Token for --url (FANFARE_TOKEN); '@FILE' reads it from a file, '-' from stdin.")
  var token: String?

  @Option(
    name: .customLong("api-ca"),
    help: ArgumentHelp(
      "PEM file of the certificate that the API's is checked against (FANFARE_API_CA).",
      valueName: "file"))
  var apiCA: String?

  /// Where the broker is: flags before the environment, the environment before `./data`.
  func location() throws(Failure) -> BrokerLocation {
    if let url { return try .remote(url: url, token: try remoteToken(), caFile: caFile) }
    if let data { return .local(directory: Input.absolute(data), caFile: caFile) }
    if let url = Self.variable("FANFARE_URL") {
      return try .remote(url: url, token: try remoteToken(), caFile: caFile)
    }
    let directory =
      Self.variable("FANFARE_DATA") ?? Self.variable("STATE_DIRECTORY") ?? "data"
    return .local(
      directory: Input.absolute(directory), socket: Self.variable("FANFARE_SOCKET"), caFile: caFile)
  }

  /// A client of the API there.
  func client() throws(Failure) -> APIClient { try location().client() }

  private var caFile: String? { apiCA ?? Self.variable("FANFARE_API_CA") }

  private func remoteToken() throws(Failure) -> String? {
    if let token { return try Input.secret(token) }
    return Self.variable("FANFARE_TOKEN")
  }

  private static func variable(_ name: String) -> String? {
    guard let value = Environment.value(name), !value.isEmpty else { return nil }
    return value
  }
}

/// The application a command is about.
struct ApplicationOption: ParsableArguments {
  @Option(help: "Application (tenant), by name or id.")
  var app = "default"

  /// The path of the application in the API.
  var path: String { "/api/v1/app/\(PathText.encoded(app))" }
}

/// `--limit` of a list.
struct LimitOption: ParsableArguments {
  @Option(help: "How many at most.")
  var limit = 100

  /// - Throws: usage: it is not positive.
  func checked() throws -> Int {
    guard limit > 0 else { throw Failure(.usage, "--limit must be at least 1") }
    return limit
  }
}

/// `--json`.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON on stdout.")
  var json = false
}

/// Text within URLs.
enum PathText {
  /// `text` as one segment of a path or one value of a query.
  static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte in text.utf8 {
      if isPlain(byte) {
        result.append(byte)
      } else {
        result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    default: false
    }
  }
}
