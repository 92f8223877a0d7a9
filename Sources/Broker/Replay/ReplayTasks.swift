internal import Base
internal import Synchronization
internal import Platform
internal import TLS
internal import Wire

/// The replays that run, and the last ones that ended.
final class ReplayTasks: Sendable {
  private static let runningMax = 16
  private static let keptMax = 100

  /// One replay, seen from outside and from its task.
  final class Ticket: Sendable {
    private struct State {
      var report: ReplayReport
      var isCancelled = false
    }

    private let state: Mutex<State>

    init(_ report: ReplayReport) { state = Mutex(State(report: report)) }

    var report: ReplayReport { state.withLock { $0.report } }
    /// Whether its task is to end.
    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    func cancel() { state.withLock { $0.isCancelled = true } }
    func update(_ change: (inout ReplayReport) -> Void) { state.withLock { change(&$0.report) } }
    func end(_ end: ReplayReport.State, detail: String? = nil) {
      let time = RFC3339.text(RealClock.unix)
      update { $0.end(end, at: time, detail: detail) }
    }
  }

  /// In the order in which they were begun.
  private let tickets = Mutex<[Ticket]>([])
  private let ids = Mutex(KSUIDGenerator(random: SeededRandom(seed: SecureRandom.word())))

  /// Begins a replay.
  /// - Throws: `unavailable` when enough of them run.
  func begin(_ request: ReplayRequest) throws(ControlError) -> Ticket {
    let now = RealClock.unix
    let id = "rpl_" + ids.withLock { $0.next(unixSeconds: now.seconds).text }
    let ticket = Ticket(
      ReplayReport(
        id: id, kind: request.selection.kind, dryRun: request.isTrial,
        createdAt: RFC3339.text(now)))
    let isRoom = tickets.withLock { tickets in
      guard tickets.count(where: { $0.report.state == .running }) < Self.runningMax else {
        return false
      }
      tickets.append(ticket)
      if tickets.count > Self.keptMax,
        let oldest = tickets.firstIndex(where: { $0.report.state != .running })
      {
        tickets.remove(at: oldest)
      }
      return true
    }
    guard isRoom else {
      throw .unavailable("\(Self.runningMax) replays are running; cancel one or wait")
    }
    return ticket
  }

  /// The replay with this id.
  func find(_ id: String) throws(ControlError) -> Ticket {
    let found = tickets.withLock { tickets in tickets.first { $0.report.id == id } }
    guard let found else { throw .notFound("there is no replay '\(id)'; a restart forgets them") }
    return found
  }

  /// All that are remembered, the newest first.
  var reports: [ReplayReport] { tickets.withLock { $0.reversed().map(\.report) } }
}
