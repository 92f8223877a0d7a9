internal import Base
internal import Flow

/// Lanes whose next event is in no block at hand have it sought, all together: the backlog is read
/// once, and each block wakes those that it is for.
extension Reactor {
  /// Has the lane's next event sought from `sequence` on, where its cursor is.
  func seek(_ lane: LaneRef, _ sequence: UInt64) {
    if lane.it.isLoading { return }
    lane.it.isLoading = true
    lane.it.isSeeking = true
    loads.add(seeker: lane.id, sequence: sequence)
  }

  /// The lane looks for itself again.
  func stopSeeking(_ lane: LaneRef) {
    guard lane.it.isSeeking else { return }
    lane.it.cursor = cursor(lane)
    loads.remove(seeker: lane.id)
    lane.it.isSeeking = false
    lane.it.isLoading = false
  }

  /// The first event that a lane behind has not looked at. Of one that seeks, this is not always in
  /// the lane: seekers are moved on together.
  func cursor(_ lane: LaneRef) -> Position {
    guard lane.it.isSeeking, let sequence = loads.sought(by: lane.id) else { return lane.it.cursor }
    return max(lane.it.cursor, Position(sequence: sequence, index: 0))
  }

  /// Wakes those that the block is for, and has the others wait for the next.
  func answerSeekers(
    _ seekers: LoadSeekers, _ reply: LoadReply, _ through: UInt64, isForOthers: Bool
  ) {
    guard let called = call(seekers, reply) else {
      return wakeAll(seekers, at: reply.sequence)
    }
    if called == 0, !isForOthers { loads.giveBack(reply.sequence, giveBack) }
    let next = (reply.sequence == 0 ? through : reply.sequence) + 1
    if next <= walked, !isInMemory(next) {
      loads.passOn(seekers, to: next)
    } else {
      wakeAll(seekers, at: next)
    }
  }

  private func wakeAll(_ seekers: LoadSeekers, at sequence: UInt64) {
    for id in loads.takeAll(seekers) {
      if let lane = lanes.find(id) { wake(seeker: lane, Position(sequence: sequence, index: 0)) }
    }
  }

  private func wake(seeker lane: LaneRef, _ position: Position) {
    lane.it.isLoading = false
    lane.it.isSeeking = false
    lane.it.cursor = max(lane.it.cursor, position)
    enqueue(lane)
  }

  private func isInMemory(_ sequence: UInt64) -> Bool {
    guard let ref = window.pin(sequence: sequence) else { return false }
    window.arena.unpin(ref)
    return true
  }

  /// Wakes the seekers that a block has events for, each at its first.
  /// - Returns: how many; `nil` if it is less work that each looks for itself.
  private func call(_ seekers: LoadSeekers, _ reply: LoadReply) -> Int? {
    guard let block = reply.block else { return 0 }
    var steps = seekers.count * block.eventCount
    var called = 0
    audiencesSeen.removeAll(keepingCapacity: true)
    for index in 0..<block.eventCount {
      let audience = block.audience(index)
      if audience == .empty || !audiencesSeen.insert(audience).inserted { continue }
      let endpoints = unsafe window.audiences.endpoints(of: audience)
      steps -= endpoints.count
      if steps < 0 { return nil }
      let position = Position(sequence: reply.sequence, index: index)
      for place in 0..<endpoints.count {
        let number = unsafe endpoints[place]
        guard isMine(number), let id = laneIDs[number.value], let lane = lanes.find(id),
          loads.take(seeker: id, from: seekers)
        else { continue }
        wake(seeker: lane, position)
        called += 1
      }
    }
    return called
  }
}
