internal import ArgumentParser
internal import Wire

/// `fanfare publish`: an event, or one a line, into the local socket.
struct Publish: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Publish an event; prints its id once it is on disk.",
    discussion: """
      Examples:
        fanfare publish job.completed '{"job":42}'
        fanfare publish job.log - < build.log
        fanfare publish github.push --file push.json --id delivery-7 --channel repo:tower
        jq -c '.[]' jobs.json | fanfare publish job.completed --lines
      """)

  @Argument(help: "Type of the event, such as job.completed.")
  var type: String

  @Argument(help: "Data of the event, or '-' for stdin.")
  var data: String?

  @Option(help: "Read the data from a file.")
  var file: String?

  @Flag(help: "Each line of stdin, or of --file, is an event of its own; answers keep their order.")
  var lines = false

  @Option(help: "Your id for the event: publishing it again is acknowledged, not sent again.")
  var id: String?

  @Option(help: "The system that the event comes from.")
  var source: String?

  @Option(help: "What the event is about.")
  var subject: String?

  @Option(
    name: [.customLong("channel"), .customLong("channels")],
    help: "Channel of the event; repeat it or separate by commas.")
  var channels: [String] = []

  @Option(help: "Content type of the data; otherwise JSON, text or bytes, by what it is.")
  var contentType: String?

  @Option(help: "Path of the broker's socket (FANFARE_SOCKET; fanfare.sock in the data directory).")
  var socket: String?

  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    guard EventRules.isValidType(type) else {
      throw Failure(
        .badData,
        "'\(Console.clean(type))' is no event type: letters, digits, '_' and '-',"
          + " joined by dots, at most \(EventRules.typeBytesMax) bytes")
    }
    if lines { return try publishLines() }
    let data = try Input.data(argument: data, file: file)
    let result = try publishOne(data)
    if output.json {
      result.json.print()
    } else {
      Console.print(result.id)
    }
    if result.endpoints == 0, !result.isDuplicate { tellNobodySubscribes() }
  }

  private func publishOne(_ data: [UInt8]) throws(Failure) -> PublishedEvent {
    let location = try client.location()
    guard let path = location.socketPath(override: socket) else {
      return try publishByAPI(data, location.client())
    }
    var connection = try EventSocket(path: path, advice: advice(location))
    let reply = try connection.ask(command.arguments(data: data))
    if let failure = reply.failure { throw failure }
    return try PublishedEvent(reply)
  }

  /// By `--url`. As base64, because JSON within JSON would not keep its bytes.
  private func publishByAPI(_ data: [UInt8], _ client: APIClient) throws(Failure) -> PublishedEvent
  {
    let body = JSONValue.members([
      ("eventType", .string(type)), ("dataBase64", .string(Base64.encode(data))),
      ("eventId", id.map { .string($0) }), ("source", source.map { .string($0) }),
      ("subject", subject.map { .string($0) }), ("contentType", contentType.map { .string($0) }),
      ("channels", channelList.isEmpty ? nil : .strings(channelList)),
    ])
    let answer = try client.value("POST", "\(application.path)/msg", body: body)
    return PublishedEvent(
      id: answer["id"]?.text ?? "", endpoints: answer["endpoints"]?.integer,
      isDuplicate: answer["duplicate"]?.isTrue ?? false)
  }

  private func publishLines() throws(Failure) {
    guard id == nil else {
      throw Failure(.usage, "--id names one event, --lines publishes many")
    }
    guard data == nil || data == "-" else {
      throw Failure(.usage, "--lines reads stdin or --file, not an argument")
    }
    let location = try client.location()
    guard let path = location.socketPath(override: socket) else {
      throw Failure(.usage, "--lines needs the local socket: use --data or --socket, not --url")
    }
    let connection = try EventSocket(path: path, advice: advice(location))
    var publisher = try LinePublisher(
      connection, command: command, file: file, printsJSON: output.json)
    let summary = try publisher.run()
    if summary.unheard > 0 { tellNobodySubscribes(summary.unheard) }
    if let failure = summary.firstFailure {
      throw Failure(
        failure.code, "\(summary.failed) of \(summary.published + summary.failed) events failed")
    }
  }

  private var command: EmitCommand {
    EmitCommand(
      type: type, id: id, application: application.app, source: source, subject: subject,
      channels: channelList, contentType: contentType)
  }

  private var channelList: [String] { CommaList.split(channels) }

  private func advice(_ location: BrokerLocation) -> [String] {
    guard case .directory(let directory) = location.place else { return [] }
    return BrokerLocation.advice(directory)
  }

  /// Says on stderr that the event goes to nobody, and what somebody does subscribe to.
  private func tellNobodySubscribes(_ count: Int = 1) {
    let subject = count == 1 ? "" : " (\(count) events)"
    var text = "no endpoint subscribes to \(type)\(subject)"
    if let hint = hint() { text += "; \(hint)" }
    Console.talk(Console.styled(text, .yellow, on: .standardError))
  }

  /// When the API does not answer there is none.
  private func hint() -> String? {
    guard let client = try? client.client(),
      let endpoints = try? client.list("\(application.path)/endpoint", max: 1_000)
    else { return nil }
    return UnheardEvent(type: type).reason(among: endpoints)
  }
}

/// Why nobody gets an event, as far as the list of endpoints tells.
struct UnheardEvent {
  let type: String

  /// An endpoint that takes the type but not this event, or the type that was probably meant.
  func reason(among endpoints: [JSONValue]) -> String? {
    let taking = endpoints.filter { endpoint in
      let types = endpoint["eventTypes"]?.texts ?? []
      return types.isEmpty || types.contains { matches($0) }
    }
    if let reason = taking.lazy.compactMap({ Self.refusal(of: $0) }).first { return reason }
    let near = Suggestion.nearest(to: type, in: endpoints.flatMap { $0["eventTypes"]?.texts ?? [] })
    return near.map { "the nearest subscription is \($0)" }
  }

  private func matches(_ pattern: String) -> Bool {
    if pattern == "*" || pattern == type { return true }
    return pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast())
  }

  private static func refusal(of endpoint: JSONValue) -> String? {
    let name = Console.clean(EndpointText.name(of: endpoint) ?? "-")
    if endpoint["disabled"]?.isTrue == true { return "'\(name)' would, but it is disabled" }
    for key in ["channels", "sources"] {
      let wanted = endpoint[key]?.texts ?? []
      if !wanted.isEmpty {
        return "'\(name)' takes it only with \(key) \(Console.clean(wanted.joined(separator: ", ")))"
      }
    }
    return nil
  }
}

/// What the broker says of an event that it took.
struct PublishedEvent {
  let id: String
  /// Endpoints it was accepted for; `nil` when the answer does not say.
  let endpoints: Int?
  let isDuplicate: Bool

  init(id: String, endpoints: Int?, isDuplicate: Bool) {
    self.id = id
    self.endpoints = endpoints
    self.isDuplicate = isDuplicate
  }

  /// Reads the answer to an `EMIT … DETAILS`.
  init(_ reply: RESPReply) throws(Failure) {
    guard let id = reply["id"]?.text else {
      throw Failure(.internalFault, "the broker's answer names no event")
    }
    let duplicate = reply["duplicate"]?.text
    self.init(
      id: id, endpoints: reply["endpoints"]?.text.flatMap { Int($0) },
      isDuplicate: duplicate == "1" || duplicate == "true")
  }

  /// The keys that scripts rely on.
  var json: JSONValue {
    .members([
      ("id", .string(id)), ("endpoints", endpoints.map { .integer($0) } ?? .null),
      ("duplicate", .bool(isDuplicate)),
    ])
  }
}

/// The `EMIT` of one command line, but for the data.
struct EmitCommand {
  let type: String
  let id: String?
  let application: String
  let source: String?
  let subject: String?
  let channels: [String]
  let contentType: String?

  /// The arguments for an event with `data`.
  func arguments(data: [UInt8]) -> [[UInt8]] {
    var arguments = [Array("EMIT".utf8), Array(type.utf8), data]
    func add(_ name: String, _ value: String?) {
      guard let value else { return }
      arguments += [Array(name.utf8), Array(value.utf8)]
    }
    add("ID", id)
    if application != "default" { add("APP", application) }
    add("SOURCE", source)
    add("SUBJECT", subject)
    for channel in channels { add("CHANNEL", channel) }
    add("CONTENTTYPE", contentType)
    arguments.append(Array("DETAILS".utf8))
    return arguments
  }
}

/// Options that repeat or take commas.
enum CommaList {
  /// The parts, without spaces around them; empty ones are left out.
  static func split(_ values: [String]) -> [String] {
    values.flatMap { $0.split(separator: ",") }.compactMap { part in
      let trimmed = part.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed()
      return trimmed.isEmpty ? nil : String(trimmed)
    }
  }
}
