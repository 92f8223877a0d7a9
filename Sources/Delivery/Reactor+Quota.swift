internal import Base
internal import Flow
internal import Platform

/// Which lanes are over their quota, and when to look for more.
struct QuotaWatch {
  /// Being trimmed, in turn.
  var lanes: [SlotID] = []
  var next = 0
  /// The look at all lanes that is under way has come to this slot.
  var slot: UInt32 = 0
  var lookAt = Instant(nanoseconds: 0)
  /// What the last look at all lanes was made of.
  var seen = Seen()

  /// What decides whether a lane is over its quota: without a change of it no look is worth while.
  struct Seen: Equatable {
    var walked: UInt64 = 0
    var outcomes: UInt64 = 0
    var limit: UInt64 = 0
  }
  /// Lanes with `isAtQuota`.
  var atQuota = 0
}

/// Keeps what an endpoint's pending events hold below its quota: the oldest deliveries of one that is
/// over it are given up, a few at a time, until it is not.
extension Reactor {
  /// Every lane is looked at once in so long.
  private static let lookInterval = Nanoseconds.seconds(1)
  private static let looksPerTurn: UInt32 = 1024
  /// Lanes trimmed in one turn, and deliveries given up in it.
  private static let lanesPerTurn = 16
  private static let trimsPerTurn = 1024
  /// While blocks, or places for outcomes, are awaited.
  private static let trimPause = Nanoseconds.milliseconds(5)

  /// Looks for lanes over their quota and gives up the oldest of what they have.
  /// - Returns: when to come back.
  /// - Complexity: at most 1,024 lanes looked at, and about as many deliveries given up.
  func enforceQuota() -> Instant {
    let limit = configuration.quota.plainBytesMax
    if limit == .max || isDraining { return .distantFuture }
    let nextLook = look(limit)
    if quotaWatch.lanes.isEmpty { return nextLook }
    let isGoingOn = trim(limit)
    if quotaWatch.lanes.isEmpty { return nextLook }
    return isGoingOn ? now.instant : min(nextLook, now.instant + Self.trimPause)
  }

  private func look(_ limit: UInt64) -> Instant {
    // With nothing pending nobody is over anything.
    if depth == 0, quotaWatch.atQuota == 0, quotaWatch.slot == 0 { return .distantFuture }
    let state = QuotaWatch.Seen(walked: walked, outcomes: outcomes.pushedTotal, limit: limit)
    if quotaWatch.slot == 0, state == quotaWatch.seen { return .distantFuture }
    if now.instant < quotaWatch.lookAt { return quotaWatch.lookAt }
    if quotaWatch.slot == 0 { quotaWatch.seen = state }
    let end = min(quotaWatch.slot + Self.looksPerTurn, lanes.slotEnd)
    while quotaWatch.slot < end {
      if let lane = lanes.find(slot: quotaWatch.slot) { judge(lane, limit) }
      quotaWatch.slot += 1
    }
    if quotaWatch.slot < lanes.slotEnd { return now.instant }
    quotaWatch.slot = 0
    quotaWatch.lookAt = now.instant + Self.lookInterval
    return quotaWatch.lookAt
  }

  private func judge(_ lane: LaneRef, _ limit: UInt64) {
    if !isBound(lane) { return }
    let bytes = plainBytes(of: lane)
    warn(lane, bytes, limit)
    if bytes > limit {
      if lane.it.isTrimmed { return }
      lane.it.isTrimmed = true
      quotaWatch.lanes.append(lane.id)
    } else if bytes < limit / 8 * 7 {
      if lane.it.isAtQuota { notices.post(.quotaLeft(lane.it.number)) }
      leaveQuota(lane)
    }
  }

  /// Tells once that a lane has come to four fifths of its quota, until it is below three.
  private func warn(_ lane: LaneRef, _ bytes: UInt64, _ limit: UInt64) {
    if bytes <= limit / 5 * 3 {
      lane.it.isNearQuota = false
    } else if bytes >= limit / 5 * 4, !lane.it.isNearQuota {
      lane.it.isNearQuota = true
      notices.post(.quotaNear(lane.it.number, plainBytes: bytes))
    }
  }

  /// What is parked stays: nobody could list its dead letters.
  private func isBound(_ lane: LaneRef) -> Bool { lane.it.config != nil && !lane.it.isRemoved }

  /// The lane is no longer at its quota.
  func leaveQuota(_ lane: LaneRef) {
    if lane.it.isAtQuota { quotaWatch.atQuota -= 1 }
    lane.it.isAtQuota = false
  }

  // MARK: Giving up

  /// - Returns: whether anything was given up, so that the next turn may go on.
  private func trim(_ limit: UInt64) -> Bool {
    var isGoingOn = false
    for _ in 0..<min(Self.lanesPerTurn, quotaWatch.lanes.count) {
      if quotaWatch.next >= quotaWatch.lanes.count { quotaWatch.next = 0 }
      let place = quotaWatch.next
      guard let lane = lanes.find(quotaWatch.lanes[place]) else {
        quotaWatch.lanes.remove(at: place)
        continue
      }
      let before = counters.overQuota.value
      let isDone = trim(lane, limit)
      let count = counters.overQuota.value - before
      if count > 0 {
        isGoingOn = true
        enterQuota(lane)
      }
      if isDone {
        lane.it.isTrimmed = false
        quotaWatch.lanes.remove(at: place)
      } else {
        quotaWatch.next = place + 1
      }
    }
    return isGoingOn
  }

  private func enterQuota(_ lane: LaneRef) {
    if lane.it.isAtQuota { return }
    lane.it.isAtQuota = true
    quotaWatch.atQuota += 1
    notices.post(.quotaReached(lane.it.number))
  }

  /// Gives up the lane's oldest deliveries: first those that wait for a retry, which are before its
  /// cursor, then what it has not looked at. What is in flight ends, what was asked for stays.
  /// - Returns: whether there is nothing more to do.
  private func trim(_ lane: LaneRef, _ limit: UInt64) -> Bool {
    let bytes = plainBytes(of: lane)
    guard isBound(lane), bytes > limit else { return true }
    var excess = bytes - limit
    let wanted = max(Self.trimsPerTurn, lane.it.retries.count / 16)
    let places = configuration.quota.take(min(wanted, outcomeRoomToTrim))
    var left = places
    defer { configuration.quota.giveBack(left) }
    if left == 0 { return false }
    trimRetries(lane, &excess, &left)
    if excess == 0 { return true }
    if left == 0 { return false }
    if lane.it.isLive { return true }
    let budget = min(left, Self.trimsPerTurn)
    var unused = budget
    let isDone = trimBacklog(lane, &excess, &unused)
    left -= budget - unused
    return isDone
  }

  /// Half of the ring stays free for what was attempted.
  private var outcomeRoomToTrim: Int {
    max(0, outcomes.capacity / 2 - outcomes.count - outcomesReserved)
  }

  private func trimRetries(_ lane: LaneRef, _ excess: inout UInt64, _ left: inout Int) {
    let mean = lane.it.heldMean
    if mean == 0 || lane.it.retries.isEmpty { return }
    let wanted = min(UInt64(left), (excess + mean - 1) / mean)
    for retry in lane.it.retries.removeOldest(Int(wanted)) {
      retriesHeld -= 1
      lane.it.dropHeld(mean)
      giveUpOverQuota(lane, retry.position, attempts: retry.attempts)
      excess -= min(excess, mean)
      left -= 1
    }
  }

  /// - Returns: whether there is nothing more to do.
  private func trimBacklog(_ lane: LaneRef, _ excess: inout UInt64, _ left: inout Int) -> Bool {
    if lane.it.isSeeking { return false }
    memo.clear()
    scansLeft = Self.scansPerServe
    while excess > 0, left > 0 {
      switch advance(lane) {
      case .head: return true
      case .later: return false
      case .missing(let sequence):
        seek(lane, sequence)
        return false
      case .event(let block):
        scansLeft -= 1
        let position = lane.it.cursor
        let bytes = UInt64(block.plainBytes(position.index))
        lane.it.accounted += 1
        lane.it.accountedBytes += Int64(bytes)
        lane.it.cursor = Position(sequence: position.sequence, index: position.index + 1)
        giveUpOverQuota(lane, position, attempts: 0)
        excess -= min(excess, bytes)
        left -= 1
      }
    }
    return excess == 0
  }

  private func giveUpOverQuota(_ lane: LaneRef, _ position: Position, attempts: UInt16) {
    require(hasOutcomeRoom(), "more deliveries were given up than there was room for")
    counters.overQuota.add()
    giveUp(lane, position, attempts: attempts, .quota)
  }
}
