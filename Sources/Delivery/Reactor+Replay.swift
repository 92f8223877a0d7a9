internal import Base
internal import Flow

/// Deliveries that somebody asked for: they enter the retry calendar as if they were due now, a few
/// at a time, and never get more of a lane than retries do while fresh events wait.
extension Reactor {
  /// Replays that may wait in a lane, for each of its slots: enough to keep them busy between two
  /// calls.
  private static let replaysPerSlot = 4

  /// Takes deliveries in the order given until there is no room.
  func redeliver(_ number: EndpointNumber, _ positions: [Position]) -> Redelivery {
    var result = Redelivery()
    guard let id = laneIDs[number.value], let lane = lanes.find(id), !lane.it.isRemoved else {
      result.hasLane = false
      return result
    }
    if !lane.it.isLive { result.backlog = cursor(lane) }
    if positions.isEmpty { return result }
    var pending = pending(lane, among: Set(positions))
    var room = replayRoom(lane)
    for (index, position) in positions.enumerated() {
      if pending.contains(position) {
        result.pending += 1
        continue
      }
      guard room > 0, hasBeenLookedAt(position, by: lane), hasOutcomeRoom() else {
        result.left = positions.count - index
        break
      }
      room -= 1
      pending.insert(position)
      open(lane, position)
      result.taken += 1
    }
    if result.taken > 0 {
      result.outcomeIndex = outcomes.pushedTotal
      enqueue(lane)
    }
    return result
  }

  /// Which of some deliveries are waiting or in flight.
  private func pending(_ lane: LaneRef, among asked: Set<Position>) -> Set<Position> {
    var pending: Set<Position> = []
    for retry in lane.it.retries.all where asked.contains(retry.position) {
      pending.insert(retry.position)
    }
    for hole in holesInFlight() where hole.lane == lane.slot && asked.contains(hole.position) {
      pending.insert(hole.position)
    }
    return pending
  }

  /// How many more replays the lane takes now; behind its backlog only a trickle.
  private func replayRoom(_ lane: LaneRef) -> Int {
    var due = Int(lane.it.retriesInFlight)
    for retry in lane.it.retries.all where retry.dueMilliseconds <= nowMilliseconds { due += 1 }
    let slots = Int(lane.it.maxInFlight)
    let limit = lane.it.isLive ? slots * Self.replaysPerSlot : max(1, slots / 4)
    return min(limit - due, retriesFree - lane.it.retries.count)
  }

  /// An event that the lane has yet to come to is delivered then, if it is for the lane.
  private func hasBeenLookedAt(_ position: Position, by lane: LaneRef) -> Bool {
    lane.it.isLive ? position.sequence <= walked : position < cursor(lane)
  }

  private func open(_ lane: LaneRef, _ position: Position) {
    outcomeRoom -= 1
    push(.redelivery(position, to: lane.it.number, at: now.unix))
    lane.it.heldBytes += lane.it.heldMean
    lane.it.retries.add(
      Retry(position: position, dueMilliseconds: nowMilliseconds, attempts: 0, isReplay: true))
    retriesHeld += 1
    depth += 1
  }
}
