internal import ArgumentParser

/// `fanfare health`: is the broker alive, or ready.
struct Health: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask whether the broker is alive, or --ready; for health checks.",
    discussion: """
      Example, in a container:
        HEALTHCHECK CMD fanfare health
      Exits 0 when it is, 1 when it says it is not (with reasons), 69 when it does not answer.
      """)

  @Flag(help: "Ask whether it takes events, not only whether it lives.")
  var ready = false

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let answer = try client.client().send("GET", ready ? "/readyz" : "/healthz")
    let isGood = (200...299).contains(answer.status)
    if output.json {
      (answer.json ?? .members([("status", .string(isGood ? "ok" : "failed"))])).print()
    } else if isGood {
      Console.print(ready ? "ready" : "ok")
    } else {
      let reasons = (answer.json?["reasons"]?.texts ?? []).map { Console.clean($0) }
      Console.talk(
        reasons.isEmpty ? "the broker answered \(answer.status)" : reasons.joined(separator: "\n"))
    }
    if !isGood { throw ExitCode(1) }
  }
}
