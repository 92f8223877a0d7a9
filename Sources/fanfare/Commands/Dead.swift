internal import ArgumentParser
internal import Wire

/// `fanfare dead`: deliveries that were given up.
struct DeadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead", abstract: "Deliveries that were given up: list, replay, purge.",
    subcommands: [DeadList.self, DeadReplay.self, DeadPurge.self])
}

/// Which of what was given up.
struct DeadSelection: ParsableArguments {
  @Option(help: "Only of this endpoint, by name or id; all of the application otherwise.")
  var endpoint: String?

  @Option(help: "Only what was given up since: RFC 3339, or how long ago, such as 2h.")
  var since: String?

  /// For the request.
  func members() throws(Failure) -> [(String, JSONValue?)] {
    let since = try TimeOption.text(since, flag: "--since")
    return [("endpoint", endpoint.map { .string($0) }), ("since", since.map { .string($0) })]
  }
}

/// `fanfare dead replay`.
struct DeadReplay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Send what was given up once more.",
    discussion: """
      Examples:
        fanfare dead replay --endpoint ci-server
        fanfare dead replay --since 2h --rate 10/s
      It is pending again, and off the list, when it is handed over; it comes back when it fails for
      good once more. ^C cancels. Disabled endpoints are left out.
      """)

  @OptionGroup var selection: DeadSelection
  @OptionGroup var pace: ReplayOptions
  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let members: [(String, JSONValue?)] = [
      ("app", .string(application.app)), ("failed", .bool(true)),
    ]
    let selected = try selection.members()
    let follower = ReplayFollower(client: try client.client(), options: pace, json: output.json)
    try await follower.run(.members(members + selected + pace.members))
  }
}

/// `fanfare dead purge`.
struct DeadPurge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "purge", abstract: "Take what was given up off the list for good; it asks.",
    discussion: """
      Examples:
        fanfare dead purge --endpoint ci-server
        fanfare dead purge --since 2h --yes
      """)

  @OptionGroup var selection: DeadSelection

  @OptionGroup var consent: Consent

  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions

  func run() throws {
    let client = try client.client()
    if !consent.yes {
      let count = try purge(client, isTrial: true)
      if count == 0 { return Console.talk("nothing to purge") }
      let what = selection.endpoint.map { " of '\(Console.clean($0))'" } ?? ""
      try consent.obtain("purge \(Consent.counted(count, "dead letter"))\(what) for good?")
    }
    let count = try purge(client, isTrial: false)
    Console.talk("purged \(Consent.counted(count, "dead letter"))")
  }

  private func purge(_ client: APIClient, isTrial: Bool) throws(Failure) -> Int {
    var members = try selection.members()
    if isTrial { members.append(("dryRun", .bool(true))) }
    let answer = try client.value(
      "POST", "\(application.path)/dead/purge", body: .members(members))
    return answer["count"]?.integer ?? 0
  }
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

  @OptionGroup var limit: LimitOption
  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let limit = try limit.checked()
    var query = QueryText()
    query.add("endpoint", endpoint)
    let letters = try client.client().list("\(application.path)/dead\(query.text)", max: limit)
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
}
