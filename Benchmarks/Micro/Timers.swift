internal import Base

extension MicroCase {
  /// A deadline set and taken back, as each attempt does with its timeout, and time going by: with
  /// 10,000 timers in the wheel.
  static func timerWheel() -> MicroCase {
    let wheel = WheelBox()
    return MicroCase(name: "timer", event: "a deadline set and cancelled") { events in
      wheel.run(events)
    }
  }
}

/// A closure keeps no noncopyable value; an object does.
private final class WheelBox {
  private var wheel: TimerWheel
  private var timers: [TimerID] = []
  private var now = Instant(nanoseconds: 1_000_000_000)
  private static let waiting = 10_000

  init() {
    wheel = TimerWheel(now: now)
    for tag in 0..<Self.waiting {
      timers.append(wheel.schedule(at: now + .seconds(15), tag: UInt64(tag)))
    }
  }

  func run(_ events: Int) -> UInt64 {
    var fired: UInt64 = 0
    for event in 0..<events {
      let place = event % Self.waiting
      wheel.cancel(timers[place])
      timers[place] = wheel.schedule(at: now + .seconds(15), tag: UInt64(place))
      // 100,000 attempts a second: time moves on in steps of a turn.
      if event & 63 == 0 {
        now = now + .microseconds(640)
        while wheel.popDue(now: now) != nil { fired += 1 }
      }
    }
    return fired &+ UInt64(wheel.count)
  }
}
