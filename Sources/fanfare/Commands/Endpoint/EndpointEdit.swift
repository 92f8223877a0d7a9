internal import ArgumentParser
internal import Wire

/// `fanfare endpoint edit`.
struct EndpointEdit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Change an endpoint; what is not named stays.",
    discussion: """
      Examples:
        fanfare endpoint edit ci --types 'job.*' --rate 5/s
        fanfare endpoint edit ci https://ci2.example.com/hooks
      URL, headers and limits apply to what is pending too; types and channels to new events.
      """)

  @OptionGroup var reference: EndpointReference

  @Argument(help: ArgumentHelp("A new URL; what is pending goes there.", valueName: "new-url"))
  var newURL: String?

  @Option(name: .customLong("name"), help: "A new name.")
  var newName: String?

  @OptionGroup var settings: EndpointSettings
  @OptionGroup var output: OutputOptions

  @Flag(help: "Send no credentials any more.")
  var noAuth = false

  func run() throws {
    try refuseMisplacedURL()
    let changes = JSONValue.members(
      [("uid", newName.map { .string($0) }), ("url", newURL.map { .string($0) })]
        + (noAuth ? [("auth", .string("none"))] : []) + (try settings.members()))
    guard case .object(let members) = changes, !members.isEmpty else {
      throw Failure(.usage, "nothing to change", next: ["see: fanfare endpoint edit --help"])
    }
    let answer = try reference.call("PATCH", body: changes)
    let endpoint = answer.json ?? .null
    if output.json { return endpoint.print() }
    EndpointText.properties(of: endpoint).print()
    if let warning = endpoint["warning"]?.text { Console.warn(Console.clean(warning)) }
  }

  /// `--url` names the broker, which no token is given for: it was meant for the endpoint.
  private func refuseMisplacedURL() throws(Failure) {
    let options = reference.client
    guard let url = options.url, newURL == nil, options.token == nil,
      Environment.value("FANFARE_TOKEN") == nil
    else { return }
    throw Failure(
      .usage, "--url names a broker; the endpoint's new URL is an argument of its own",
      next: ["fanfare endpoint edit \(reference.endpoint) \(Console.clean(url))"])
  }
}
