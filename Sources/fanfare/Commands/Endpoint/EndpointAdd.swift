internal import ArgumentParser
internal import Wire

/// `fanfare endpoint add`.
struct EndpointAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add an endpoint; prints its secret, this once and never again.",
    usage: "fanfare endpoint add [<name>] <url> [<options>]",
    discussion: """
      Examples:
        fanfare endpoint add ci https://ci.example.com/hooks --types 'job.*,build.failed'
        fanfare endpoint add https://example.com/hook --sample python > receiver.py
        fanfare endpoint add box https://10.0.0.5/in --ca box.pem --rate 10/s --header @headers.txt
      With --sample, stdout has the receiver alone; the rest goes to stderr.
      """)

  @Argument(
    help: ArgumentHelp("A name, if it has one, then the URL.", valueName: "name-url"))
  var words: [String]

  @Option(
    help: "Its secret, whsec_…, not a new one; '@FILE' or '-' keeps it off the command line."
  )
  var secret: String?

  @Flag(help: "Add it disabled.")
  var disabled = false

  @Option(help: "Print a receiver that verifies: python, node, go, swift or bash.")
  var sample: SampleLanguage?

  @OptionGroup var settings: EndpointSettings
  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let made = try client.client().value(
      "POST", "\(application.path)/endpoint", body: .members(try members()))
    if output.json { return made.print() }
    let lines = EndpointText.properties(of: made)
    let stream = sample == nil ? Console.Stream.standardOutput : .standardError
    lines.print(to: stream)
    if let warning = made["warning"]?.text { Console.warn(Console.clean(warning)) }
    if made["secret"] != nil {
      Console.talk(
        Console.styled(
          "The secret is shown this once: store it now, or rotate it later.", .yellow,
          on: .standardError))
    }
    if let sample, let secret = made["secret"]?.text {
      Console.write(ReceiverSample.text(sample, secret: secret), to: .standardOutput)
    }
  }

  private func members() throws(Failure) -> [(String, JSONValue?)] {
    let (name, url) = try nameAndURL()
    let secret = try secret.map { (text: String) throws(Failure) in try Input.secret(text) }
    return [
      ("url", .string(url)), ("uid", name.map { .string($0) }),
      ("secret", secret.map { .string($0) }), ("disabled", disabled ? .bool(true) : nil),
    ] + (try settings.members())
  }

  private func nameAndURL() throws(Failure) -> (String?, String) {
    guard let url = words.last, words.count <= 2 else {
      throw Failure(.usage, "an endpoint is added by [NAME] URL")
    }
    guard url.contains(":") else {
      throw Failure(
        .usage, "'\(Console.clean(url))' is no URL",
        next: ["fanfare endpoint add [NAME] https://…"]
      )
    }
    guard words.count == 2 else { return (nil, url) }
    guard EventRules.isValidName(words[0]) else {
      throw Failure(
        .badData, "'\(Console.clean(words[0]))' is no name: letters, digits, '.', '_' and '-'")
    }
    return (words[0], url)
  }
}
