// Goal: a timer never fires early, at most one tick late, exactly once; the wheel's next deadline is
// never later than the next due timer; long gaps cost nothing.
// Method: a plain array of deadlines as the model, random operations from seeds, all scales of time.
internal import Base
internal import Testing

@Suite struct TimerWheelTests {
  static let millisecond: UInt64 = 1_000_000

  /// The wheel and a list that says what it must do.
  struct Model: ~Copyable {
    struct Timer {
      var id: TimerID
      var deadline: UInt64
      var setAt: UInt64
    }
    var wheel: TimerWheel
    var now: UInt64
    var random: SeededRandom
    var timers: [UInt64: Timer] = [:]
    var nextTag: UInt64 = 0
    var fired = 0

    init(seed: UInt64) {
      random = SeededRandom(seed: seed)
      now = random.below(1 << 50)
      wheel = TimerWheel(now: Instant(nanoseconds: now))
    }

    /// A span on a random scale: from nothing to beyond the wheel's last level.
    mutating func span(bitsMax: UInt64) -> UInt64 {
      random.below(1 << (1 + random.below(bitsMax)))
    }

    mutating func schedule(bitsMax: UInt64) {
      let back = random.oneIn(20)
      let distance = span(bitsMax: bitsMax)
      let deadline = back ? now - min(now, distance) : now + distance
      let id = wheel.schedule(at: Instant(nanoseconds: deadline), tag: nextTag)
      timers[nextTag] = Timer(id: id, deadline: deadline, setAt: now)
      nextTag += 1
    }

    mutating func cancel() {
      guard !timers.isEmpty else { return }
      // Tags are dense, so a random one is soon a live one; a stale one must be harmless anyway.
      let tag = random.below(nextTag)
      guard let timer = timers.removeValue(forKey: tag) else { return }
      wheel.cancel(timer.id)
      if random.oneIn(4) { wheel.cancel(timer.id) }
    }

    /// Moves time and takes what is due; checks each against the model.
    mutating func advance(to time: UInt64) {
      let earliest = timers.values.map(\.deadline).min()
      let bound = wheel.nextDeadline
      if let earliest {
        // A timer that was set late is due at the next tick at the latest.
        #expect(bound.nanoseconds <= max(earliest, now) + 2 * millisecond, "next deadline too late")
      } else {
        #expect(bound == .distantFuture)
      }
      now = time
      while let tag = wheel.popDue(now: Instant(nanoseconds: now)) {
        guard let timer = timers.removeValue(forKey: tag) else {
          Issue.record("tag \(tag) fired twice, or after it was cancelled")
          continue
        }
        fired += 1
        #expect(timer.deadline <= now, "fired early")
      }
      // What is left must lie ahead, or have been due for less than a tick.
      for timer in timers.values {
        #expect(max(timer.deadline, timer.setAt) + millisecond > now, "not fired in time")
      }
      #expect(wheel.count == timers.count)
    }
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func `random operations equal a list of deadlines`(seed: UInt64) {
    var model = Model(seed: seed)
    let bitsMax: UInt64 = [24, 34, 44, 57][Int(seed % 4)]
    for _ in 0..<3_000 {
      switch model.random.below(10) {
      case 0..<5: model.schedule(bitsMax: bitsMax)
      case 5..<7: model.cancel()
      case 7:
        let step = model.span(bitsMax: bitsMax)
        model.advance(to: model.now + step)
      case 8:
        let step = model.random.below(3 * Self.millisecond)
        model.advance(to: model.now + step)
      default:
        // What a thread does: sleep until the wheel's own deadline, no longer.
        let deadline = model.wheel.nextDeadline
        if deadline != .distantFuture { model.advance(to: max(model.now, deadline.nanoseconds)) }
      }
    }
    #expect(model.fired > 100)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `a loop that sleeps until the next deadline fires everything within one tick`(
    seed: UInt64
  ) {
    var model = Model(seed: seed)
    for _ in 0..<200 { model.schedule(bitsMax: 52) }
    var wakes = 0
    while model.wheel.count > 0, wakes < 10_000 {
      let deadline = model.wheel.nextDeadline
      #expect(deadline != .distantFuture)
      model.advance(to: max(model.now, deadline.nanoseconds))
      wakes += 1
    }
    #expect(model.fired == 200)
    // At most one wake a level and timer: early wakes are for cascades only.
    #expect(wakes <= 200 * 6)
  }

  @Test func `a timer fires at its millisecond, not before`() {
    var wheel = TimerWheel(now: Instant(nanoseconds: 500))
    _ = wheel.schedule(at: Instant(nanoseconds: 5_000_001), tag: 9)
    #expect(wheel.popDue(now: Instant(nanoseconds: 5_000_001)) == nil)
    #expect(wheel.popDue(now: Instant(nanoseconds: 5_999_999)) == nil)
    #expect(wheel.popDue(now: Instant(nanoseconds: 6_000_000)) == 9)
    #expect(wheel.popDue(now: Instant(nanoseconds: 6_000_000)) == nil)
    #expect(wheel.count == 0)
  }

  @Test func `timers of one level boundary fire on their tick`() {
    let edges: [UInt64] = [
      1, 2, 62, 63, 64, 65, 127, 128, 129, 4_095, 4_096, 4_097, 262_143, 262_144, 262_145,
      1 << 24, (1 << 24) + 1, 1 << 30, (1 << 30) + 63, 1 << 36, (1 << 36) + 1, 1 << 37,
    ]
    for start in [0, 1, 63, 64, 4_095, 262_143, (1 << 30) - 1] as [UInt64] {
      var wheel = TimerWheel(now: Instant(nanoseconds: start * Self.millisecond))
      for edge in edges {
        _ = wheel.schedule(
          at: Instant(nanoseconds: (start + edge) * Self.millisecond), tag: edge)
      }
      for edge in edges {
        let due = (start + edge) * Self.millisecond
        #expect(wheel.popDue(now: Instant(nanoseconds: due - 1)) == nil)
        #expect(wheel.popDue(now: Instant(nanoseconds: due)) == edge)
      }
      #expect(wheel.count == 0)
    }
  }

  @Test func `due timers come in order of their ticks after one long sleep`() {
    var random = SeededRandom(seed: 5)
    var wheel = TimerWheel(now: Instant(nanoseconds: 0))
    for _ in 0..<1_000 {
      let tick = 1 + random.below(1 << 22)
      _ = wheel.schedule(at: Instant(nanoseconds: tick * Self.millisecond), tag: tick)
    }
    var last: UInt64 = 0
    var count = 0
    while let tick = wheel.popDue(now: Instant(nanoseconds: (1 << 22) * Self.millisecond)) {
      #expect(tick >= last)
      last = tick
      count += 1
    }
    #expect(count == 1_000)
  }

  @Test func `a long idle gap before a far timer costs no step a millisecond`() {
    var wheel = TimerWheel(now: Instant(nanoseconds: 0))
    let year: UInt64 = 365 * 86_400_000 * Self.millisecond
    _ = wheel.schedule(at: Instant(nanoseconds: 3 * year), tag: 1)
    let clock = ContinuousClock()
    let spent = clock.measure {
      var now: UInt64 = 0
      while now < 3 * year - Self.millisecond {
        now = min(now + year / 100, 3 * year - Self.millisecond)
        #expect(wheel.popDue(now: Instant(nanoseconds: now)) == nil)
      }
    }
    #expect(spent < .seconds(1))
    #expect(wheel.popDue(now: Instant(nanoseconds: 3 * year)) == 1)
  }

  @Test func `no timer means no deadline, and distant ones are kept`() {
    var wheel = TimerWheel(now: Instant(nanoseconds: 77))
    #expect(wheel.nextDeadline == .distantFuture)
    let id = wheel.schedule(at: .distantFuture, tag: 1)
    #expect(wheel.nextDeadline < .distantFuture)
    #expect(wheel.popDue(now: Instant(nanoseconds: 1 << 55)) == nil)
    wheel.cancel(id)
    #expect(wheel.nextDeadline == .distantFuture)
    #expect(wheel.popDue(now: Instant(nanoseconds: 1 << 56)) == nil)
  }

  @Test func `a stale name cancels nothing when its entry is used again`() {
    var wheel = TimerWheel(now: Instant(nanoseconds: 0))
    let first = wheel.schedule(at: Instant(nanoseconds: Self.millisecond), tag: 1)
    #expect(wheel.popDue(now: Instant(nanoseconds: Self.millisecond)) == 1)
    _ = wheel.schedule(at: Instant(nanoseconds: 3 * Self.millisecond), tag: 2)
    wheel.cancel(first)
    wheel.cancel(.none)
    #expect(wheel.popDue(now: Instant(nanoseconds: 3 * Self.millisecond)) == 2)
  }

  @Test func `a deadline in the past fires at the next tick`() {
    var wheel = TimerWheel(now: Instant(nanoseconds: 100 * Self.millisecond))
    _ = wheel.schedule(at: Instant(nanoseconds: 5), tag: 1)
    #expect(wheel.nextDeadline <= Instant(nanoseconds: 101 * Self.millisecond))
    #expect(wheel.popDue(now: Instant(nanoseconds: 101 * Self.millisecond)) == 1)
  }
}
