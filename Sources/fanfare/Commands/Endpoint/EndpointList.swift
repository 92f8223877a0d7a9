internal import ArgumentParser

/// `fanfare endpoint list`.
struct EndpointList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the endpoints of an application.",
    discussion: """
      Examples:
        fanfare endpoint list
        fanfare endpoint list --json | jq -r '.[] | select(.disabled) | .name'
      """)

  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let endpoints = try client.client().list("\(application.path)/endpoint")
    if output.json { return JSONValue.array(endpoints).print() }
    var table = Table([
      .text("name"), .text("state"), .text("types"), .text("channels"), .text("url"),
    ])
    for endpoint in endpoints {
      let channels = endpoint["channels"]?.texts ?? []
      table.add([
        Table.Cell(EndpointText.name(of: endpoint) ?? "-", .bold),
        Table.Cell(EndpointText.state(of: endpoint)), Table.Cell(EndpointText.types(of: endpoint)),
        Table.Cell(channels.isEmpty ? "-" : channels.joined(separator: ",")),
        Table.Cell(endpoint["url"]?.text ?? "-"),
      ])
    }
    table.print(ifEmpty: "no endpoints; add one: fanfare endpoint add NAME https://…")
  }
}
