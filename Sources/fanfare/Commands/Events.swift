internal import ArgumentParser
internal import Wire

/// `fanfare events`: what was published.
struct Events: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what was published, the newest first; or the data of one event.",
    discussion: """
      Examples:
        fanfare events --type 'job.*' --since 2h
        fanfare events --app acme --channel rule:7 --limit 1000 --json | jq -r '.[].id'
        fanfare events --id build-4711
        fanfare events --id build-4711 --payload > payload.json
      History goes back as far as the journal is kept. In a pipe the columns are time, id, type,
      application, bytes and endpoints.
      """)

  @Option(
    name: [.customLong("type"), .customLong("types")],
    help: "Only these types, such as 'job.*'. Repeat, or use commas.")
  var types: [String] = []

  @Option(help: "Only of this application, by name or id; all of them otherwise.")
  var app: String?

  @Option(help: "Only events that carry this channel.")
  var channel: String?

  @Option(help: "Only the event with this id, yours or Fanfare's.")
  var id: String?

  @Option(help: "From this time on: RFC 3339, or how long ago, such as 2h.")
  var since: String?

  @Option(help: "Up to this time.")
  var until: String?

  @OptionGroup var limit: LimitOption

  @Flag(help: "With --id: write the event's data to stdout, byte for byte.")
  var payload = false

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let limit = try limit.checked()
    let client = try client.client()
    if payload { return try writePayload(client) }
    let events = try client.list(try path(), max: limit)
    if output.json { JSONValue.array(events).print() } else { show(events) }
    if let id, events.isEmpty { throw nothing(id) }
  }

  private func show(_ events: [JSONValue]) {
    var table = Table([
      .text("time"), .text("id"), .text("type"), .text("app"), .number("bytes"),
      .number("endpoints"),
    ])
    for event in events { table.add(row(event)) }
    table.print(ifEmpty: "no such events")
  }

  private func nothing(_ id: String) -> Failure {
    Failure(.failed, "no event '\(Console.clean(id))' in the journal")
  }

  private func row(_ event: JSONValue) -> [Table.Cell] {
    [
      Table.Cell(event["timestamp"]?.text ?? "-"), Table.Cell(event["id"]?.text ?? "-", .bold),
      Table.Cell(event["eventType"]?.text ?? "-"), Table.Cell(event["application"]?.text ?? "-"),
      Table.Cell(event["bytes"]?.shown ?? "-"), Table.Cell(event["endpoints"]?.shown ?? "-"),
    ]
  }

  private func writePayload(_ client: APIClient) throws(Failure) {
    guard let id else { throw Failure(.usage, "--payload needs --id ID") }
    guard let position = try client.list(try path(), max: 1).first?["position"]?.text else {
      throw nothing(id)
    }
    let answer = try client.call("GET", "/api/v1/event/\(PathText.encoded(position))/data")
    Console.write(answer.body, to: .standardOutput)
  }

  private func path() throws(Failure) -> String {
    let types = CommaList.split(types)
    var query = QueryText()
    query.add("types", types.isEmpty ? nil : types.joined(separator: ","))
    query.add("app", app)
    query.add("channel", channel)
    query.add("id", id)
    query.add("since", try TimeOption.text(since, flag: "--since"))
    query.add("until", try TimeOption.text(until, flag: "--until"))
    return "/api/v1/event\(query.text)"
  }
}
