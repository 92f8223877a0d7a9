internal import Base
internal import Flow
internal import Storage

/// Says of deliveries that died because the log is damaged where, and of which event, as far as
/// that can still be told.
struct DamageReport: Sendable {
  /// What recovery found at the start.
  let findings: [RecoveryFinding]
  let reader: LogReader

  /// A dead delivery's event and reason.
  struct Entry {
    var id = ""
    var type = ""
    var text: String
  }

  func entry(for outcome: Outcome) -> Entry {
    if outcome.isLoss { return Entry(text: lossText(outcome)) }
    if let damaged = reader.damage(at: outcome.position) {
      return Entry(
        id: damaged.id, type: damaged.type,
        text: "the log is damaged here: \(damaged.path) at offset \(damaged.offset): "
          + damaged.reason)
    }
    let sequence = outcome.position.sequence
    let finding = losses.first { $0.firstSequence <= sequence && sequence <= $0.lastSequence }
    return Entry(text: finding.map(Self.text) ?? "the log no longer has the event")
  }

  /// Findings that took events along.
  private var losses: [RecoveryFinding] {
    findings.filter { [.corruption, .missingSegment, .unknownAudience].contains($0.kind) }
  }

  private func lossText(_ outcome: Outcome) -> String {
    let count = outcome.deliveries
    let what = count == 1 ? "one delivery" : "\(count) deliveries"
    let places = losses.filter { $0.firstSequence <= outcome.position.sequence }
    guard let first = places.first else { return "the log has lost the events of \(what)" }
    let more = places.count > 1 ? ", and \(places.count - 1) more places" : ""
    return "\(Self.text(first))\(more); it has lost the events of \(what)"
  }

  private static func text(_ finding: RecoveryFinding) -> String {
    finding.kind == .missingSegment
      ? "the log lacks \(finding.path)"
      : "the log is damaged here: \(finding.path) at offset \(finding.offset)"
  }
}
