import Base
import Delivery
import Testing

// Goal: a broken endpoint is left alone, and found again soon after it works.
// Method: results in, phases and permissions out; time is a number.
struct BreakerTests {
  private var sut = Breaker()
  private var random = SeededRandom(seed: 7)
  private func at(_ seconds: Double) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + UInt64(seconds * 1e9))
  }

  private mutating func record(_ success: Bool, probe: Bool = false, at seconds: Double = 0)
    -> Breaker.Change
  {
    sut.record(success: success, wasProbe: probe, now: at(seconds), random: &random)
  }

  private mutating func openIt() {
    for _ in 0..<5 { _ = record(false) }
  }

  @Test mutating func `five failures in a row open it`() {
    for _ in 0..<4 { #expect(record(false) == .none) }
    #expect(record(false) == .opened)
    #expect(sut.phase == .open)
  }

  @Test mutating func `a success in between begins the count again`() {
    for _ in 0..<4 { _ = record(false) }
    _ = record(true)
    for _ in 0..<4 { #expect(record(false) == .none) }
    #expect(sut.phase == .closed)
  }

  @Test mutating func `half of the last twenty open it, nine do not`() {
    for round in 0..<20 {
      let change = record(round % 2 == 0)
      #expect(change == (round == 19 ? .opened : .none), "round \(round)")
    }
    sut = Breaker()
    for round in 0..<200 { #expect(record(round % 20 < 11 || round % 2 == 0) == .none) }
  }

  @Test mutating func `the first probe goes after five seconds, give or take a fifth`() {
    openIt()
    #expect(sut.probeAt >= at(4) && sut.probeAt <= at(6))
    #expect(sut.permission(now: at(3.9)) == .wait(sut.probeAt))
    #expect(sut.permission(now: at(6.1)) == .probe)
  }

  @Test mutating func `one probe at a time`() {
    openIt()
    sut.beginProbe()
    #expect(sut.permission(now: at(10)) == .wait(.distantFuture))
    sut.abandonProbe()
    #expect(sut.permission(now: at(10)) == .probe)
  }

  @Test mutating func `each failed probe doubles the wait, up to five minutes`() {
    openIt()
    var wait = 5.0
    var now = 0.0
    for _ in 0..<12 {
      now += 1_000
      sut.beginProbe()
      wait = min(wait * 2, 300)
      #expect(record(false, probe: true, at: now) == .opened)
      #expect(sut.probeAt >= at(now + wait * 0.8) && sut.probeAt <= at(now + wait * 1.2))
    }
  }

  @Test mutating func `three successful probes close it`() {
    openIt()
    for round in 1...3 {
      #expect(sut.permission(now: at(10)) == .probe)
      sut.beginProbe()
      #expect(record(true, probe: true, at: 10) == (round == 3 ? .closed : .none))
    }
    #expect(sut == Breaker())
  }

  @Test mutating func `a failure after two successful probes opens it again`() {
    openIt()
    for _ in 0..<2 {
      sut.beginProbe()
      _ = record(true, probe: true, at: 10)
    }
    sut.beginProbe()
    #expect(record(false, probe: true, at: 11) == .opened)
    sut.beginProbe()
    #expect(record(true, probe: true, at: 50) == .none)
    #expect(sut.phase == .halfOpen)
  }

  @Test mutating func `what was in flight when it opened changes nothing`() {
    openIt()
    let before = sut
    for success in [true, false, true, true, true] {
      #expect(record(success, at: 1) == .none)
    }
    #expect(sut == before)
  }

  @Test mutating func `a reset closes it`() {
    openIt()
    sut.reset()
    #expect(sut.permission(now: at(0)) == .normal)
  }
}
