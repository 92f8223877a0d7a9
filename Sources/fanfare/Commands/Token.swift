internal import ArgumentParser

/// `fanfare token`: who may use the API.
struct TokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Tokens for the API: add, list, remove.",
    subcommands: [TokenAdd.self, TokenList.self, TokenRemove.self])
}

/// `fanfare token add`.
struct TokenAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Add a token; prints it, this once and never again.",
    discussion: """
      Examples:
        fanfare token add grafana --scopes read
        fanfare token add ci --scopes publish --app acme --expires 90d > ci.token
      Scopes: read (look, without secrets), publish, manage (endpoints, sending again), admin (all).
      """)

  @Argument(help: "What it is for.")
  var name: String

  @Option(
    name: [.customLong("scopes"), .customLong("scope")],
    help: "read, publish, manage or admin; repeats or takes commas.")
  var scopes: [String]

  @Option(help: "The only application that it is good for, by name or id.")
  var app: String?

  @Option(help: "How long it is good, such as 90d; otherwise until it is removed.")
  var expires: String?

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let seconds = try expires.map { (text: String) throws(Failure) in
      try Spans.duration(text, flag: "--expires") / 1000
    }
    let words = scopes.flatMap { $0.split(separator: ",").map(String.init) }
    let made = try client.client().value(
      "POST", "/api/v1/token",
      body: .members([
        ("name", .string(name)), ("scopes", .strings(words)),
        ("application", app.map { .string($0) }),
        ("expiresInSeconds", seconds.map { .number(String($0)) }),
      ]))
    if output.json { return made.print() }
    Console.print(made["token"]?.text ?? "")
    Console.talk("The token is shown this once: store it now. 'fanfare token remove' ends it.")
  }
}

/// `fanfare token list`.
struct TokenList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the tokens, without their texts.",
    discussion: "Example:\n  fanfare token list --json")

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let tokens = try client.client().list("/api/v1/token")
    if output.json { return JSONValue.array(tokens).print() }
    var table = Table([
      .text("name"), .text("scopes"), .text("application"), .text("created"), .text("ends"),
      .text("id"),
    ])
    for token in tokens {
      table.add([
        Table.Cell(token["name"]?.text ?? "-", .bold),
        Table.Cell((token["scopes"]?.texts ?? []).joined(separator: ",")),
        Table.Cell(token["application"]?.text ?? "-"), Table.Cell(token["createdAt"]?.text ?? "-"),
        Table.Cell(token["expiresAt"]?.text ?? "-"), Table.Cell(token["id"]?.text ?? "-"),
      ])
    }
    table.print(ifEmpty: "no tokens")
  }
}

/// `fanfare token remove`.
struct TokenRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Make a token useless at once.",
    discussion: "Example:\n  fanfare token remove grafana --yes")

  @Argument(help: "Its name, or its id where several have that name.")
  var name: String

  @OptionGroup var consent: Consent

  @OptionGroup var client: ClientOptions

  func run() throws {
    let client = try client.client()
    try consent.obtain("remove token '\(name)'?")
    try client.call("DELETE", "/api/v1/token/\(PathText.encoded(name))")
    Console.talk("removed \(name)")
  }
}
