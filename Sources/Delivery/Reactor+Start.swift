internal import Base
internal import Flow
internal import Platform

/// A delivery that is about to be tried.
struct Delivery: BitwiseCopyable {
  var position: Position
  /// Attempts made so far.
  var attempts: UInt16
  var isRetry: Bool
  var isReplay = false
  var isProbe: Bool
  /// Not on a kept connection.
  var needsFresh: Bool
}

/// What came of trying to start an attempt.
enum Start: BitwiseCopyable {
  case started
  /// All connections that the origin may have are busy.
  case hostFull
  /// Something that all lanes share is used up.
  case stalled
}

extension Reactor {
  /// What a lane itself allows.
  enum Capacity {
    case free(isProbe: Bool)
    case none
  }

  /// Whether the lane may start an attempt; if not, whatever changes that has it served again.
  func capacity(_ lane: LaneRef) -> Capacity {
    guard lane.it.maySend, !isDraining, lane.it.inFlight < lane.it.inFlightLimit else {
      return .none
    }
    if lane.it.isOrdered, lane.it.inFlight > 0 { return .none }
    var isProbe = false
    switch lane.it.breaker.permission(now: now.instant) {
    case .normal: break
    case .probe: isProbe = true
    case .wait(let instant):
      arm(lane, at: instant)
      return .none
    }
    let next = lane.it.rate.nextAt(now: now.instant)
    if now.instant < next {
      arm(lane, at: next)
      return .none
    }
    return .free(isProbe: isProbe)
  }

  /// Whether an event that was never tried may be: ordered lanes finish the one before first, and
  /// failed deliveries may not pile up without bound.
  func mayTakeFresh(_ lane: LaneRef) -> Bool {
    if lane.it.isOrdered { return lane.it.retries.isEmpty }
    let holes = lane.it.holes
    if holes < Int(lane.it.maxInFlight) { return true }
    return holes < retriesFree
  }

  /// Waiting deliveries that there is still room for: also how many one lane may have.
  var retriesFree: Int { configuration.retriesMax - retriesHeld }

  /// Starts an attempt on a kept connection, or on a new one.
  ///
  /// Everything of the event that is needed later is copied: no block stays pinned.
  func start(_ lane: LaneRef, _ event: EventView, _ delivery: Delivery) -> Start {
    guard window.takesOutcomes, hasOutcomeRoom(),
      let origin = pool.origins.find(lane.it.origin)
    else { return .stalled }
    if origin.it.idle != noSlot, !delivery.needsFresh {
      guard let connection = pool.takeIdle(origin) else { return .stalled }
      begin(connection, lane, event, delivery)
      sendKept(connection, lane, event)
      return .started
    }
    if origin.it.open >= limits.perHostMax, !closeIdle(of: origin) { return .hostFull }
    guard connectsLeft > 0, bufferedBytes < configuration.bufferBytesMax, makeRoom(),
      let connection = pool.open(origin)
    else { return .stalled }
    connectsLeft -= 1
    begin(connection, lane, event, delivery)
    sendFresh(connection, lane, event, origin)
    return .started
  }

  /// A resend may not use the idle connections, but their places.
  private func closeIdle(of origin: OriginRef) -> Bool {
    guard let connection = pool.connections.find(slot: origin.it.idle) else { return false }
    close(connection)
    return true
  }

  /// Room for one more connection over all: those unused longest give way.
  private func makeRoom() -> Bool {
    while pool.isFull {
      guard let oldest = pool.oldestIdle else { return false }
      close(oldest)
    }
    return true
  }

  private func begin(
    _ connection: ConnectionRef, _ lane: LaneRef, _ event: EventView, _ delivery: Delivery
  ) {
    startsLeft -= 1
    outcomeRoom -= 1
    outcomesReserved += 1
    inFlight += 1
    lane.it.inFlight += 1
    if delivery.isRetry {
      lane.it.retriesInFlight += 1
      retriesHeld -= 1
    } else {
      lane.it.accounted += 1
      lane.it.accountedBytes += Int64(event.header.plainBytes)
      lane.it.heldBytes += UInt64(event.header.plainBytes)
    }
    lane.it.rate.take()
    if delivery.isProbe { lane.it.breaker.beginProbe() }
    connection.it.begin(
      Attempt(
        lane: lane.id, position: delivery.position, eventTime: event.header.time,
        startedAt: now.instant, deadline: now.instant + lane.it.timeout,
        plainBytes: UInt32(event.header.plainBytes), number: delivery.attempts &+ 1,
        isProbe: delivery.isProbe, isRetry: delivery.isRetry, isReplay: delivery.isReplay,
        isResend: delivery.needsFresh))
  }

  private func sendKept(_ connection: ConnectionRef, _ lane: LaneRef, _ event: EventView) {
    arm(connection, at: connection.it.attempt.deadline)
    scratch.removeAll()
    writer.write(
      lane, event, at: connection.it.attempt.position, seconds: now.unix.seconds,
      into: &scratch)
    send(connection)
  }

  private func sendFresh(
    _ connection: ConnectionRef, _ lane: LaneRef, _ event: EventView, _ origin: OriginRef
  ) {
    writer.write(
      lane, event, at: connection.it.attempt.position, seconds: now.unix.seconds,
      into: &connection.it.out)
    account(connection)
    connection.it.connectDeadline = min(
      now.instant + lane.it.connectTimeout, connection.it.attempt.deadline)
    open(connection, origin)
  }

  /// Whether the delivery has become too old to be tried.
  func isExpired(_ lane: LaneRef, _ event: EventView) -> Bool {
    let time = event.header.time.value
    return now.unix.value > time && now.unix.value - time > lane.it.maxAgeMilliseconds
  }

  /// Whether the event's content was deleted.
  @inline(__always)
  func isExpunged(_ position: Position) -> Bool {
    !expunged.isEmpty && expunged.contains(position.packed)
  }

  /// Settles a delivery that is too old, or of which there is nothing left to send.
  /// - Returns: `false` when there is no room to say so; then nothing has changed.
  func expire(
    _ lane: LaneRef, _ event: EventView, _ position: Position, attempts: UInt16, isHole: Bool
  ) -> Bool {
    guard hasOutcomeRoom() else { return false }
    outcomeRoom -= 1
    forgetPending(1)
    if isHole {
      retriesHeld -= 1
      lane.it.dropHeld(UInt64(event.header.plainBytes))
    } else {
      lane.it.accounted += 1
      lane.it.accountedBytes += Int64(event.header.plainBytes)
    }
    counters.expired.add()
    push(
      Outcome(
        position: position, endpoint: lane.it.number, kind: .expired, attempt: attempts,
        due: now.unix, failure: isExpunged(position) ? .expunged : .none))
    return true
  }
}
