internal import Base
internal import Catalog
internal import Delivery
internal import Flow
internal import Routing
internal import Storage
internal import Platform

/// One replay from its beginning to its end: finds deliveries and hands them to their lanes, a few
/// at a time, as the lanes have room.
///
/// What was handed over is in the log, so it survives a restart; the rest of the replay does not.
///
/// > Runs on: a task of the control plane.
final class ReplayRun {
  /// The part of a replay that goes to one endpoint.
  private final class Target {
    let endpoint: EndpointNumber
    let name: String
    var source: ReplaySource
    var feed: ReplayFeed
    var matched = 0
    var isExhausted = false
    /// What was found last, and how far the search had come before.
    private var batch = (count: 0, from: 0.0)
    /// Handed over, and not yet known to be on disk.
    var undurable: [(positions: [Position], outcome: UInt64, at: UnixMilliseconds)] = []

    private let expunged: ExpungedEvents

    init(
      _ record: EndpointRecord, _ source: ReplaySource, _ feed: ReplayFeed,
      skipping expunged: ExpungedEvents
    ) {
      self.expunged = expunged
      endpoint = EndpointNumber(record.number)
      name = record.name
      self.source = source
      self.feed = feed
    }

    /// Looks for more.
    func search() async throws(ControlError) -> [Position]? {
      batch = (0, source.progress)
      guard let next = try await source.next() else {
        isExhausted = true
        return nil
      }
      let found = expunged.remaining(of: next)
      matched += found.count
      batch.count = found.count
      return found
    }

    /// 0 to 1; what was found counts as it is handed over.
    var progress: Double {
      let searched = source.progress
      if batch.count == 0 { return searched }
      let left = Double(feed.queued) / Double(batch.count)
      return searched - (searched - batch.from) * left
    }
  }

  private let control: BrokerControl
  private let request: ReplayRequest
  private let ticket: ReplayTasks.Ticket
  private var plane: DataPlane { control.plane }
  private var targets: [Target] = []

  init(control: BrokerControl, request: ReplayRequest, ticket: ReplayTasks.Ticket) {
    self.control = control
    self.request = request
    self.ticket = ticket
  }

  /// Runs to the end, or until the ticket is cancelled.
  func run() async {
    do throws(ControlError) {
      try await find()
      ticket.update { $0.endpoints = targets.map(\.name) }
      while !ticket.isCancelled {
        let wait = try await round()
        publish()
        guard let wait else { return await finish(.done) }
        if wait > .zero { await ControlThreads.sleep(for: wait) }
      }
      await finish(.cancelled)
    } catch {
      publish()
      ticket.end(.failed, detail: error.text)
    }
  }

  private func finish(_ state: ReplayReport.State) async {
    for _ in 0..<2_000 where targets.contains(where: { !$0.undurable.isEmpty }) {
      do throws(ControlError) {
        for target in targets { try settle(target) }
      } catch {
        return ticket.end(.failed, detail: error.text)
      }
      if targets.allSatisfy(\.undurable.isEmpty) { break }
      await ControlThreads.sleep(for: .milliseconds(5))
    }
    publish()
    ticket.end(state)
  }

  private func publish() {
    ticket.update { report in
      report.handedOver = targets.reduce(0) { $0 + $1.feed.handedOver }
      report.pending = targets.reduce(0) { $0 + $1.feed.pending + $1.source.pending }
      report.matched = targets.reduce(0) { $0 + $1.matched + $1.source.pending }
      report.damagedBlocks = targets.reduce(0) { $0 + $1.source.damagedBlocks }
      report.waiting = targets.contains { $0.feed.isWaiting }
      let progress = targets.reduce(0.0) { $0 + $1.progress }
      report.progress = targets.isEmpty ? 1 : progress / Double(targets.count)
    }
  }

  // MARK: Feeding

  /// Does for every endpoint what can be done now.
  /// - Returns: how long nothing can be done; `nil` when all is done.
  private func round() async throws(ControlError) -> Nanoseconds? {
    var next = Instant.distantFuture
    var isDone = true
    for target in targets {
      try settle(target)
      guard let at = try await step(target) else { continue }
      isDone = false
      next = min(next, at)
    }
    return isDone ? nil : next.since(RealClock.monotonic)
  }

  /// - Returns: when to come back; `nil` when everything was handed over.
  private func step(_ target: Target) async throws(ControlError) -> Instant? {
    let now = RealClock.monotonic
    switch target.feed.next(now: now) {
    case .wait(let instant): return instant
    case .handOver(let positions):
      try await handOver(positions, to: target)
      return now
    case .hungry:
      if target.isExhausted { return nil }
      guard let found = try await target.search() else { return nil }
      if !request.isTrial { target.feed.offer(found) }
      return now
    }
  }

  private func handOver(_ positions: [Position], to target: Target) async throws(ControlError) {
    let time = RealClock.unix
    let result = await plane.redeliver(target.endpoint, positions)
    guard result.hasLane else { throw .notFound("the endpoint '\(target.name)' was removed") }
    target.feed.took(result, of: positions.count, now: RealClock.monotonic)
    let accepted = positions.dropLast(result.left)
    if accepted.isEmpty { return }
    target.undurable.append((Array(accepted), result.outcomeIndex, time))
  }

  /// Takes what is pending again, and known to be on disk, off the list of dead letters.
  private func settle(_ target: Target) throws(ControlError) {
    while let first = target.undurable.first,
      plane.isDurable(outcome: first.outcome, of: target.endpoint)
    {
      target.undurable.removeFirst()
      let number = target.endpoint.value
      guard control.catalog.deadCounts()[number] != nil else { continue }
      try control.catalogCall { () throws(CatalogError) in
        try control.catalog.settleDead(
          endpoint: number, positions: first.positions, before: first.at)
      }
    }
  }

  // MARK: Finding

  private func find() async throws(ControlError) {
    switch request.selection {
    case .event(let id, let endpoint): try await findEvent(id, endpoint)
    case .place(let position, let endpoint): try addReceivers(of: position, endpoint)
    case .failed(let endpoint, let since, let until):
      await waitForLetters()
      for record in try records(endpoint) {
        let source = DeadSource(
          catalog: control.catalog, endpoint: record.number, since: since, until: until)
        add(record, .dead(source))
      }
    case .history(let endpoint, let types, let since, let until):
      try await addHistory(endpoint, since, until, types: types)
    case .missing(let endpoint, let since, let until):
      try await addHistory(endpoint, since, until, isForMissing: true)
    }
  }

  /// What has been given up a moment ago is on its way to the list: within 100 ms it is durable, and
  /// a round of the housekeeper lists it, which none makes while nothing happens.
  private func waitForLetters() async {
    let instant = RealClock.monotonic + .milliseconds(150)
    for _ in 0..<20 where !plane.kept.isComplete(before: instant) {
      await ControlThreads.sleep(for: .milliseconds(50))
      if RealClock.monotonic >= instant { plane.bell.ring() }
    }
  }

  private func addHistory(
    _ endpoint: String, _ since: UnixMilliseconds, _ until: UnixMilliseconds?,
    types: [String] = [], isForMissing: Bool = false
  ) async throws(ControlError) {
    let record = try control.endpoint(application: request.application, id: endpoint)
    let filter = ReplayFilter(
      entry: RoutingEntry(record), audiences: plane.window.audiences,
      types: try BrokerControl.patterns(types), since: since,
      until: until ?? UnixMilliseconds(.max), skipsMembers: isForMissing)
    // The end of the log first: what is accepted meanwhile is in the backlog, or delivered.
    let end = plane.window.committedThrough
    let lane = await plane.redeliver(EndpointNumber(record.number), [])
    add(
      record,
      .log(
        LogSource(
          reader: plane.logReader, filter: filter, since: since, through: end,
          backlog: lane.backlog)))
  }

  private func add(_ record: EndpointRecord, _ source: ReplaySource) {
    let feed = ReplayFeed(ratePerSecond: request.ratePerSecond, now: RealClock.monotonic)
    targets.append(Target(record, source, feed, skipping: control.expunged))
  }

  private func records(_ endpoint: String?) throws(ControlError) -> [EndpointRecord] {
    if let endpoint {
      return [try control.endpoint(application: request.application, id: endpoint)]
    }
    let dead = control.catalog.deadCounts()
    return try control.catalogCall { () throws(CatalogError) in
      try control.catalog.endpoints(application: request.application)
    }.filter { dead[$0.number] != nil && !$0.disabled }
  }

  /// The newest event of that id.
  private func findEvent(_ id: String, _ endpoint: String?) async throws(ControlError) {
    var query = EventQuery()
    query.application = request.application
    query.id = id
    query.limit = 1
    var event: EventRecord?
    var isOver = false
    while event == nil, !isOver, !ticket.isCancelled {
      let page = try await control.events(query)
      event = page.events.first
      query.before = page.next
      isOver = page.isLast
    }
    guard let event, let packed = UInt64(event.position) else {
      if ticket.isCancelled { return }
      throw .notFound("the log has no event '\(id)' in application '\(request.application)'")
    }
    try addReceivers(of: Position(packed: packed), endpoint)
  }

  private func addReceivers(of position: Position, _ endpoint: String?) throws(ControlError) {
    let scan = plane.logReader.scan(.oldestFirst, from: position, accepted: LogScan.Span())
    guard scan.advance(), scan.sequence == position.sequence else {
      throw .notFound("the event is no longer in the log")
    }
    let records = try control.catalogCall { () throws(CatalogError) -> [EndpointRecord] in
      if let endpoint {
        return [
          try control.catalog.endpoint(application: request.application, idOrUID: endpoint)
        ]
      }
      return try control.catalog.endpoints(application: nil).filter { !$0.disabled }
    }
    for record in records {
      var filter = ReplayFilter(
        entry: RoutingEntry(record), audiences: plane.window.audiences)
      let isMember = scan.withEvent(position) { filter.isMember($0.header) } == true
      let isWanted = scan.withEvent(position) { filter.judge($0) } == true
      // Without an endpoint: to those it was accepted for.
      if isMember || (endpoint != nil && isWanted) { add(record, .list([position])) }
    }
    if !targets.isEmpty { return }
    let reason = endpoint.map { "'\($0)' does not subscribe to this event" }
      ?? "no endpoint that is there and enabled was to get this event; name one with --endpoint"
    throw .conflict(reason)
  }
}
