internal import Base
public import Catalog
internal import Flow
internal import Platform
internal import Storage
internal import Wire

extension BrokerControl {
  /// The broker at a glance.
  public func status() async -> StatusReport {
    let lifetime = plane.counters.lifetime()
    let journal = plane.journalUsage
    return StatusReport(
      version: fanfareVersion,
      uptimeSeconds: Double(RealClock.unix.value - started) / 1000,
      events: .init(accepted: lifetime.accepted),
      deliveries: .init(
        delivered: lifetime.delivered, retried: lifetime.retried,
        pending: plane.counters.depth, dead: lifetime.dead, expired: lifetime.expired),
      journal: .init(bytes: journal.bytes, plainBytes: journal.plainBytes),
      endpoints: funnel.endpointCount, notReady: notReadyReasons, alarms: await alarms())
  }

  /// Depth and state, in all and by endpoint.
  /// - Parameter application: id, uid or name; `nil` for all.
  public func spool(application: String?) async throws(ControlError) -> SpoolReport {
    let names = try applicationNames()
    var lanes: [UInt32: LaneStatus] = [:]
    var statuses = await plane.statuses()
    plane.fillOldestTimes(&statuses)
    for status in statuses { lanes[status.endpoint.value] = status }
    let parked = application == nil ? parkedLines(statuses) : []
    let dead = catalog.deadCounts()
    let share = plane.journalUsage.packedShare
    let now = RealClock.unix
    var lines: [SpoolLine] = []
    try catalogCall { () throws(CatalogError) in
      try catalog.forEachSummary(application: application) { endpoint in
        lines.append(
          spoolLine(
            endpoint, lanes[endpoint.number], dead: UInt64(dead[endpoint.number] ?? 0),
            share: share, application: endpoint.application.flatMap { names[$0] } ?? "", now: now))
      }
    }
    let depth = lines.reduce(0) { $0 + $1.depth } + parked.reduce(0) { $0 + $1.depth }
    return SpoolReport(
      total: .init(
        depth: depth, dead: lines.reduce(0) { $0 + $1.dead },
        bytes: lines.reduce(0) { $0 + $1.bytes },
        plainBytes: lines.reduce(0) { $0 + $1.plainBytes }),
      endpoints: lines, parked: parked)
  }

  /// What was given up, newest first.
  public func deadLetters(application: String, endpoint: String?, limit: Int, before: Int64?)
    throws(ControlError) -> [DeadLetterRecord]
  {
    try catalogCall { () throws(CatalogError) in
      try catalog.deadLetters(
        application: application, endpoint: endpoint, limit: limit, before: before)
    }
  }

  func applicationNames() throws(ControlError) -> [UInt32: String] {
    let applications = try catalogCall { () throws(CatalogError) in try catalog.applications() }
    var names: [UInt32: String] = [:]
    for application in applications { names[application.number] = application.name }
    return names
  }

  private func spoolLine(
    _ endpoint: EndpointSummary, _ lane: LaneStatus?, dead: UInt64, share: Double,
    application: String, now: UnixMilliseconds
  ) -> SpoolLine {
    let depth = lane?.depth ?? 0
    let plainBytes = lane?.plainBytes ?? 0
    let state = Self.state(endpoint, lane)
    let failure = lane?.lastFailure ?? .none
    return SpoolLine(
      id: endpoint.id, name: endpoint.name, application: application, depth: depth, dead: dead,
      inFlight: lane?.inFlight ?? 0, bytes: UInt64(Double(plainBytes) * share),
      plainBytes: plainBytes,
      oldestSeconds: Self.oldestSeconds(lane, now: now),
      nextAttempt: lane?.nextAttempt.map { RFC3339.text($0) }, attempts: lane?.attempts ?? 0,
      state: state.rawValue, lastStatus: Int(lane?.lastStatus ?? 0),
      lastError: Self.errorText(failure, lane))
  }

  /// The catalogue's word counts where it is newer than the lane's, but for the loss of deliveries.
  private static func state(_ endpoint: EndpointSummary, _ lane: LaneStatus?) -> LaneState {
    if endpoint.disabled { return .disabled }
    if lane?.state == .quota { return .quota }
    return endpoint.paused ? .paused : lane?.state ?? .ok
  }

  /// The age of a lane's oldest event; 0 when nothing waits, or nobody knows.
  static func oldestSeconds(_ lane: LaneStatus?, now: UnixMilliseconds) -> Double {
    guard let lane, lane.depth > 0, let time = lane.oldestTime, time.value < now.value else {
      return 0
    }
    return Double(now.value - time.value) / 1000
  }

  /// What is known beyond the class, but not the answer's body: that is the endpoint's word.
  private static func errorText(_ failure: FailureClass, _ lane: LaneStatus?) -> String? {
    switch failure {
    case .none: nil
    case .status: failure.text(status: Int(lane?.lastStatus ?? 0))
    default: lane?.lastText ?? failure.text
    }
  }
}
