internal import Base
internal import Delivery
internal import Flow
internal import Logging
internal import Platform
internal import Storage

/// Deliveries to endpoint numbers that the log knows and the catalogue does not, as after
/// `catalog.db` was lost or an older one put back: neither sent nor dropped, until it knows them
/// again or somebody drops them.
extension BrokerControl {
  /// What is parked, ascending by number.
  func parkedLines(_ statuses: [LaneStatus]) -> [ParkedLine] {
    let now = RealClock.unix
    // Known without configuration is a record that can't be used: its own line says so.
    return statuses.filter { $0.isParked && $0.depth > 0 && !funnel.knows($0.endpoint.value) }
      .map { lane in
        ParkedLine(
          number: lane.endpoint.value, depth: lane.depth,
          oldestSeconds: Self.oldestSeconds(lane, now: now))
      }
      .sorted { $0.number < $1.number }
  }

  /// What somebody must look at though the broker works, one sentence each.
  func alarms() async -> [String] {
    guard plane.counters.reactors.contains(where: { $0.parked.value > 0 }) else { return [] }
    return Self.alarm(parkedLines(await plane.statuses())).map { [$0] } ?? []
  }

  /// - Returns: `nil` when nothing is parked.
  private static func alarm(_ lines: [ParkedLine]) -> String? {
    if lines.isEmpty { return nil }
    let depth = lines.reduce(0) { $0 + $1.depth }
    let shown = lines.prefix(numbersShown).map { "\($0.number) (\($0.depth))" }
    let more = lines.count > numbersShown ? " and \(lines.count - numbersShown) more" : ""
    return "parked: \(depth) deliveries to endpoint numbers that the catalogue does not know: "
      + "\(shown.joined(separator: ", "))\(more); put the catalog.db back that knows them and "
      + "restart, or drop them: fanfare endpoint remove-parked NUMBER"
  }

  private static let numbersShown = 20

  /// Says at the start what recovery found and the catalogue does not know.
  func reportParked(_ lanes: [LaneImage], _ logger: Logger) {
    let lines = lanes.filter { !funnel.knows($0.endpoint.value) }
      .map { lane in
        ParkedLine(
          number: lane.endpoint.value, depth: lane.behind + UInt64(lane.holes.count),
          oldestSeconds: 0)
      }
      .filter { $0.depth > 0 }
    if let alarm = Self.alarm(lines) { logger.error("\(alarm)") }
  }

  /// Drops what is parked for a number, by a synced tombstone in the log: the endpoint is removed.
  /// - Returns: deliveries that were dropped.
  public func removeParked(number: UInt32) async throws(ControlError) -> UInt64 {
    if funnel.knows(number) {
      throw .conflict("the catalogue knows endpoint number \(number): remove it by its name")
    }
    let lines = parkedLines(await plane.statuses())
    guard lines.contains(where: { $0.number == number }) else {
      throw .notFound("nothing is parked for endpoint number \(number)")
    }
    return try await plane.removeLane(EndpointNumber(number))
  }
}
