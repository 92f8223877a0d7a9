internal import ArgumentParser
internal import Wire

/// `fanfare attempts`: what was tried.
struct Attempts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what was tried at an endpoint, or for an event, the newest first.",
    discussion: """
      Examples:
        fanfare attempts ci --failed --since 2h
        fanfare attempts --event build-4711
        fanfare attempts ci --limit 1000 --json | jq -r '.[].responseDurationMs'
      All failures are kept, and of many successes some, for 7 days. In a pipe the columns are time,
      event, endpoint's id, attempt, status, milliseconds, how it was triggered and the answer.
      """)

  @Argument(help: "Name or id of the endpoint.")
  var endpoint: String?

  @Option(help: "Only for the event with this id, yours or Fanfare's.")
  var event: String?

  @Flag(help: "Only what failed.")
  var failed = false

  @Option(help: "From this time on: RFC 3339, or how long ago, such as 2h.")
  var since: String?

  @OptionGroup var limit: LimitOption
  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let limit = try limit.checked()
    let attempts = try client.client().list(try path(), max: limit)
    if output.json { return JSONValue.array(attempts).print() }
    var table = Table([
      .text("time"), .text("event"), .text("endpoint"), .number("attempt"), .number("status"),
      .number("ms"), .text("trigger"), .text("answer"),
    ])
    for attempt in attempts { table.add(row(attempt)) }
    table.print(ifEmpty: "no such attempts")
  }

  private func row(_ attempt: JSONValue) -> [Table.Cell] {
    let status = attempt["responseStatusCode"]?.shown ?? "-"
    let isManual = attempt["triggerType"] == .integer(1)
    // One line each; the whole of it is in --json.
    let answer = (attempt["response"]?.text ?? "").split(whereSeparator: \.isNewline).first ?? ""
    return [
      Table.Cell(attempt["timestamp"]?.text ?? "-"),
      Table.Cell(attempt["msgId"]?.text ?? "-", .bold),
      Table.Cell(attempt["endpointId"]?.text ?? "-"), Table.Cell(attempt["attempt"]?.shown ?? "-"),
      Table.Cell(status == "0" ? "-" : status),
      Table.Cell(attempt["responseDurationMs"]?.shown ?? "-"),
      Table.Cell(isManual ? "manual" : "scheduled"), Table.Cell(String(answer.prefix(80))),
    ]
  }

  private func path() throws(Failure) -> String {
    var query = QueryText()
    query.add("status", failed ? "2" : nil)
    query.add("after", try TimeOption.text(since, flag: "--since"))
    let base = "\(application.path)/attempt"
    switch (endpoint, event) {
    case (let endpoint?, nil):
      return "\(base)/endpoint/\(PathText.encoded(endpoint))\(query.text)"
    case (let endpoint, let event?):
      query.add("endpoint_id", endpoint)
      return "\(base)/msg/\(PathText.encoded(event))\(query.text)"
    case (nil, nil): throw Failure(.usage, "name an endpoint, or an event by --event ID")
    }
  }
}
