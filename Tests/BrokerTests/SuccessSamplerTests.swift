import Base
import Broker
import Testing

/// Goal: of many successes a bounded number a second is kept, of few all.
/// Method: the sampler with times by hand.
struct SuccessSamplerTests {
  @Test func `so many a second, and afresh in the next`() {
    var sampler = SuccessSampler(perSecond: 3)
    func takes(_ milliseconds: UInt64) -> Bool { sampler.takes(UnixMilliseconds(milliseconds)) }
    #expect((0..<5).map { takes(1_000 + $0) } == [true, true, true, false, false])
    #expect((0..<5).map { takes(2_000 + $0 * 200) } == [true, true, true, false, false])
    #expect(takes(9_000))
  }
}
