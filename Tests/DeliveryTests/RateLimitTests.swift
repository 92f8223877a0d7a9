import Base
import Delivery
import Testing

// Goal: no more attempts than the rate allows, and not fewer either.
// Method: a loop that takes whenever it may, over simulated time.
struct RateLimitTests {
  private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private func taken(rate: Double, milliseconds: UInt64) -> Int {
    var sut = RateLimit(ratePerSecond: rate, now: at(0))
    var count = 0
    var now = at(0)
    while now < at(milliseconds) {
      let next = sut.nextAt(now: now)
      if next > now {
        now = next
        continue
      }
      sut.take()
      count += 1
    }
    return count
  }

  @Test(arguments: [0.5, 1, 7, 10, 100, 1_000])
  func `ten seconds see ten seconds' worth and a small burst`(_ rate: Double) {
    let count = Double(taken(rate: rate, milliseconds: 10_000))
    #expect(count >= rate * 10 - 1)
    #expect(count <= rate * 10 + max(1, rate / 10))
  }

  @Test func `without a rate nothing is held back`() {
    var sut = RateLimit(ratePerSecond: 0, now: at(0))
    for _ in 0..<10_000 {
      #expect(sut.nextAt(now: at(0)) == at(0))
      sut.take()
    }
  }

  @Test func `a long rest earns no more than the burst`() {
    var sut = RateLimit(ratePerSecond: 10, now: at(0))
    sut.take()
    let late = at(3_600_000)
    #expect(sut.nextAt(now: late) == late)
    sut.take()
    #expect(sut.nextAt(now: late) > late)
  }

  @Test func `time that goes backwards gives nothing`() {
    var sut = RateLimit(ratePerSecond: 10, now: at(1_000))
    sut.take()
    #expect(sut.nextAt(now: at(0)) > at(0))
    #expect(sut.nextAt(now: at(1_000)) > at(1_000))
  }

  @Test func `a changed rate applies at once`() {
    var sut = RateLimit(ratePerSecond: 0, now: at(0))
    sut.change(ratePerSecond: 1, now: at(0))
    #expect(sut.nextAt(now: at(0)) == at(0))
    sut.take()
    #expect(sut.nextAt(now: at(0)) > at(900))
    sut.change(ratePerSecond: 0, now: at(0))
    #expect(sut.nextAt(now: at(0)) == at(0))
  }

  @Test(arguments: [-1, .infinity, .nan]) func `a nonsensical rate is none`(_ rate: Double) {
    #expect(RateLimit(ratePerSecond: rate, now: at(0)).ratePerSecond == 0)
  }
}
