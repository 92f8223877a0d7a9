internal import ArgumentParser

/// `fanfare endpoint show`.
struct EndpointShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show an endpoint; never its secrets.",
    discussion: "Example:\n  fanfare endpoint show ci --json")

  @OptionGroup var reference: EndpointReference
  @OptionGroup var output: OutputOptions

  func run() throws {
    let endpoint = try reference.fetch()
    if output.json { return endpoint.print() }
    EndpointText.properties(of: endpoint).print()
  }
}
