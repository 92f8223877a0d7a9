internal import ArgumentParser

/// `fanfare endpoint pause`.
struct EndpointPause: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Send it nothing for now; its events keep queueing.",
    discussion: "Example:\n  fanfare endpoint pause ci")

  @OptionGroup var reference: EndpointReference
  @OptionGroup var output: OutputOptions

  func run() throws { try EndpointSwitch.flip(reference, "pause", "paused", output) }
}

/// `fanfare endpoint resume`.
struct EndpointResume: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Send again: everything that waits is due, oldest first.",
    discussion: "Example:\n  fanfare endpoint resume ci")

  @OptionGroup var reference: EndpointReference
  @OptionGroup var output: OutputOptions

  func run() throws { try EndpointSwitch.flip(reference, "resume", "resumed", output) }
}

/// `fanfare endpoint enable`.
struct EndpointEnable: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enable", abstract: "Take events again, and send the backlog.",
    discussion: "Example:\n  fanfare endpoint enable ci")

  @OptionGroup var reference: EndpointReference
  @OptionGroup var output: OutputOptions

  func run() throws { try EndpointSwitch.flip(reference, "enable", "enabled", output) }
}

/// `fanfare endpoint disable`.
struct EndpointDisable: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disable", abstract: "Queue no new events for it; its backlog is kept.",
    discussion: "Example:\n  fanfare endpoint disable ci")

  @OptionGroup var reference: EndpointReference
  @OptionGroup var output: OutputOptions

  func run() throws { try EndpointSwitch.flip(reference, "disable", "disabled", output) }
}

/// What the four have in common.
enum EndpointSwitch {
  static func flip(
    _ reference: EndpointReference, _ verb: String, _ done: String, _ output: OutputOptions
  ) throws(Failure) {
    let answer = try reference.call("POST", "/\(verb)")
    if output.json, let json = answer.json { return json.print() }
    Console.talk("\(done) \(reference.endpoint)")
  }
}
