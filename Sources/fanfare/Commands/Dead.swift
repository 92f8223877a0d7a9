internal import ArgumentParser
internal import Wire

/// `fanfare dead`: deliveries that were given up.
struct DeadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead", abstract: "Deliveries that were given up: list.",
    subcommands: [DeadList.self])
}

/// `fanfare dead list`.
struct DeadList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List what was given up, the newest first.",
    discussion: """
      Examples:
        fanfare dead list --endpoint ci-server
        fanfare dead list --limit 1000 --json | jq -r '.[].id'
      """)

  @Option(help: "Only of this endpoint, by name or id.")
  var endpoint: String?

  @Option(help: "How many at most.")
  var limit = 100

  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    guard limit > 0 else { throw Failure(.usage, "--limit must be at least 1") }
    let letters = try fetch(client.client())
    if output.json { return JSONValue.array(letters).print() }
    var table = Table([
      .text("given up"), .text("endpoint"), .text("type"), .text("event"), .number("attempts"),
      .text("last"),
    ])
    for letter in letters {
      table.add([
        Table.Cell(letter["timestamp"]?.text ?? "-"),
        Table.Cell(letter["endpoint"]?.text ?? letter["endpointId"]?.text ?? "-", .bold),
        Table.Cell(letter["eventType"]?.text ?? "-"),
        Table.Cell(letter["id"]?.text ?? "-"),
        Table.Cell(letter["attempts"]?.shown ?? "-"),
        Table.Cell(letter["lastError"]?.text ?? letter["lastStatus"]?.shown ?? "-"),
      ])
    }
    table.print(ifEmpty: "nothing was given up")
  }

  /// Page after page, as far as `limit` goes.
  private func fetch(_ client: APIClient) throws(Failure) -> [JSONValue] {
    var letters: [JSONValue] = []
    var before: String?
    while letters.count < limit {
      var path = "\(application.path)/dead?limit=\(min(limit - letters.count, 250))"
      if let endpoint { path += "&endpoint=\(PathText.encoded(endpoint))" }
      if let before { path += "&before=\(PathText.encoded(before))" }
      let page = try client.value("GET", path)
      letters += page["data"]?.elements ?? []
      guard page["done"] == .bool(false), let next = page["iterator"]?.shown, next != before else {
        break
      }
      before = next
    }
    return Array(letters.prefix(limit))
  }
}
