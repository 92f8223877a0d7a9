internal import ArgumentParser
internal import Base
internal import TLS
internal import Wire

/// `fanfare sign`: the headers of a message, as Standard Webhooks says.
struct Sign: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sign a message as Standard Webhooks says; prints its three headers.",
    discussion: """
      Examples:
        fanfare sign --secret @secret.txt '{"job":42}'
        fanfare sign --secret @secret.txt --id msg_1 --timestamp 1731705121 - < body.json
        fanfare sign --secret @secret.txt --file body.json | sed 's/^/-H "/; s/$/"/'
      """)

  @Argument(help: "The body, or '-' for stdin.")
  var body: String?

  @Option(help: "Read the body from a file, byte for byte.")
  var file: String?

  @Option(
    name: .customLong("secret"),
    help: "whsec_… or whsk_…; '@FILE' or '-' keeps it off the command line. Repeat to rotate.")
  var secrets: [String]

  @Option(help: "webhook-id; a new one otherwise.")
  var id: String?

  @Option(help: "webhook-timestamp in unix seconds; now otherwise.")
  var timestamp: Int64?

  @OptionGroup var output: OutputOptions

  func run() throws {
    let secrets = try SecretOption.parse(secrets)
    guard secrets.allSatisfy({ $0.kind != .verifying }) else {
      throw Failure(.badData, "a whpk_ key verifies; it takes the whsk_ key to sign")
    }
    let body = try Input.data(argument: body, file: file)
    let now = Spans.nowMilliseconds() / 1000
    let time = timestamp ?? Int64(now)
    let id =
      id ?? "msg_"
      + KSUID(
        unixSeconds: now, high: SecureRandom.word(), low: SecureRandom.word()
      ).text
    guard !id.contains("."), !id.isEmpty else {
      throw Failure(.badData, "--id must not be empty or contain a dot")
    }
    let signature = WebhookSignature.sign(
      id: id, timestampSeconds: time, body: body, secrets: secrets)
    if output.json {
      JSONValue.members([
        ("webhook-id", .string(id)), ("webhook-timestamp", .string("\(time)")),
        ("webhook-signature", .string(signature)),
      ]).print()
    } else {
      Console.print("webhook-id: \(id)")
      Console.print("webhook-timestamp: \(time)")
      Console.print("webhook-signature: \(signature)")
    }
  }
}

/// Webhook secrets of the command line.
enum SecretOption {
  /// Reads secrets that may be `@FILE` or `-`.
  ///
  /// - Throws: exit 65 for what is no secret; never shows it.
  static func parse(_ texts: [String]) throws(Failure) -> [WebhookSecret] {
    var secrets: [WebhookSecret] = []
    for text in texts { secrets.append(try parse(text)) }
    return secrets
  }

  /// Reads one secret.
  static func parse(_ text: String) throws(Failure) -> WebhookSecret {
    let plain = try Input.secret(text)
    do throws(WebhookSecretError) {
      let secret = try WebhookSecret(parsing: plain)
      if !secret.hasStandardLength {
        Console.warn(
          "the secret has \(secret.bytes.count) bytes; Standard Webhooks asks for 24 to 64")
      }
      return secret
    } catch {
      throw Failure(.badData, "--secret: \(error.description)")
    }
  }
}
