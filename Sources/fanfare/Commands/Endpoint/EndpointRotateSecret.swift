internal import ArgumentParser
internal import TLS

/// `fanfare endpoint rotate-secret`.
struct EndpointRotateSecret: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate-secret",
    abstract: "Give an endpoint a new secret; the old one signs too for a while.",
    discussion: """
      Examples:
        fanfare endpoint rotate-secret ci
        fanfare endpoint rotate-secret ci --secret @new.txt --grace 1h
      """)

  @Option(help: "The new secret, whsec_…, instead of a random one; '@FILE' or '-' is safer.")
  var secret: String?

  @Option(help: "How long requests carry the old signature too; 0 when the old one has leaked.")
  var grace = "24h"

  @OptionGroup var reference: EndpointReference
  @OptionGroup var output: OutputOptions

  func run() throws {
    let seconds = try Spans.duration(grace, flag: "--grace") / 1000
    // Made here: the API never shows a secret again, not even to who rotates it.
    let key =
      try secret.map { try SecretOption.parse($0).text } ?? WebhookSignature.generateSecret()
    let body = JSONValue.members([
      ("key", .string(key)), ("gracePeriodSeconds", .integer(seconds)),
    ])
    _ = try reference.call("POST", "/secret/rotate", body: body)
    if output.json { return JSONValue.members([("secret", .string(key))]).print() }
    var lines = Properties()
    lines.add("secret", key)
    lines.print()
    Console.talk(
      "The secret is shown this once; the old one signs "
        + (seconds == 0 ? "no more." : "too for another \(grace)."))
  }
}
