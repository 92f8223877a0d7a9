// Goal: percentiles are right to 1 %, and never below the truth.
// Method: known distributions, bounds of all buckets, two histograms merged.
import Base
import Bench
import Testing

@Suite struct LatencyHistogramTests {
  @Test func `every time lies in its bucket, and the buckets leave no gap`() {
    var random = SeededRandom(seed: 3)
    for _ in 0..<10_000 {
      let time = random.below(1 << (1 + random.below(39)))
      let bucket = LatencyHistogram.bucket(of: time)
      #expect(time <= LatencyHistogram.upperBound(bucket))
      if bucket > 0 { #expect(time > LatencyHistogram.upperBound(bucket - 1)) }
    }
    #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucketCount - 1)
  }

  @Test func `percentiles of even times are right to 1 %`() {
    let histogram = LatencyHistogram.make()
    for value in 1...100_000 { histogram.record(nanoseconds: UInt64(value) * 1000) }
    let times = histogram.snapshot()
    #expect(times.count == 100_000)
    for (fraction, truth) in [(0.5, 0.05), (0.99, 0.099), (0.999, 0.0999)] {
      let value = times.quantile(fraction)
      #expect(value >= truth * 0.999_999 && value <= truth * 1.01, "p\(fraction * 100)")
    }
    #expect(times.maxSeconds == 0.1)
    #expect(abs(times.meanSeconds - 0.050_000_5) < 1e-9)
  }

  @Test func `a high percentile of few times is the longest of them`() {
    let histogram = LatencyHistogram.make()
    for _ in 0..<9 { histogram.record(nanoseconds: 1000) }
    histogram.record(nanoseconds: 5_000_000)
    #expect(histogram.snapshot().quantile(0.999) == 0.005)
    #expect((1e-6...1.01e-6).contains(histogram.snapshot().quantile(0.5)))
  }

  @Test func `merged histograms have what both counted`() {
    let parts = [LatencyHistogram.make(), LatencyHistogram.make()]
    parts[0].record(nanoseconds: 100)
    parts[1].record(nanoseconds: 300)
    var all = Latencies()
    for part in parts { all.merge(part.snapshot()) }
    #expect(all.count == 2)
    #expect(all.maxSeconds == 300e-9)
    #expect(all.quantile(0.5) == 100e-9)
  }

  @Test func `nothing counted is 0 everywhere`() {
    let none = Latencies()
    #expect(none.quantile(0.99) == 0 && none.meanSeconds == 0 && none.maxSeconds == 0)
  }
}
