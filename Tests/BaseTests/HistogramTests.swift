// Goal: every time lands in the bucket whose bounds enclose it, so quantiles are right to 25 %.
// Method: times around all bucket bounds and at random, against the published upper bounds.
internal import Base
internal import Testing

@Suite struct HistogramTests {
  static func bucket(of time: Nanoseconds) -> Int? {
    let histogram = Histogram()
    histogram.record(time)
    return histogram.snapshot().counts.firstIndex(of: 1)
  }

  static func check(_ nanoseconds: UInt64) {
    guard let bucket = bucket(of: Nanoseconds(nanoseconds)) else {
      Issue.record("\(nanoseconds) ns was not counted")
      return
    }
    let seconds = Double(nanoseconds) / 1e9
    // A time just at a bound may be in the bucket that it begins.
    #expect(seconds <= Histogram.upperBound(bucket) * 1.000_001, "\(nanoseconds) ns")
    if bucket > 0 {
      #expect(seconds >= Histogram.upperBound(bucket - 1) * 0.999_999, "\(nanoseconds) ns")
    }
  }

  @Test func `times lie between the bounds of their bucket`() {
    for bucket in 0..<(Histogram.bucketCount - 1) {
      let bound = UInt64(Histogram.upperBound(bucket) * 1e9)
      for time in [bound - 1, bound, bound + 1, bound + 300] { Self.check(time) }
    }
    var random = SeededRandom(seed: 6)
    for _ in 0..<500 { Self.check(random.below(1 << (1 + random.below(48)))) }
    Self.check(0)
    Self.check(.max)
  }

  @Test func `bounds grow, by a quarter at most, up to 18 minutes`() {
    for bucket in 1..<(Histogram.bucketCount - 1) {
      let ratio = Histogram.upperBound(bucket) / Histogram.upperBound(bucket - 1)
      #expect(ratio > 1.1 && ratio <= 1.2501)
    }
    #expect(Histogram.upperBound(Histogram.bucketCount - 2) > 1_073)
    #expect(Histogram.upperBound(Histogram.bucketCount - 1) == .infinity)
  }

  @Test func `quantiles are right to a quarter`() {
    let histogram = Histogram()
    for value in 1...1_000 { histogram.record(.microseconds(UInt64(value))) }
    let (counts, sum) = histogram.snapshot()
    #expect(counts.reduce(0, +) == 1_000)
    #expect(abs(sum - 0.5005) < 1e-9)
    for (fraction, expected) in [(0.5, 500e-6), (0.9, 900e-6), (0.99, 990e-6)] {
      let quantile = Histogram.quantile(fraction, of: counts)
      #expect(quantile >= expected * 0.99 && quantile <= expected * 1.26)
    }
  }

  @Test func `an empty histogram has quantile 0`() {
    #expect(Histogram.quantile(0.99, of: Histogram().snapshot().counts) == 0)
  }

  @Test func `a counter adds and is replaced`() {
    let counter = Counter(5)
    counter.add()
    counter.add(10)
    #expect(counter.value == 16)
    counter.set(3)
    #expect(counter.value == 3)
  }
}
