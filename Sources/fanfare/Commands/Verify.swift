internal import ArgumentParser
internal import TLS
internal import Wire

/// `fanfare verify`: is a message genuine, and if not, why.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Verify a message's signature as Standard Webhooks says; exits 1 when it is not genuine.",
    discussion: """
      Example:
        fanfare verify --secret @secret.txt --id msg_1 --timestamp 1731705121 \\
          --signature 'v1,…' --file body.json
      """)

  @Argument(help: "The body, or '-' for stdin.")
  var body: String?

  @Option(help: "Read the body from a file, byte for byte.")
  var file: String?

  @Option(
    name: .customLong("secret"),
    help: "whsec_…, whsk_… or whpk_…; '@FILE' or '-' keeps it off the command line. Repeats.")
  var secrets: [String]

  @Option(help: "The header webhook-id.")
  var id: String

  @Option(help: "The header webhook-timestamp.")
  var timestamp: String

  @Option(help: "The header webhook-signature.")
  var signature: String

  @Option(help: "How far the timestamp may be from now; '0' means any age is good.")
  var tolerance = "5m"

  @OptionGroup var output: OutputOptions

  func run() throws {
    let secrets = try SecretOption.parse(secrets)
    let body = try Input.data(argument: body, file: file)
    let allowed = Int64(try Spans.duration(tolerance, flag: "--tolerance") / 1000)
    let headers = WebhookHeaders(id: id, timestamp: timestamp, signature: signature)
    let now = Int64(Spans.nowMilliseconds() / 1000)
    do throws(VerifyError) {
      try WebhookSignature.verify(
        headers, body: body, secrets: secrets,
        toleranceSeconds: allowed == 0 ? .max : allowed, nowSeconds: now)
    } catch {
      if output.json { report(false, error.description) }
      throw Failure(.failed, "not verified: \(error.description)")
    }
    if output.json { return report(true, nil) }
    Console.print("verified")
  }

  private func report(_ isVerified: Bool, _ reason: String?) {
    JSONValue.members([
      ("verified", .bool(isVerified)), ("reason", reason.map { .string($0) }),
    ]).print()
  }
}
