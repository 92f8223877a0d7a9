internal import Base
internal import Catalog
internal import Flow
internal import Ingest
internal import Logging
internal import Platform
internal import Storage
internal import Synchronization

/// Publishes what the broker tells of itself, by the same way and with the same promise as any event.
///
/// None is made while no endpoint of `_system` takes it. One whose delivery fails raises none: what
/// is given up of `_system`'s own events is not told, and of its endpoints neither that they
/// recovered nor that much waits for them.
///
/// > Runs on: `raise` on any thread; the rest on tasks of the control plane.
final class OperationalEvents: Sendable {
  /// Published in one round of the housekeeper, so at most five times as many a second.
  private static let perRound = 20
  /// Published when the broker ends; what is beyond is left to the listings.
  private static let atEnd = 1_000
  private let catalog: Catalog
  private let plane: DataPlane
  private let funnel: RoutingFunnel
  private let attempts: AttemptStore
  private let logger: Logger
  private let pace = Mutex(OperationalPace())
  private let disk: Mutex<DiskWatch>
  private let spool = Mutex(LevelWatch())

  init(
    catalog: Catalog, plane: DataPlane, funnel: RoutingFunnel, attempts: AttemptStore,
    logger: Logger
  ) {
    self.catalog = catalog
    self.plane = plane
    self.funnel = funnel
    self.attempts = attempts
    self.logger = logger
    // With less than twice what is written ahead, the next segment may be the last.
    let journal = plane.configuration.journal
    disk = Mutex(DiskWatch(least: 2 * UInt64(journal.segmentBytes + journal.reserveBytes)))
  }

  /// When `publishDue` has something to do though nothing happens.
  var due: Instant { pace.withLock { $0.due } }

  /// Tells what happened, soon; see ``OperationalPace``.
  ///
  /// - Parameter count: how often it happened.
  func raise(_ subject: OperationalEvent.Subject, count: Int = 1) {
    raise([OperationalEvent(subject, count: count)])
  }

  /// Tells several things, each of which happened once.
  func raise(_ subjects: [OperationalEvent.Subject]) {
    raise(subjects.map { OperationalEvent($0) })
  }

  private func raise(_ events: [OperationalEvent]) {
    if events.isEmpty || !funnel.hasSystemListener { return }
    let wanted = events.filter {
      $0.application != Catalog.systemApplicationNumber && funnel.systemTakes($0.type)
    }
    let now = RealClock.monotonic
    let isNews = pace.withLock { pace in
      let before = pace.due
      for event in wanted { pace.add(event, now: now) }
      return pace.due != before
    }
    if isNews { plane.bell.ring() }
  }

  /// Publishes what is due, a few at a time.
  func publishDue() async {
    let events = pace.withLock { $0.take(now: RealClock.monotonic, max: Self.perRound) }
    for refused in await publish(events) {
      pace.withLock { $0.putBack(refused, now: RealClock.monotonic) }
    }
  }

  /// Publishes all that waits: the broker is about to refuse events.
  func flush() async { _ = await publish(pace.withLock { $0.takeAll(max: Self.atEnd) }) }

  // MARK: Publishing

  /// - Returns: what the broker refused, and may take later.
  private func publish(_ events: [OperationalEvent]) async -> [OperationalEvent] {
    if events.isEmpty { return [] }
    // Together, so that they share a commit.
    return await withTaskGroup(of: OperationalEvent?.self) { group in
      for event in events { group.addTask { await self.publish(event) } }
      var refused: [OperationalEvent] = []
      for await event in group { if let event { refused.append(event) } }
      return refused
    }
  }

  /// - Returns: the event, if it was refused.
  private func publish(_ event: OperationalEvent) async -> OperationalEvent? {
    guard funnel.systemTakes(event.type), let names = names(of: event) else { return nil }
    let request = PublishRequest(
      application: Catalog.systemApplication, type: Array(event.type.utf8),
      data: event.json(names), subject: names.endpointID.map { Array($0.utf8) })
    guard case .refused(let refusal, let text) = await plane.publish(request) else { return nil }
    if refusal == .shuttingDown { return nil }
    logger.warning(
      "an event of _system was refused; it waits for a minute",
      metadata: ["type": "\(event.type)", "error": "\(text)"])
    return event
  }

  /// - Returns: `nil` when the event is about an endpoint that is gone, or one of which it isn't told.
  private func names(of event: OperationalEvent) -> OperationalNames? {
    var names = OperationalNames()
    guard let number = event.endpoint else { return names }
    guard let record = try? catalog.endpoint(number: number), isTold(event, record) else {
      return nil
    }
    names.endpointID = record.id
    names.endpointUID = record.uid
    let owner = event.application ?? record.applicationNumbers.first
    if let place = record.applicationNumbers.firstIndex(where: { $0 == owner }),
      let application = try? catalog.application(record.applicationIDs[place])
    {
      names.appID = application.id
      names.appUID = application.uid
    }
    if case .givenUp(let letter, _) = event.subject {
      let last = try? attempts.last(of: [(letter.endpoint, letter.position)]).first ?? nil
      names.attemptID = last.map { AttemptID.text($0.number, seconds: $0.time.seconds) }
    }
    return names
  }

  private func isTold(_ event: OperationalEvent, _ record: EndpointRecord) -> Bool {
    switch event.subject {
    case .recovered, .spoolHigh:
      !record.applicationNumbers.contains(Catalog.systemApplicationNumber)
    default: true
    }
  }

  // MARK: Looking for itself

  /// Looks at the disk and at the spool as a whole.
  func lookAtSpace() {
    guard funnel.hasSystemListener else { return }
    if let (free, total) = plane.diskSpace,
      disk.withLock({ $0.becomesLow(freeBytes: free, totalBytes: total) })
    {
      raise(.diskLow(freeBytes: free, totalBytes: total))
    }
    let limit = plane.limits.withLock { $0.journal.spoolBytesMax }
    let bytes = plane.keeper.spoolBytes.value
    if spool.withLock({ $0.rises(bytes, to: limit / 5 * 4, release: limit / 5 * 3) }) {
      raise(.spoolHigh(endpoint: nil, bytes: bytes, limit: limit))
    }
  }
}
