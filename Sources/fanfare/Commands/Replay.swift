internal import ArgumentParser
internal import Wire

/// `fanfare replay`: send again.
struct Replay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send events again: one, what failed, or a stretch of time.",
    usage: """
      fanfare replay EVENT [--endpoint E]
      fanfare replay --endpoint E --failed --since TIME
      fanfare replay --endpoint E [--types PATTERN] --since TIME [--until TIME]
      """,
    discussion: """
      Examples:
        fanfare replay build-4711
        fanfare replay --endpoint ci --failed --since 2h --dry-run
        fanfare replay --endpoint new-ci --types 'job.*' --since 2026-11-20T00:00:00Z --rate 50/s
      Replays give way to live traffic. An endpoint that an event was not accepted for gets it when
      its present subscription takes it. ^C cancels; what was handed over by then is sent, and
      survives a restart. What is pending anyway is not sent twice.
      """)

  @Argument(help: "Id of the event, yours or Fanfare's.")
  var event: String?

  @Option(help: "Endpoint to send to, by name or id; for one event all that it was accepted for.")
  var endpoint: String?

  @Flag(help: "What was given up since --since (see 'fanfare dead list').")
  var failed = false

  @Option(
    name: [.customLong("types"), .customLong("type")],
    help: "Only these types, such as 'job.*'; all that the endpoint gets otherwise.")
  var types: [String] = []

  @Option(help: "From this time on: RFC 3339, or how long ago, such as 2h.")
  var since: String?

  @Option(help: "Up to this time; now otherwise.")
  var until: String?

  @OptionGroup var pace: ReplayOptions
  @OptionGroup var application: ApplicationOption
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if event != nil {
      guard !failed, types.isEmpty, since == nil, until == nil else {
        throw ValidationError("EVENT goes together with --endpoint only")
      }
      return
    }
    guard endpoint != nil else { throw ValidationError("name an EVENT, or an --endpoint") }
    guard since != nil else { throw ValidationError("--since says from when on") }
    if failed, !types.isEmpty || until != nil {
      throw ValidationError("--failed goes together with --endpoint and --since only")
    }
  }

  func run() async throws {
    let types = CommaList.split(types)
    let since = try TimeOption.text(since, flag: "--since")
    let until = try TimeOption.text(until, flag: "--until")
    let members: [(String, JSONValue?)] = [
      ("app", .string(application.app)), ("event", event.map { .string($0) }),
      ("endpoint", endpoint.map { .string($0) }), ("failed", failed ? .bool(true) : nil),
      ("types", types.isEmpty ? nil : .strings(types)), ("since", since.map { .string($0) }),
      ("until", until.map { .string($0) }),
    ]
    let follower = ReplayFollower(client: try client.client(), options: pace, json: output.json)
    try await follower.run(.members(members + pace.members))
  }
}

/// What all replays have in common.
struct ReplayOptions: ParsableArguments {
  @Flag(help: "Count what would be sent, and send nothing.")
  var dryRun = false

  @Option(help: ArgumentHelp("Send at most so many, such as 10/s or 100/m.", valueName: "rate"))
  var rate: String?

  @Flag(help: "Do not wait: print the replay's id, for DELETE /api/v1/replay/ID.")
  var detach = false

  /// For the request.
  var members: [(String, JSONValue?)] {
    [("rate", rate.map { .string($0) }), ("dryRun", dryRun ? .bool(true) : nil)]
  }
}

/// Begins a replay, shows how far it comes, and cancels it on ^C.
struct ReplayFollower: Sendable {
  let client: APIClient
  let options: ReplayOptions
  let json: Bool

  private static let path = "/api/v1/replay"
  private static let pauseMilliseconds: UInt64 = 100

  func run(_ body: JSONValue) async throws {
    let interrupted = Slot<Bool>()
    let signals = StopSignals()
    let begun = try client.value("POST", Self.path, body: body)
    guard let id = begun["id"]?.text else {
      throw Failure(.internalFault, "the broker's answer names no replay")
    }
    if options.detach {
      return json ? begun.print() : Console.print(id)
    }
    let watch = Task {
      await signals.wait()
      interrupted.put(true)
    }
    defer { watch.cancel() }
    var report = begun
    while report["state"]?.text == "running" {
      if interrupted.take() == true { try client.call("DELETE", "\(Self.path)/\(id)") }
      try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
      report = try client.value("GET", "\(Self.path)/\(id)")
      showProgress(report)
    }
    try conclude(report)
  }

  private func showProgress(_ report: JSONValue) {
    guard Console.Stream.standardError.isTerminal else { return }
    let percent = Int((report["progress"]?.double ?? 0) * 100)
    let waiting = report["waiting"]?.isTrue == true ? ", waiting for room" : ""
    Console.write("\r\u{1B}[K\(percent) %: \(counts(report))\(waiting)", to: .standardError)
  }

  private func conclude(_ report: JSONValue) throws {
    if Console.Stream.standardError.isTerminal { Console.write("\r\u{1B}[K", to: .standardError) }
    if json { report.print() }
    if report["state"]?.text == "failed" {
      throw Failure(.failed, Console.clean(report["detail"]?.text ?? "the replay failed"))
    }
    let isCancelled = report["state"]?.text == "cancelled"
    Console.talk((isCancelled ? "cancelled: " : "") + counts(report))
    let damaged = report["damagedBlocks"]?.integer ?? 0
    if damaged > 0 {
      Console.talk("\(Consent.counted(damaged, "block")) of the log could not be read")
    }
    if isCancelled { throw ExitCode(1) }
  }

  private func counts(_ report: JSONValue) -> String {
    let matched = Consent.deliveries(report["matched"]?.integer ?? 0)
    let pending = report["pending"]?.integer ?? 0
    let rest = pending > 0 ? ", \(pending) pending anyway" : ""
    if options.dryRun { return "\(matched) would be sent\(rest)" }
    return "\(matched) found, \(report["handedOver"]?.integer ?? 0) handed over\(rest)"
  }
}
