internal import Base
internal import Delivery
internal import Flow
internal import Ingest
internal import Platform
internal import Routing
internal import Storage
internal import Synchronization

/// What the control plane asks of the stages: posted to their mailboxes, answered on their threads.
extension DataPlane {
  /// The reactor that owns an endpoint, for good.
  private func reactor(of endpoint: EndpointNumber) -> Int {
    Int(endpoint.value) % reactorMailboxes.count
  }

  /// Posts configurations without waiting: for the start, when no thread runs yet.
  func post(_ configs: [EndpointConfig]) {
    for (index, mailbox) in reactorMailboxes.enumerated() {
      mailbox.post(.configure(configs.filter { reactor(of: $0.number) == index }, done: {}))
    }
  }

  /// Posts a snapshot without waiting: for the start.
  func post(_ snapshot: RoutingSnapshot) { ingestMailbox.post(.route(snapshot, done: {})) }

  /// Returns when every reactor concerned follows these configurations.
  func configure(_ configs: [EndpointConfig]) async {
    for (index, mailbox) in reactorMailboxes.enumerated() {
      let mine = configs.filter { reactor(of: $0.number) == index }
      if mine.isEmpty { continue }
      await withCheckedContinuation { continuation in
        mailbox.post(.configure(mine, done: { continuation.resume() }))
      }
    }
  }

  /// Returns when no reactor sends these events any more.
  func expunge(_ positions: [Position]) async {
    for mailbox in reactorMailboxes {
      await withCheckedContinuation { continuation in
        mailbox.post(.expunge(positions, done: { continuation.resume() }))
      }
    }
  }

  /// Posts the same without waiting: for the start.
  func post(expunged positions: [Position]) {
    if positions.isEmpty { return }
    for mailbox in reactorMailboxes { mailbox.post(.expunge(positions, done: {})) }
  }

  /// Returns when ingest routes by `snapshot`.
  func route(_ snapshot: RoutingSnapshot) async {
    await withCheckedContinuation { continuation in
      ingestMailbox.post(.route(snapshot, done: { continuation.resume() }))
    }
  }

  /// Ends a lane and returns when its tombstone is on disk.
  /// - Returns: deliveries that were pending.
  func removeLane(_ number: EndpointNumber) async throws(ControlError) -> UInt64 {
    let index = reactor(of: number)
    let (pending, outcome) = await withCheckedContinuation {
      (continuation: CheckedContinuation<(UInt64, UInt64), Never>) in
      reactorMailboxes[index].post(
        .remove(number, done: { continuation.resume(returning: ($0, $1)) }))
    }
    for _ in 0..<2_000 {
      if journal.durableOutcomes(reactor: index) >= outcome { return pending }
      await ControlThreads.sleep(for: .milliseconds(5))
    }
    throw .unavailable("the removal is not on disk after 10 s; the endpoint stays listed, try again")
  }

  /// Has deliveries made once more, as far as the lane has room for them.
  func redeliver(_ endpoint: EndpointNumber, _ positions: [Position]) async -> Redelivery {
    await withCheckedContinuation { continuation in
      reactorMailboxes[reactor(of: endpoint)].post(
        .redeliver(endpoint, positions, done: { continuation.resume(returning: $0) }))
    }
  }

  /// Whether an outcome of the endpoint's reactor, counted from 1, is on disk.
  func isDurable(outcome: UInt64, of endpoint: EndpointNumber) -> Bool {
    journal.durableOutcomes(reactor: reactor(of: endpoint)) >= outcome
  }

  /// Every lane as it stands.
  func statuses() async -> [LaneStatus] {
    var all: [LaneStatus] = []
    for mailbox in reactorMailboxes {
      all += await withCheckedContinuation { continuation in
        mailbox.post(.statuses(reply: { continuation.resume(returning: $0) }))
      }
    }
    return all
  }

  /// One lane as it stands; `nil` for an endpoint without a lane.
  func status(of endpoint: EndpointNumber) async -> LaneStatus? {
    await withCheckedContinuation { continuation in
      reactorMailboxes[reactor(of: endpoint)].post(
        .status(endpoint, reply: { status, _ in continuation.resume(returning: status) }))
    }
  }

  /// Publishes as the socket would; returns when the event is on disk.
  func publish(_ request: PublishRequest) async -> PublishReply {
    await withCheckedContinuation { continuation in
      ingestMailbox.post(.publish(request, reply: { continuation.resume(returning: $0) }))
    }
  }

  /// Has the stages follow other limits; each does so in its next turn.
  func follow(_ limits: PlaneLimits) {
    self.limits.withLock { $0 = limits }
    for mailbox in reactorMailboxes { mailbox.post(.limit(limits.reactor)) }
    keeper.setLimits(limits.journal)
    setQuota()
  }

  /// Tells ingest whether the journal has room.
  func setSpoolFull(_ full: Bool) {
    ingestMailbox.post(.spoolFull(full))
    refusing.withLock { $0["spool"] = full ? "the spool is full" : nil }
  }

  /// Takes no new publishes from now on.
  func refuseEvents() {
    refusing.withLock { $0["drain"] = "shutting down" }
    ingestMailbox.post(.quit)
  }

  /// Takes no new publishes and starts no new attempts; returns when nothing is in flight or the
  /// time is over.
  /// - Returns: whether everything in flight ended.
  func drain(within timeout: Nanoseconds) async -> Bool {
    refuseEvents()
    let idle = Mutex(0)
    for mailbox in reactorMailboxes {
      mailbox.post(.drain(done: { idle.withLock { $0 += 1 } }))
    }
    let deadline = RealClock.monotonic + timeout
    while idle.withLock({ $0 }) < reactorMailboxes.count {
      if RealClock.monotonic >= deadline { return false }
      await ControlThreads.sleep(for: .milliseconds(5))
    }
    return true
  }
}
