internal import Base
internal import Ingest
internal import Synchronization

/// What `SPOOL` and `INFO` on the local socket are answered with: ingest is made before the control
/// plane that knows, so the answer goes through a box that is filled in between.
final class ControlBox: Sendable {
  private let control = Mutex<BrokerControl?>(nil)

  /// Puts the control plane in; before that both commands answer that the broker is starting.
  func fill(_ control: BrokerControl) { self.control.withLock { $0 = control } }

  /// The hooks that ingest calls on its thread; the answers come from tasks.
  var hooks: IngestHooks {
    IngestHooks(
      spool: { [self] endpoint, answer in
        respond(answer) { control in await Self.spool(control, endpoint) }
      },
      info: { [self] section, answer in
        respond(answer) { control in .text(await Self.info(control, section)) }
      })
  }

  private func respond(
    _ answer: @escaping IngestHooks.Answer,
    _ body: @escaping @Sendable (BrokerControl) async -> HookValue
  ) {
    guard let control = control.withLock({ $0 }) else {
      answer(.failure("ERR starting; try again"))
      return
    }
    Task { answer(await body(control)) }
  }

  private static func spool(_ control: BrokerControl, _ endpoint: String?) async -> HookValue {
    let report: SpoolReport
    do throws(ControlError) {
      report = try await control.spool(application: nil)
    } catch {
      return .failure("ERR \(error.text)")
    }
    if let endpoint {
      guard let line = report.endpoints.first(where: { $0.name == endpoint || $0.id == endpoint })
      else { return .failure("ERR no endpoint '\(endpoint)'; see 'fanfare endpoint list'") }
      return value(of: line)
    }
    return .map([
      HookPair("depth", .integer(Int64(report.total.depth))),
      HookPair("dead", .integer(Int64(report.total.dead))),
      HookPair("bytes", .integer(Int64(report.total.bytes))),
      HookPair("plainBytes", .integer(Int64(report.total.plainBytes))),
      HookPair("endpoints", .array(report.endpoints.map(value))),
    ])
  }

  private static func value(of line: SpoolLine) -> HookValue {
    .map([
      HookPair("id", .text(line.id)), HookPair("name", .text(line.name)),
      HookPair("depth", .integer(Int64(line.depth))), HookPair("dead", .integer(Int64(line.dead))),
      HookPair("inFlight", .integer(Int64(line.inFlight))),
      HookPair("bytes", .integer(Int64(line.bytes))),
      HookPair("plainBytes", .integer(Int64(line.plainBytes))),
      HookPair("oldestSeconds", .integer(Int64(line.oldestSeconds))),
      HookPair("state", .text(line.state)),
      HookPair("lastStatus", .integer(Int64(line.lastStatus))),
      HookPair("lastError", .text(line.lastError ?? "")),
    ])
  }

  /// `INFO` in Redis's shape: sections of `key:value` lines.
  private static func info(_ control: BrokerControl, _ section: String?) async -> String {
    let status = await control.status()
    let sections: [(String, [(String, String)])] = [
      ("Server", [
        ("fanfare_version", status.version), ("uptime_in_seconds", "\(Int(status.uptimeSeconds))"),
      ]),
      ("Events", [("accepted", "\(status.events.accepted)")]),
      ("Deliveries", [
        ("delivered", "\(status.deliveries.delivered)"),
        ("retried", "\(status.deliveries.retried)"), ("pending", "\(status.deliveries.pending)"),
        ("dead", "\(status.deliveries.dead)"), ("expired", "\(status.deliveries.expired)"),
      ]),
      ("Journal", [
        ("bytes", "\(status.journal.bytes)"), ("plain_bytes", "\(status.journal.plainBytes)"),
      ]),
    ]
    let wanted = section?.lowercased() ?? "all"
    let everything = ["all", "default", "everything"].contains(wanted)
    var text = ""
    for (name, lines) in sections where everything || name.lowercased() == wanted {
      text += "# \(name)\r\n" + lines.map { "\($0):\($1)\r\n" }.joined() + "\r\n"
    }
    return text
  }
}
