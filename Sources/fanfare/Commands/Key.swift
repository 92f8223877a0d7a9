internal import ArgumentParser

/// `fanfare key`: what secrets and credentials are encrypted under.
struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "The key that secrets are encrypted under: rotate.",
    subcommands: [KeyRotate.self])
}

/// `fanfare key rotate`.
struct KeyRotate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Encrypt all secrets and credentials anew, under a new key, while the broker runs.",
    discussion: """
      Example:
        fanfare key rotate
      The new key takes the old one's place in the key file; keep a copy of the file elsewhere.
      A copy of catalog.db that was made before opens with the former key only: keep that with it,
      or leave it in the file by --keep-former. After a crash in between the file holds both keys,
      and nothing is lost; rotate again to finish.
      """)

  @Flag(help: "Leave the former keys in the file.")
  var keepFormer = false

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let answer = try client.client().value(
      "POST", "/api/v1/key/rotate\(keepFormer ? "?keep_former=true" : "")", body: .members([]))
    if output.json { return answer.print() }
    let endpoints = Consent.counted(answer["endpoints"]?.integer ?? 0, "endpoint")
    Console.talk(
      "the secrets of \(endpoints) are encrypted under key \(answer["keyId"]?.text ?? "") now")
    Console.talk("keep a copy of the key file elsewhere: without it they cannot be read")
  }
}
