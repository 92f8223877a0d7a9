internal import ArgumentParser
internal import Wire

/// `fanfare status`: the broker at a glance.
struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the broker at a glance.",
    discussion: """
      Examples:
        fanfare status
        fanfare status --json | jq .deliveries.pending
      """)

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let status = try client.client().value("GET", "/api/v1/status")
    if output.json { return status.print() }
    let deliveries = status["deliveries"]
    var lines = Properties()
    lines.add("version", status["version"]?.text)
    lines.add("uptime", status["uptimeSeconds"]?.double.map { Spans.text(seconds: $0) })
    lines.add("endpoints", status["endpoints"]?.shown)
    lines.add("events accepted", status["events"]?["accepted"]?.shown)
    for key in ["delivered", "retried", "pending", "dead", "expired"] {
      lines.add(key, deliveries?[key]?.shown)
    }
    lines.add("journal", journalText(status["journal"]))
    for reason in status["notReady"]?.texts ?? [] { lines.add("not ready", reason) }
    for alarm in status["alarms"]?.texts ?? [] { lines.add("alarm", alarm) }
    lines.print()
  }

  private func journalText(_ journal: JSONValue?) -> String? {
    guard let bytes = journal?["bytes"]?.integer else { return nil }
    let size = Quantity.sizeText(UInt64(max(0, bytes)))
    guard let plain = journal?["plainBytes"]?.integer, plain > 0 else { return size }
    return "\(size) (\(Quantity.sizeText(UInt64(plain))) before compression)"
  }
}
