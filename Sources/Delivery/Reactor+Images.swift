public import Base
public import Flow

extension Reactor {
  /// An attempt in flight, seen from its lane.
  struct HoleInFlight {
    var lane: UInt32
    var position: Position
    /// Attempts made before it.
    var attempts: UInt16
  }

  /// Puts lanes back as recovery found them; before the first turn, before any configuration.
  ///
  /// Retries that became due while the process was down are spread over 10 ms each, 30 s at most,
  /// so that a restart is no storm.
  /// - Parameters:
  ///   - walkedThrough: the end of the recovered log; walking begins after it.
  ///   - now: both clocks, to turn civil due times into monotonic ones.
  public func restore(lanes images: [LaneImage], walkedThrough: UInt64, now: Now) {
    self.now = now
    walked = walkedThrough
    window.setWalked(reactor: index, through: walkedThrough)
    let overdue = images.reduce(0) { total, image in
      total + image.holes.count { $0.due.value != 0 && $0.due.value <= now.unix.value }
    }
    let spread = min(30_000, UInt64(overdue) * 10)
    for image in images where isMine(image.endpoint) { restore(image, spread) }
  }

  /// Thirty days, the longest delay that a schedule may hold.
  private static let waitMillisecondsMax: UInt64 = 30 * 86_400_000

  private func restore(_ image: LaneImage, _ spread: UInt64) {
    let lane = lane(of: image.endpoint)
    lane.it.isLive = image.behind == 0
    lane.it.cursor = image.cursor
    lane.it.accounted = -Int64(image.behind)
    for hole in image.holes {
      lane.it.retries.add(
        Retry(
          position: hole.position, dueMilliseconds: due(hole, spread), attempts: hole.attempt,
          isReplay: hole.isReplay))
    }
    retriesHeld += image.holes.count
    let pending = image.behind + UInt64(image.holes.count)
    lane.it.heldBytes = pending == 0 ? 0 : image.plainBytes / pending * UInt64(image.holes.count)
    lane.it.accountedBytes = -Int64(clamping: image.plainBytes - lane.it.heldBytes)
    depth += pending
  }

  private func due(_ hole: Hole, _ spread: UInt64) -> UInt64 {
    if hole.due.value == 0 { return 0 }
    if hole.due.value > now.unix.value {
      // No schedule is longer than the bound; a civil clock that was wrong may be.
      return nowMilliseconds + min(hole.due.value - now.unix.value, Self.waitMillisecondsMax)
    }
    return spread == 0 ? 0 : nowMilliseconds + random.below(spread)
  }

  // MARK: Checkpoints

  /// This reactor's part of a checkpoint: every lane with something pending.
  func image() -> ReactorImage {
    let flying = holesInFlight().sorted { $0.lane < $1.lane }
    var images: [LaneImage] = []
    var next = 0
    for slot in 0..<lanes.slotEnd {
      guard let lane = lanes.find(slot: slot) else { continue }
      var holes: [Hole] = []
      while next < flying.count, flying[next].lane == slot {
        holes.append(
          Hole(
            position: flying[next].position, attempt: flying[next].attempts,
            due: UnixMilliseconds(0)))
        next += 1
      }
      if lane.it.isRemoved { continue }
      for retry in lane.it.retries.all {
        holes.append(Hole(position: retry.position, attempt: retry.attempts, due: unix(retry)))
      }
      let behind = behind(lane)
      if holes.isEmpty, behind == 0 { continue }
      holes.sort { $0.position < $1.position }
      images.append(
        LaneImage(
          endpoint: lane.it.number,
          cursor: lane.it.isLive ? Position(sequence: walked + 1, index: 0) : cursor(lane),
          behind: behind, holes: holes, plainBytes: plainBytes(of: lane)))
    }
    return ReactorImage(reactor: index, walkedThrough: walked, lanes: images)
  }

  /// A retry's due time on the civil clock, never 0.
  private func unix(_ retry: Retry) -> UnixMilliseconds {
    let due = retry.dueMilliseconds
    return UnixMilliseconds(
      max(1, due > nowMilliseconds ? now.unix.value + due - nowMilliseconds : now.unix.value))
  }

  /// Attempts in flight over all lanes.
  func holesInFlight() -> [HoleInFlight] {
    var holes: [HoleInFlight] = []
    for slot in 0..<pool.connections.slotEnd {
      guard let connection = pool.connections.find(slot: slot), connection.it.phase != .idle
      else { continue }
      let attempt = connection.it.attempt
      holes.append(
        HoleInFlight(
          lane: attempt.lane.slot, position: attempt.position, attempts: attempt.number - 1))
    }
    return holes
  }

  /// Events at and after the cursor.
  private func behind(_ lane: LaneRef) -> UInt64 {
    if lane.it.isLive { return 0 }
    let total = Int64(clamping: lists.walkedTotal(head: lane.it.members).events)
    return UInt64(max(0, total - lane.it.accounted))
  }

  /// `EventHeader.plainBytes` of what is pending, shared or not.
  func plainBytes(of lane: LaneRef) -> UInt64 {
    if lane.it.isLive { return lane.it.heldBytes }
    let total = Int64(clamping: lists.walkedTotal(head: lane.it.members).bytes)
    return lane.it.heldBytes + UInt64(max(0, total - lane.it.accountedBytes))
  }

  /// Deliveries pending: waiting, retrying, in flight.
  func depth(of lane: LaneRef) -> UInt64 { behind(lane) + UInt64(lane.it.holes) }

  // MARK: Status

  /// Every lane, as `fanfare spool` shows it.
  func statuses() -> [LaneStatus] {
    var oldestInFlight: [UInt32: Position] = [:]
    for hole in holesInFlight() {
      let oldest = oldestInFlight[hole.lane] ?? hole.position
      oldestInFlight[hole.lane] = min(oldest, hole.position)
    }
    var all: [LaneStatus] = []
    all.reserveCapacity(lanes.count)
    for slot in 0..<lanes.slotEnd {
      guard let lane = lanes.find(slot: slot), !lane.it.isRemoved else { continue }
      all.append(status(lane, oldestInFlight[slot]))
    }
    return all
  }

  func answer(
    _ number: EndpointNumber, _ reply: @Sendable (LaneStatus?, AttemptRecord?) -> Void
  ) {
    guard let id = laneIDs[number.value], let lane = lanes.find(id) else {
      return reply(nil, nil)
    }
    let flying = holesInFlight().filter { $0.lane == lane.slot }.map(\.position).min()
    reply(status(lane, flying), lane.it.lastRecord)
  }

  private func status(_ lane: LaneRef, _ oldestInFlight: Position?) -> LaneStatus {
    var status = LaneStatus(endpoint: lane.it.number)
    let behind = behind(lane)
    status.depth = behind + UInt64(lane.it.holes)
    status.plainBytes = plainBytes(of: lane)
    status.inFlight = Int(lane.it.inFlight)
    status.attempts = lane.it.attempts
    status.lastStatus = lane.it.lastStatus
    status.lastFailure = lane.it.lastFailure
    if let last = lane.it.lastRecord, last.failure == lane.it.lastFailure {
      status.lastText = last.text
    }
    status.state = state(lane, behind)
    status.isParked = lane.it.config == nil
    var oldest = oldestInFlight
    if let place = lane.it.retries.indexOfOldest {
      oldest = min(oldest ?? lane.it.retries[place].position, lane.it.retries[place].position)
    }
    if behind > 0 {
      let cursor = cursor(lane)
      oldest = min(oldest ?? cursor, cursor)
    }
    status.oldest = oldest
    status.oldestTime = oldest.flatMap { time(at: $0) }
    status.nextAttempt = nextAttempt(lane)
    return status
  }

  private func state(_ lane: LaneRef, _ behind: UInt64) -> LaneState {
    if lane.it.config == nil || lane.it.isDisabled { return .disabled }
    // Before all that the owner chose or the endpoint does: deliveries are being lost to it.
    if lane.it.isAtQuota { return .quota }
    if lane.it.isPaused { return .paused }
    if lane.it.breaker.phase != .closed { return .open }
    if !lane.it.retries.isEmpty { return .retrying }
    if behind > 0, now.instant < lane.it.rate.nextAt(now: now.instant) { return .limited }
    return .ok
  }

  /// When an event was accepted, if its block is in memory.
  private func time(at position: Position) -> UnixMilliseconds? {
    guard let block = block(position.sequence), position.index < block.eventCount else {
      return nil
    }
    return block.header(position.index).time
  }

  private func nextAttempt(_ lane: LaneRef) -> UnixMilliseconds? {
    guard lane.it.maySend else { return nil }
    var next: UInt64?
    if let first = lane.it.retries.first { next = unix(first).value }
    if lane.it.breaker.phase == .open {
      next = now.unix.value + lane.it.breaker.probeAt.since(now.instant).milliseconds
    }
    return next.map { UnixMilliseconds($0) }
  }
}
