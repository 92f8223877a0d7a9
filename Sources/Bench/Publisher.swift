package import Base
package import Platform
internal import Synchronization

/// Publishes on the local socket: as fast as answers come, or by a fixed schedule.
///
/// > Runs on: a thread of its own for each phase, one phase at a time; `stop` is for any thread.
package final class Publisher: @unchecked Sendable {
  /// One phase of publishing.
  package struct Phase: Sendable {
    /// Its events are marked, and not counted by the sink.
    package var isWarmUp = false
    /// Events at most.
    package var eventsMax: UInt64
    /// After which no more are sent; `nil` for no such limit.
    package var duration: Nanoseconds?
    /// The schedule of an open loop; `nil` sends as fast as answers come.
    package var pace: Pace?
    /// Full speed only: no event is sent while so many deliveries are on their way; `nil` for any
    /// number.
    package var pendingMax: UInt64?

    package init(eventsMax: UInt64) { self.eventsMax = eventsMax }
  }

  /// How long unanswered events are waited for when publishing was stopped.
  private static let patience = Nanoseconds.seconds(5)
  /// How often a publisher that waits for deliveries looks at them.
  private static let pendingInterval = Nanoseconds.microseconds(200)
  /// How often `stop` is looked at.
  private static let stopInterval = Nanoseconds.milliseconds(50)
  /// A broker that refuses so many will refuse them all.
  private static let refusedMax: UInt64 = 100_000

  private let supply: EventSupply
  private let fanOut: FanOut
  private let boards: [Board]
  private let poller = Poller()
  private var connections = Slab<PublisherConnection>(capacity: 4096)
  private var ids: [SlotID] = []
  private var next = 0
  private let stopping = Atomic<Bool>(false)

  /// Connects.
  ///
  /// - Parameters:
  ///   - path: the broker's socket.
  ///   - connections: how many publish, in turns.
  ///   - pipeline: unanswered events of each, at most.
  ///   - boards: what the sinks have received.
  package init(
    path: String, connections count: Int, pipeline: Int, supply: EventSupply, fanOut: FanOut,
    boards: [Board]
  ) throws(SystemError) {
    self.supply = supply
    self.fanOut = fanOut
    self.boards = boards
    for index in 0..<count {
      let made = try PublisherConnection(
        path: path, pipeline: pipeline, poller: poller, tag: UInt64(index))
      guard let id = connections.insert(made) else { break }
      ids.append(id)
    }
  }

  /// Begins a phase on a thread of its own; the tally tells its end.
  package func start(_ phase: Phase) -> PublishTally {
    let tally = PublishTally()
    Thread.start(name: "publisher") { [self] in
      ProcessSetup.preciseTimers()
      run(phase, tally)
    }
    return tally
  }

  /// Ends the running phase, and every later one, as soon as what is in flight is answered.
  /// > Runs on: any thread.
  package func stop() { stopping.store(true, ordering: .relaxed) }

  private func run(_ phase: Phase, _ tally: PublishTally) {
    let start = RealClock.monotonic
    tally.startTime.set(start.nanoseconds)
    var stopped: Instant?
    var failure: String?
    while true {
      let now = RealClock.monotonic
      if stopped == nil, stopping.load(ordering: .relaxed) { stopped = now }
      if tally.refused.value >= Self.refusedMax {
        failure = "the broker refuses events"
        break
      }
      let isSending = stopped == nil && wantsMore(phase, tally, now.since(start))
      if isSending { lay(phase, tally, start: start, now: now) }
      guard forEachConnection({ $0.flush() }) else {
        failure = "the broker closed the connection"
        break
      }
      let inFlight = unanswered
      if !isSending, inFlight == 0 { break }
      if let stopped, now >= stopped + Self.patience { break }
      let deadline = isSending ? deadline(phase, tally, start: start, now: now) : nil
      let ready = poller.wait(now: now, until: deadline ?? now + Self.stopInterval)
      guard receive(ready, tally) else {
        failure = "the broker closed the connection"
        break
      }
    }
    var left: [UInt64] = []
    _ = forEachConnection {
      left += $0.unanswered
      return true
    }
    tally.end(failure: failure, unanswered: left)
  }

  private func wantsMore(_ phase: Phase, _ tally: PublishTally, _ age: Nanoseconds) -> Bool {
    if tally.sent.value >= phase.eventsMax { return false }
    // An open loop sends its whole schedule, however late: what is due is due.
    if phase.pace != nil { return true }
    return phase.duration.map { age < $0 } ?? true
  }

  /// Lays down what is due and has room.
  private func lay(_ phase: Phase, _ tally: PublishTally, start: Instant, now: Instant) {
    var allowed = phase.eventsMax - tally.sent.value
    if let pace = phase.pace {
      allowed = min(allowed, pace.due(after: now.since(start).count) &- tally.sent.value)
    } else if let most = phase.pendingMax, fanOut.fanOut > 0 {
      allowed = min(allowed, roomForPending(most, tally))
    }
    let bit = phase.isWarmUp ? Marker.warmUpBit : 0
    while allowed > 0, let id = connectionWithRoom() {
      let number = tally.sent.value
      var time = now.nanoseconds
      if let pace = phase.pace {
        time = start.nanoseconds + pace.offset(of: number)
        tally.slip.record(nanoseconds: now.nanoseconds &- time)
      }
      guard let connection = unsafe connections.pointer(id) else { return }
      unsafe connection.pointee.add(Marker(number: number | bit, time: time), from: supply)
      tally.sent.add()
      allowed -= 1
    }
  }

  /// Events that may be sent before `most` deliveries are on their way.
  private func roomForPending(_ most: UInt64, _ tally: PublishTally) -> UInt64 {
    let unanswered = tally.sent.value - tally.acknowledged.value - tally.refused.value
    let came = boards.reduce(0) { $0 + $1.value(.received) }
    let expected = tally.deliveries.value + unanswered * UInt64(fanOut.fanOut)
    let pending = expected > came ? expected - came : 0
    return pending >= most ? 0 : (most - pending) / UInt64(fanOut.fanOut) + 1
  }

  private func connectionWithRoom() -> SlotID? {
    for _ in ids.indices {
      let id = ids[next]
      next = next + 1 == ids.count ? 0 : next + 1
      if let connection = unsafe connections.pointer(id), unsafe connection.pointee.hasRoom {
        return id
      }
    }
    return nil
  }

  private func deadline(
    _ phase: Phase, _ tally: PublishTally, start: Instant, now: Instant
  ) -> Instant {
    let latest = now + Self.stopInterval
    if let pace = phase.pace {
      let due = start + Nanoseconds(pace.offset(of: tally.sent.value))
      // What is due and was not laid down waits for answers, which wake us.
      return due > now ? min(due, latest) : latest
    }
    guard let most = phase.pendingMax, roomForPending(most, tally) == 0 else { return latest }
    return now + Self.pendingInterval
  }

  private func receive(_ ready: [Readiness], _ tally: PublishTally) -> Bool {
    if ready.isEmpty { return true }
    let now = RealClock.monotonic
    for event in ready where event.readable {
      guard let connection = unsafe connections.pointer(ids[Int(event.tag)]) else { continue }
      let isOpen = unsafe connection.pointee.receive { marker, answer in
        switch answer {
        case .accepted(let endpoints):
          tally.acknowledged.add()
          tally.deliveries.add(endpoints)
          tally.lastTime.set(now.nanoseconds)
          tally.acknowledgement.record(nanoseconds: now.nanoseconds &- marker.time)
        case .refused(let text): tally.refuse(marker.number & ~Marker.warmUpBit, text)
        }
      }
      guard isOpen else { return false }
    }
    return true
  }

  private var unanswered: Int {
    var count = 0
    _ = forEachConnection {
      count += $0.inFlight
      return true
    }
    return count
  }

  /// - Returns: `false` when `body` did for one of them.
  private func forEachConnection(_ body: (inout PublisherConnection) -> Bool) -> Bool {
    for id in ids {
      guard let connection = unsafe connections.pointer(id) else { continue }
      if unsafe !body(&connection.pointee) { return false }
    }
    return true
  }
}
