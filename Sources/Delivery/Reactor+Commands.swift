internal import Base
internal import Flow
internal import Platform

extension Reactor {
  /// Does what the control plane asked.
  func takeCommands() {
    if !mailbox.hasMessages { return }
    for command in mailbox.drain() {
      switch command {
      case .configure(let configs, let done):
        for config in configs { configure(config) }
        done()
      case .remove(let number, let done): pendingRemovals.append((number, done))
      case .statuses(let reply): reply(statuses())
      case .status(let number, let reply): answer(number, reply)
      case .image(let reply): reply(image())
      case .redeliver(let number, let positions, let done): done(redeliver(number, positions))
      case .limit(let limits): take(limits)
      case .expunge(let positions, let done):
        for position in positions { expunged.insert(position.packed) }
        done()
      case .drain(let done):
        isDraining = true
        drainWaiters.append(done)
      }
    }
    retryRemovals()
  }

  /// Tells those who wait for the end of what is in flight.
  func finishDrain() {
    guard isDraining, inFlight == 0, !drainWaiters.isEmpty else { return }
    for done in drainWaiters { done() }
    drainWaiters = []
  }

  // MARK: Configuration

  /// Connections that were made under another guard are closed: the idle ones at once, the others
  /// when their attempt has ended. Beyond a lower bound none is opened, and idle ones go as room is
  /// needed.
  private func take(_ limits: ReactorLimits) {
    let guardHasChanged = limits.addressGuard != self.limits.addressGuard
    self.limits = limits
    pool.connectionsMax = limits.connectionsMax
    if guardHasChanged {
      while let idle = pool.oldestIdle { close(idle) }
      for slot in 0..<pool.connections.slotEnd {
        pool.connections.find(slot: slot)?.it.isLast = true
      }
    }
    for slot in 0..<pool.origins.slotEnd {
      if let id = pool.origins.id(ofSlot: slot) { wakeAll(waitingFor: id) }
    }
  }

  private func configure(_ config: EndpointConfig) {
    guard isMine(config.number), !removedNumbers.contains(config.number.value) else { return }
    let lane = lane(of: config.number)
    let isNew = lane.it.config == nil
    if isNew {
      counters.parked.set(counters.parked.value - 1)
      // Its backlog counts from now on.
      quotaWatch.seen = QuotaWatch.Seen()
    }
    let before = lane.it.origin
    let isWorthTrying = lane.it.take(config, now: now.instant)
    lane.it.origin = pool.attach(config)
    if before != .none {
      if before != lane.it.origin { wakeAll(waitingFor: before) }
      pool.detach(before)
    }
    if isNew {
      enqueue(lane)
    } else if isWorthTrying {
      closeBreaker(lane)
      tryAgain(lane)
    } else {
      enqueue(lane)
    }
  }

  /// Lanes that wait for an origin that one of them may have left look again.
  private func wakeAll(waitingFor id: SlotID) {
    while let origin = pool.origins.find(id), origin.it.waitingFirst != noSlot { wakeWaiting(id) }
  }

  private func closeBreaker(_ lane: LaneRef) {
    if lane.it.breaker.phase != .closed {
      counters.breakersOpen.set(counters.breakersOpen.value - 1)
    }
    lane.it.breaker.reset()
    lane.it.failingSince = UnixMilliseconds(0)
    lane.it.failingWasTold = false
  }

  // MARK: Removal

  /// Removes endpoints whose tombstone now finds room in the ring.
  func retryRemovals() {
    while let (number, done) = pendingRemovals.first, hasOutcomeRoom() {
      pendingRemovals.removeFirst()
      let pending = remove(number)
      done(pending, outcomes.pushedTotal)
    }
  }

  /// - Returns: its deliveries that will not be sent; what is in flight ends and is recorded.
  private func remove(_ number: EndpointNumber) -> UInt64 {
    removedNumbers.insert(number.value)
    let lane = laneIDs.removeValue(forKey: number.value).flatMap { lanes.find($0) }
    let pending = lane.map { depth(of: $0) - UInt64($0.it.inFlight) } ?? 0
    outcomeRoom -= 1
    push(
      Outcome(
        tombstoneOf: number, at: Position(sequence: walked + 1, index: 0), dropped: pending,
        time: now.unix))
    guard let lane else { return 0 }
    forgetPending(pending)
    counters.removed.add(pending)
    retriesHeld -= lane.it.retries.count
    if lane.it.breaker.phase != .closed {
      counters.breakersOpen.set(counters.breakersOpen.value - 1)
    }
    if lane.it.config == nil { counters.parked.set(counters.parked.value - 1) }
    leaveQuota(lane)
    lists.remove(head: lane.it.members)
    lane.it.members = noSlot
    stopSeeking(lane)
    lane.it.isRemoved = true
    lane.it.isLive = false
    lane.it.retries = RetryCalendar()
    disarm(lane)
    forgetIfDone(lane)
    return pending
  }

  /// Gives a removed lane's slot up once nothing names it.
  func forgetIfDone(_ lane: LaneRef) {
    guard lane.it.isForgotten else { return }
    disarm(lane)
    if lane.it.origin != .none { pool.detach(lane.it.origin) }
    _ = lanes.remove(lane.id)
  }
}
