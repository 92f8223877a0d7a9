internal import Base
internal import Flow

/// Remembers, while one lane is scanned on, which audiences it belongs to: consecutive events
/// mostly have the same few.
struct AudienceMemo {
  private var audiences: [16 of UInt32] = .init(repeating: .max)
  private var belongs: [16 of Bool] = .init(repeating: false)

  mutating func clear() { audiences = .init(repeating: .max) }

  mutating func contains(
    _ endpoint: EndpointNumber, in audience: AudienceNumber, _ table: AudienceTable
  ) -> Bool {
    let index = Int(audience.value & 15)
    if audiences[index] == audience.value { return belongs[index] }
    audiences[index] = audience.value
    belongs[index] = table.contains(endpoint, in: audience)
    return belongs[index]
  }
}

extension Reactor {
  /// What a lane could send next.
  private enum Choice {
    case retry(Int)
    case fresh
    case nothing
  }

  /// Where a lane's cursor came to.
  enum Advance {
    case event(Block)
    case head
    case missing(UInt64)
    /// Enough for one turn.
    case later
  }

  // MARK: The queue of lanes that may go on

  /// Has the lane looked at in this turn or the next.
  func enqueue(_ lane: LaneRef) {
    if lane.it.isReady || lane.it.isRemoved { return }
    lane.it.isReady = true
    lane.it.readyNext = noSlot
    if let last = lanes.find(slot: readyLast) {
      last.it.readyNext = lane.slot
    } else {
      readyFirst = lane.slot
    }
    readyLast = lane.slot
  }

  private func putBack(_ lane: LaneRef) {
    lane.it.isReady = true
    lane.it.readyNext = readyFirst
    readyFirst = lane.slot
    if readyLast == noSlot { readyLast = lane.slot }
  }

  private func nextReady() -> LaneRef? {
    guard let lane = lanes.find(slot: readyFirst) else { return nil }
    readyFirst = lane.it.readyNext
    if readyFirst == noSlot { readyLast = noSlot }
    lane.it.isReady = false
    return lane
  }

  /// Serves lanes that may go on, in the order they came, within the bounds of a turn.
  func serveReady() {
    isStalled = false
    var left = Self.servesPerTurn
    while left > 0, startsLeft > Self.startsKeptForLive, !isStalled, let lane = nextReady() {
      left -= 1
      if lane.it.isRemoved {
        forgetIfDone(lane)
        continue
      }
      serve(lane)
      // It may have been woken for a connection that it did not take.
      passOn(lane.it.origin)
      walk()
    }
  }

  private func passOn(_ id: SlotID) {
    guard let origin = pool.origins.find(id), origin.it.waitingFirst != noSlot,
      origin.it.idle != noSlot || origin.it.open < limits.perHostMax
    else { return }
    wakeWaiting(id)
  }

  // MARK: One lane

  /// Starts attempts of this lane while something is due and it has room.
  private func serve(_ lane: LaneRef) {
    memo.clear()
    scansLeft = Self.scansPerServe
    var skipsRetries = false
    while startsLeft > Self.startsKeptForLive {
      // Live events first: the caller hands them out and comes back.
      if hasNews { return putBack(lane) }
      guard case .free(let isProbe) = capacity(lane) else { return }
      let goesOn: Bool
      switch choose(lane, isProbe, skipsRetries) {
      case .nothing:
        armForRetry(lane)
        return
      case .retry(let place): goesOn = serveRetry(lane, place, isProbe, &skipsRetries)
      case .fresh: goesOn = serveFresh(lane, isProbe)
      }
      if !goesOn { return }
    }
    enqueue(lane)
  }

  private func choose(_ lane: LaneRef, _ isProbe: Bool, _ skipsRetries: Bool) -> Choice {
    if let first = lane.it.retries.first, !skipsRetries {
      // The probe is the oldest delivery, due or not; so is whatever an ordered lane sends.
      if isProbe || lane.it.isOrdered {
        let place = lane.it.retries.indexOfOldest ?? 0
        if isProbe || lane.it.retries[place].dueMilliseconds <= nowMilliseconds {
          return .retry(place)
        }
        return .nothing
      }
      // Live traffic comes first: a replay never has more than the share, lest it be in the way.
      let hasAll = lane.it.isLive && !first.isReplay
      if first.dueMilliseconds <= nowMilliseconds,
        hasAll || lane.it.retriesInFlight < lane.it.retryShare
      {
        return .retry(0)
      }
    }
    return lane.it.isLive || !mayTakeFresh(lane) ? .nothing : .fresh
  }

  private func serveRetry(
    _ lane: LaneRef, _ place: Int, _ isProbe: Bool, _ skipsRetries: inout Bool
  ) -> Bool {
    let retry = lane.it.retries[place]
    guard let block = block(retry.position.sequence) else {
      load(lane, retry.position.sequence)
      // An ordered lane waits; others go on with fresh events meanwhile.
      skipsRetries = true
      return !lane.it.isOrdered && !isProbe
    }
    guard !isDamaged(retry.position.sequence), retry.position.index < block.eventCount,
      // In a block from the spool an event without a type is a gap where a settled one stood.
      block.header(retry.position.index).typeLength > 0
    else {
      return lose(lane, place) || stall(lane)
    }
    let event = block.event(retry.position.index)
    if isExpunged(retry.position) || !retry.isReplay && isExpired(lane, event) {
      guard hasOutcomeRoom() else { return stall(lane) }
      _ = lane.it.retries.remove(at: place)
      return expire(lane, event, retry.position, attempts: retry.attempts, isHole: true)
    }
    let delivery = Delivery(
      position: retry.position, attempts: retry.attempts, isRetry: true,
      isReplay: retry.isReplay, isProbe: isProbe, needsFresh: retry.needsFreshConnection)
    // Taken out first: a connect that fails at once puts it back.
    _ = lane.it.retries.remove(at: place)
    if goesOn(lane, start(lane, event, delivery)) { return true }
    lane.it.retries.add(retry)
    return false
  }

  private func serveFresh(_ lane: LaneRef, _ isProbe: Bool) -> Bool {
    if lane.it.isSeeking { return false }
    switch advance(lane) {
    case .head: return becomeLive(lane)
    case .missing(let sequence):
      // What lies between here and the head may be a backlog of others: no need to read it.
      if hasSeenAll(lane) { return becomeLive(lane) }
      seek(lane, sequence)
      return false
    case .later:
      enqueue(lane)
      return false
    case .event(let block):
      scansLeft -= 1
      let position = lane.it.cursor
      let event = block.event(position.index)
      if isDamaged(position.sequence) {
        guard hasOutcomeRoom() else { return stall(lane) }
        lane.it.accounted += 1
        lane.it.accountedBytes += Int64(event.header.plainBytes)
        giveUp(lane, position, attempts: 0, .logDamaged)
      } else if isExpunged(position) || isExpired(lane, event) {
        guard hasOutcomeRoom() else { return stall(lane) }
        _ = expire(lane, event, position, attempts: 0, isHole: false)
      } else {
        let delivery = Delivery(
          position: position, attempts: 0, isRetry: false, isProbe: isProbe, needsFresh: false)
        guard goesOn(lane, start(lane, event, delivery)) else { return false }
      }
      lane.it.cursor = Position(sequence: position.sequence, index: position.index + 1)
      seekOn(lane)
      return true
    }
  }

  /// Looks for the lane's next event before there is room for it: a block that is at hand now may
  /// have to be read again then.
  private func seekOn(_ lane: LaneRef) {
    if case .missing(let sequence) = advance(lane), !hasSeenAll(lane) { seek(lane, sequence) }
  }

  /// Queues the lane for what it lacks.
  /// - Returns: `true` when the attempt was started.
  private func goesOn(_ lane: LaneRef, _ start: Start) -> Bool {
    switch start {
    case .started: return true
    case .hostFull:
      pool.wait(lane, lanes: lanes)
      return false
    case .stalled: return stall(lane)
    }
  }

  private func stall(_ lane: LaneRef) -> Bool {
    isStalled = true
    putBack(lane)
    return false
  }

  // MARK: The cursor

  /// Moves the cursor to the lane's next event.
  func advance(_ lane: LaneRef) -> Advance {
    while true {
      let sequence = lane.it.cursor.sequence
      if sequence > walked { return .head }
      if scansLeft <= 0 { return .later }
      guard let block = block(sequence) else {
        guard case .noEvents = window.place(of: sequence) else { return .missing(sequence) }
        scansLeft -= 1
        lane.it.cursor = Position(sequence: sequence + 1, index: 0)
        continue
      }
      if scan(lane, block) { return .event(block) }
      if scansLeft <= 0 { return .later }
      lane.it.cursor = Position(sequence: sequence + 1, index: 0)
    }
  }

  /// Moves the cursor inside its block; `true` at an event of the lane.
  private func scan(_ lane: LaneRef, _ block: Block) -> Bool {
    let sequence = lane.it.cursor.sequence
    var place = lane.it.cursor.index
    while place < block.eventCount {
      let audience = block.audience(place)
      if audience != .empty, memo.contains(lane.it.number, in: audience, window.audiences) {
        lane.it.cursor = Position(sequence: sequence, index: place)
        return true
      }
      place += 1
      scansLeft -= 1
      if scansLeft <= 0 {
        lane.it.cursor = Position(sequence: sequence, index: place)
        // At the block's end the caller moves on; the lane is back soon.
        return false
      }
    }
    return false
  }

  /// Whether none of the events at and after the cursor is for this lane, as far as is known.
  private func hasSeenAll(_ lane: LaneRef) -> Bool {
    Int64(clamping: lists.walkedTotal(head: lane.it.members).events) == lane.it.accounted
  }

  /// The lane has looked at everything: it follows the head from now on.
  /// - Returns: `false` when there is no room to say what it has missed; then nothing has changed.
  private func becomeLive(_ lane: LaneRef) -> Bool {
    // Differs only when blocks of its events could not be read, not even their headers.
    let walked = lists.walkedTotal(head: lane.it.members)
    let total = Int64(clamping: walked.events)
    let lost = total - lane.it.accounted
    if lost > 0 {
      guard hasOutcomeRoom() else { return stall(lane) }
      giveUp(lane, lost: UInt64(lost))
    } else {
      depth += lost.magnitude
    }
    lane.it.accounted = total
    lane.it.accountedBytes = Int64(clamping: walked.bytes)
    lane.it.isLive = true
    lists.promote(head: lane.it.members)
    return true
  }

  /// A block in memory: pinned until another is wanted or the turn ends, or lent by the Reader.
  func block(_ sequence: UInt64) -> Block? {
    if let pinned, pinnedSequence == sequence { return window.arena[pinned] }
    if let ref = window.pin(sequence: sequence) {
      unpin()
      pinned = ref
      pinnedSequence = sequence
      return window.arena[ref]
    }
    return loads.block(sequence, now: now.instant)
  }

  /// Whether only the headers of the block that ``block(_:)`` found are good.
  private func isDamaged(_ sequence: UInt64) -> Bool {
    if pinned != nil, pinnedSequence == sequence { return false }
    return loads.isDamaged(sequence)
  }

  func unpin() {
    if let ref = pinned { window.arena.unpin(ref) }
    pinned = nil
  }
}
