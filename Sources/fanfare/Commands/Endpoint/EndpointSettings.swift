internal import ArgumentParser
internal import Wire

/// The settings of an endpoint that `add` and `edit` share.
struct EndpointSettings: ParsableArguments {
  enum Ordering: String, CaseIterable, ExpressibleByArgument {
    case endpoint, none
  }

  @Option(
    help: "Event types: exact, 'job.*' or '*' (which is what none means). Repeat, or use commas.")
  var types: [String] = []

  @Option(help: "Only events that carry one of these channels. Repeat, or use commas.")
  var channels: [String] = []

  @Option(help: "Only events from these sources. Repeat, or use commas.")
  var sources: [String] = []

  @Option(help: "A note for people.")
  var description: String?

  @Option(
    name: .customLong("header"),
    help: ArgumentHelp(
      "Header of every request, 'Name: value', '@FILE' or '-'; those given are all there are.",
      valueName: "header"))
  var headers: [String] = []

  @Option(help: "HTTP Basic 'user:password'; '@FILE' or '-' keeps it off the command line.")
  var authBasic: String?

  @Option(help: "Bearer token; '@FILE' or '-' keeps it off the command line.")
  var authBearer: String?

  @Option(help: "Body: standard (type, timestamp, data) or raw (the data, byte for byte).")
  var format: String?

  @Option(help: "Signature: standard, or none.")
  var signing: String?

  @Option(help: "Delays such as 5s,5m,30m, or exp:5s,x4,max=10h,for=3d.")
  var retry: String?

  @Option(help: "How long a whole attempt may take, such as 15s.")
  var timeout: String?

  @Option(help: "Attempts at most, such as 10/s or 100/m; 'none' for no limit.")
  var rate: String?

  @Option(help: "Deliveries under way at once, at most.")
  var maxInFlight: Int?

  @Option(help: "One at a time, in order, over the whole endpoint; none otherwise.")
  var ordered: Ordering?

  @Option(
    help: "PEM file of the only certificate or authority that is trusted there; 'none' for the system's."
  )
  var ca: String?

  @Option(help: "Give up what is older than this, such as 5d.")
  var maxAge: String?

  @Option(help: "Metadata 'key=value'. May repeat.")
  var metadata: [String] = []

  /// What was given, as the API's properties.
  func members() throws(Failure) -> [(String, JSONValue?)] {
    [
      ("eventTypes", Self.list(types)), ("channels", Self.list(channels)),
      ("sources", Self.list(sources)), ("description", description.map { .string($0) }),
      ("headers", try headerObject()), ("auth", try authObject()),
      ("format", format.map { .string($0) }), ("signing", signing.map { .string($0) }),
      ("retry", retry.map { .string($0) }), ("timeoutSeconds", try seconds(timeout, "--timeout")),
      ("rate", rate.map { $0 == "none" ? .null : .string($0) }),
      ("maxInFlight", maxInFlight.map { .integer($0) }),
      ("ordered", ordered.map { .bool($0 == .endpoint) }),
      ("ca", try ca.map { (path: String) throws(Failure) in try authority(path) }),
      ("maxAgeSeconds", try seconds(maxAge, "--max-age")), ("metadata", try metadataObject()),
    ]
  }

  private func authority(_ path: String) throws(Failure) -> JSONValue {
    path == "none" ? .null : .string(try Input.text(of: path))
  }

  /// An option that was given as an empty text empties the list.
  private static func list(_ values: [String]) -> JSONValue? {
    values.isEmpty ? nil : .strings(CommaList.split(values))
  }

  private func seconds(_ text: String?, _ flag: String) throws(Failure) -> JSONValue? {
    guard let text else { return nil }
    let milliseconds = try Spans.duration(text, flag: flag)
    if milliseconds % 1000 == 0 { return .integer(milliseconds / 1000) }
    return .number("\(Double(milliseconds) / 1000)")
  }

  private func headerObject() throws(Failure) -> JSONValue? {
    guard !headers.isEmpty else { return nil }
    var members: [JSONValue.Member] = []
    for argument in headers {
      for line in try Input.secret(argument).split(whereSeparator: \.isNewline) {
        guard let colon = line.firstIndex(of: ":") else {
          throw Failure(.usage, "--header: a header is written 'Name: value'")
        }
        let value = line[line.index(after: colon)...].drop(while: { $0 == " " })
        members.append(.init(key: String(line[..<colon]), value: .string(String(value))))
      }
    }
    return .object(members)
  }

  private func authObject() throws(Failure) -> JSONValue? {
    if authBasic != nil, authBearer != nil {
      throw Failure(.usage, "--auth-basic and --auth-bearer exclude each other")
    }
    if let authBasic {
      let pair = try Input.secret(authBasic)
      guard pair.contains(":") else {
        throw Failure(.usage, "--auth-basic is written 'user:password'")
      }
      return .members([("basic", .string(pair))])
    }
    guard let authBearer else { return nil }
    return .members([("bearer", .string(try Input.secret(authBearer)))])
  }

  private func metadataObject() throws(Failure) -> JSONValue? {
    guard !metadata.isEmpty else { return nil }
    var members: [JSONValue.Member] = []
    for pair in metadata {
      guard let equals = pair.firstIndex(of: "=") else {
        throw Failure(.usage, "--metadata is written 'key=value'")
      }
      let value = String(pair[pair.index(after: equals)...])
      members.append(.init(key: String(pair[..<equals]), value: .string(value)))
    }
    return .object(members)
  }
}
