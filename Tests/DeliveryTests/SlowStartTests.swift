import Delivery
import Testing

// Goal: an endpoint that has just come back is not run over.
struct SlowStartTests {
  @Test func `nothing is held back unless begun`() {
    var sut = SlowStart()
    sut.record(success: false, ceiling: 64)
    #expect(!sut.isActive)
    #expect(sut.limit == .max)
  }

  @Test func `each round of successes doubles the limit until the ceiling`() {
    var sut = SlowStart()
    sut.begin()
    var limits: [UInt32] = []
    while sut.isActive {
      limits.append(sut.limit)
      for _ in 0..<sut.limit { sut.record(success: true, ceiling: 64) }
    }
    #expect(limits == [1, 2, 4, 8, 16, 32])
  }

  @Test func `a failure halves it, never below one`() {
    var sut = SlowStart()
    sut.begin()
    for _ in 0..<7 { sut.record(success: true, ceiling: 64) }
    #expect(sut.limit == 8)
    sut.record(success: false, ceiling: 64)
    #expect(sut.limit == 4)
    for _ in 0..<5 { sut.record(success: false, ceiling: 64) }
    #expect(sut.limit == 1)
  }

  @Test(arguments: [1, 2, 3, 5, 100] as [UInt32])
  func `it ends for every ceiling`(_ ceiling: UInt32) {
    var sut = SlowStart()
    sut.begin()
    for _ in 0..<1_000 { sut.record(success: true, ceiling: ceiling) }
    #expect(!sut.isActive)
  }
}
