internal import Base
internal import Flow

extension Reactor {
  /// Has the Reader asked for the first block with events at or after `sequence`.
  func load(_ lane: LaneRef, _ sequence: UInt64) {
    stopSeeking(lane)
    if lane.it.isLoading { return }
    lane.it.isLoading = true
    loads.add(lane: lane.id, sequence: sequence)
  }

  /// Asks the Reader for what lanes wait for, oldest first.
  func requestLoads() {
    while loads.hasWaits, loadRequests.count < loadRequests.capacity,
      let request = loads.nextRequest(walked: walked, now: now.instant, giveBack: giveBack)
    {
      require(loadRequests.push(request), "a load request found no slot in its ring")
      counters.loads.add()
      readerIsToWake = true
    }
  }

  func giveBack(_ reply: LoadReply) {
    require(loadReturns.push(reply), "a lent block could not be given back")
    readerIsToWake = true
  }

  /// Wakes the lanes that waited for the blocks that have come.
  func takeLoads() {
    while let reply = loadReplies.pop() {
      let answer = loads.take(reply, now: now.instant)
      for id in answer.lanes { wake(id, reply, answer.walked) }
      if let seekers = answer.seekers {
        answerSeekers(seekers, reply, answer.walked, isForOthers: !answer.lanes.isEmpty)
      }
    }
  }

  private func wake(_ id: SlotID, _ reply: LoadReply, _ through: UInt64) {
    guard let lane = lanes.find(id) else { return }
    lane.it.isLoading = false
    if lane.it.isRemoved {
      forgetIfDone(lane)
    } else {
      place(lane, reply, through)
      enqueue(lane)
    }
  }

  /// Moves a lane past what the log no longer has.
  private func place(_ lane: LaneRef, _ reply: LoadReply, _ through: UInt64) {
    let found = reply.block != nil
    // 1. Nothing up to where the log went; 2. a block of which nothing can be read; 3. the block,
    // its headers at least.
    let next = reply.sequence == 0 ? through + 1 : found ? reply.sequence : reply.sequence + 1
    if !lane.it.isLive, lane.it.cursor.sequence >= reply.requested,
      lane.it.cursor.sequence < next
    {
      lane.it.cursor = Position(sequence: next, index: 0)
    }
    loseRetries(lane, from: reply.requested, to: next)
  }

  /// Retries whose events are gone for good: from `first` up to, not including, `end`.
  private func loseRetries(_ lane: LaneRef, from first: UInt64, to end: UInt64) {
    var index = lane.it.retries.count
    while index > 0 {
      index -= 1
      let sequence = lane.it.retries[index].position.sequence
      if sequence >= first, sequence < end, block(sequence) == nil, lose(lane, index) {
        // The heap has moved: begin again.
        index = lane.it.retries.count
      }
    }
  }

  /// A retry whose event is not in the log: dead, for nobody can send it.
  /// - Returns: `false` when there is no room to say so.
  func lose(_ lane: LaneRef, _ index: Int) -> Bool {
    guard hasOutcomeRoom() else { return false }
    let mean = lane.it.heldMean
    let retry = lane.it.retries.remove(at: index)
    retriesHeld -= 1
    lane.it.dropHeld(mean)
    giveUp(lane, retry.position, attempts: retry.attempts, .logDamaged)
    return true
  }

  /// Declares a delivery dead that no attempt of it made so.
  /// - Precondition: there is room for the outcome.
  func giveUp(
    _ lane: LaneRef, _ position: Position, attempts: UInt16, _ reason: FailureClass
  ) {
    outcomeRoom -= 1
    forgetPending(1)
    counters.dead.add()
    push(
      Outcome(
        position: position, endpoint: lane.it.number, kind: .dead, attempt: attempts,
        due: now.unix, failure: reason))
  }

  /// Declares deliveries dead of which only the number is known.
  /// - Precondition: there is room for the outcome.
  func giveUp(_ lane: LaneRef, lost count: UInt64) {
    outcomeRoom -= 1
    forgetPending(count)
    counters.dead.add(count)
    push(Outcome(lost: count, of: lane.it.number, through: walked, time: now.unix))
  }

  /// - Returns: when the next loan is due back.
  func expireLoads() -> Instant { loads.expire(now: now.instant, giveBack: giveBack) }
}
