internal import Base
internal import Flow

extension Reactor {
  /// Whether a block was committed that was not handed out yet.
  var hasNews: Bool { window.committedThrough > walked }

  /// Hands out the events of every block that was committed since the last call.
  ///
  /// Never postponed: a block leaves memory only when all reactors have walked it. What cannot be
  /// sent now makes its lane fall behind, which costs one swap. Called between any two pieces of a
  /// turn, which otherwise takes milliseconds while a backlog drains: live events do not wait for it.
  func walk() {
    let committed = window.committedThrough
    while walked < committed {
      let sequence = walked + 1
      switch window.place(of: sequence) {
      case .noEvents: break
      case .gone: invariantBroken("a block left memory before it was walked")
      case .block(let ref):
        require(window.arena.pin(ref), "a block was evicted before it was walked")
        walk(window.arena[ref], sequence)
        window.arena.unpin(ref)
      }
      walked = sequence
      window.setWalked(reactor: index, through: sequence)
    }
  }

  private func walk(_ block: Block, _ sequence: UInt64) {
    for event in 0..<block.eventCount {
      let audience = block.audience(event)
      if audience == .empty { continue }
      if !lists.isLearned(audience) { learn(audience) }
      let members = lists.memberCount(audience)
      if members == 0 { continue }
      lists.countWalked(audience, bytes: block.plainBytes(event))
      depth += UInt64(members)
      handOut(block, Position(sequence: sequence, index: event), audience)
    }
  }

  /// From the back, so that a lane that falls behind is swapped with one already served.
  private func handOut(_ block: Block, _ position: Position, _ audience: AudienceNumber) {
    var place = lists.liveCount(audience)
    while place > 0 {
      place -= 1
      guard let lane = lanes.find(slot: lists.lane(audience, place)) else {
        invariantBroken("a live list names a lane that is gone")
      }
      if lane.it.isLive {
        if takeLive(lane, block, position) { continue }
        lane.it.isLive = false
        lane.it.cursor = position
        enqueue(lane)
      }
      lists.demote(audience, place)
    }
  }

  /// Starts the event's attempt right from the block.
  /// - Returns: `false` when the lane cannot take it now.
  private func takeLive(_ lane: LaneRef, _ block: Block, _ position: Position) -> Bool {
    guard startsLeft > 0, case .free(let isProbe) = capacity(lane), mayTakeFresh(lane),
      !isProbe || lane.it.retries.isEmpty
    else { return false }
    let event = block.event(position.index)
    if isExpunged(position) || isExpired(lane, event) {
      return expire(lane, event, position, attempts: 0, isHole: false)
    }
    let delivery = Delivery(
      position: position, attempts: 0, isRetry: false, isProbe: isProbe, needsFresh: false)
    return start(lane, event, delivery) == .started
  }

  /// Expands an audience at first sight.
  private func learn(_ audience: AudienceNumber) {
    lists.learn(audience)
    let endpoints = unsafe window.audiences.endpoints(of: audience)
    for index in 0..<endpoints.count {
      let number = unsafe endpoints[index]
      if !isMine(number) || removedNumbers.contains(number.value) { continue }
      let lane = lane(of: number)
      lists.add(
        lane: lane.slot, isLive: lane.it.isLive, head: &lane.it.members, to: audience)
    }
  }

  /// Whether this reactor serves the endpoint.
  func isMine(_ number: EndpointNumber) -> Bool {
    Int(number.value) % max(1, configuration.reactorCount) == index
  }

  /// The endpoint's lane; one without configuration if it is new, live and parked.
  func lane(of number: EndpointNumber) -> LaneRef {
    if let id = laneIDs[number.value], let lane = lanes.find(id) { return lane }
    guard let id = lanes.insert(Lane(number: number)), let lane = lanes.find(id) else {
      invariantBroken("lanes have run out")
    }
    laneIDs[number.value] = id
    lane.it.isLive = true
    counters.parked.set(counters.parked.value + 1)
    return lane
  }
}
