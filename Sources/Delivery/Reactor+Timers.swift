internal import Base
internal import Flow

/// What a timer's tag names: kind (8 bits), generation (24), slot (32).
enum TimerTag {
  static let lane: UInt64 = 1
  static let connection: UInt64 = 2

  static func make(_ kind: UInt64, _ id: SlotID) -> UInt64 {
    kind << 56 | UInt64(id.generation & 0xFF_FFFF) << 32 | UInt64(id.slot)
  }

  static func names(_ tag: UInt64, _ id: SlotID) -> Bool {
    UInt64(id.generation & 0xFF_FFFF) == tag >> 32 & 0xFF_FFFF
  }
}

extension Reactor {
  /// Deals with every timer that is due.
  func fireTimers() {
    while let tag = wheel.popDue(now: now.instant) {
      let slot = UInt32(truncatingIfNeeded: tag)
      if tag >> 56 == TimerTag.connection {
        guard let connection = pool.connections.find(slot: slot),
          TimerTag.names(tag, connection.id)
        else { continue }
        connection.it.timer = .none
        connectionTimedOut(connection)
      } else if let lane = lanes.find(slot: slot), TimerTag.names(tag, lane.id) {
        lane.it.timer = .none
        lane.it.timerAt = .distantFuture
        enqueue(lane)
      }
    }
  }

  /// Has the lane served at `deadline`, or earlier if it was to be anyway.
  func arm(_ lane: LaneRef, at deadline: Instant) {
    if lane.it.timerAt <= deadline || deadline == .distantFuture { return }
    wheel.cancel(lane.it.timer)
    lane.it.timer = wheel.schedule(at: deadline, tag: TimerTag.make(TimerTag.lane, lane.id))
    lane.it.timerAt = deadline
  }

  /// Has the lane served when its next retry is due.
  ///
  /// One that is due already and was not sent waits for an answer or a block, and that has the lane
  /// served: a timer in the past would wake the reactor every millisecond meanwhile.
  func armForRetry(_ lane: LaneRef) {
    guard let first = lane.it.retries.first else { return }
    var due = first.dueMilliseconds
    if lane.it.isOrdered, let oldest = lane.it.retries.indexOfOldest {
      due = lane.it.retries[oldest].dueMilliseconds
    }
    if due <= nowMilliseconds { return }
    arm(lane, at: Instant(nanoseconds: due * 1_000_000))
  }

  func disarm(_ lane: LaneRef) {
    wheel.cancel(lane.it.timer)
    lane.it.timer = .none
    lane.it.timerAt = .distantFuture
  }

  /// Replaces the connection's one timer.
  func arm(_ connection: ConnectionRef, at deadline: Instant) {
    wheel.cancel(connection.it.timer)
    connection.it.timer = wheel.schedule(
      at: deadline, tag: TimerTag.make(TimerTag.connection, connection.id))
  }
}
