import Base
import Broker
import Platform
import Testing

// Goal: nobody rings in vain.
struct BellTests {
  private let sut = Bell()
  private func after(milliseconds: UInt64) -> Instant {
    RealClock.monotonic + .milliseconds(milliseconds)
  }

  @Test func `who rings in a pause is heard by the sleep after it`() {
    sut.ring()
    sut.pause(until: after(milliseconds: 20)) { false }
    let limit = after(milliseconds: 10_000)
    sut.sleep(until: limit) { false }
    #expect(RealClock.monotonic < limit)
  }

  @Test func `a pause lasts until its end, however often somebody rings`() {
    let end = after(milliseconds: 30)
    let sut = sut
    Thread.start(name: "test-ring") { for _ in 0..<1_000 { sut.ring() } }
    sut.pause(until: end) { false }
    #expect(RealClock.monotonic >= end)
  }

  @Test func `a pause that is over ends at once`() {
    let end = after(milliseconds: 10_000)
    sut.pause(until: end) { true }
    #expect(RealClock.monotonic < end)
  }
}
