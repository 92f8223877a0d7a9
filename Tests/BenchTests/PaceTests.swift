// Goal: an open loop sends event n at n ÷ rate after its start, without drift.
// Method: the schedule against exact fractions, at rates that do not divide a second.
import Bench
import Testing

@Suite struct PaceTests {
  @Test(arguments: [1.0, 3, 7, 1000, 2999, 123_457, 3_000_000])
  func `as many events are due as have their time behind them`(rate: Double) {
    let pace = Pace(perSecond: rate)
    for number in [0, 1, 2, 3, 10, 999, 1000, 1_000_003] as [UInt64] {
      let time = pace.offset(of: number)
      #expect(pace.due(after: time) >= number + 1, "event \(number) is due at its own time")
      if time > 0, pace.offset(of: number) != pace.offset(of: number &- 1) {
        #expect(pace.due(after: time - 1) <= number, "event \(number) is not due before it")
      }
    }
  }

  @Test func `a schedule does not drift`() {
    let pace = Pace(perSecond: 3)
    #expect(pace.offset(of: 0) == 0)
    #expect(pace.offset(of: 1) == 333_333_333)
    #expect(pace.offset(of: 3) == 1_000_000_000)
    #expect(pace.offset(of: 3 * 86_400) == 86_400 * 1_000_000_000)
  }

  @Test func `events that were missed are all due, each with its own time`() {
    let pace = Pace(perSecond: 1000)
    // A publisher that slept for a second owes a thousand events beside the first.
    #expect(pace.due(after: 1_000_000_000) == 1001)
    #expect(pace.offset(of: 500) == 500_000_000)
  }
}
