internal import Base
internal import Synchronization

/// Times counted to 1 %, in memory that another process may share: 128 buckets an octave, exact
/// below 128 ns, up to 18 minutes.
///
/// Finer than `Base.Histogram`, whose buckets are made for a scrape: a percentile that is compared
/// with a threshold must not be 25 % off. `@safe`: every index is below `cellCount`.
///
/// > Runs on: one writer, any number of readers, who see each count a moment late at worst.
@safe
package struct LatencyHistogram: @unchecked Sendable {
  /// Buckets, the last for everything longer.
  package static let bucketCount = 34 * 128
  /// Beside the buckets: the sum and the maximum, nanoseconds.
  private static let cellCount = bucketCount + 2
  /// Memory that a histogram takes, bytes.
  package static let byteCount = cellCount * 8

  private let cells: UnsafeMutablePointer<Atomic<UInt64>>

  /// A histogram in memory that begins all zero and outlives it.
  package init(over memory: UnsafeMutableRawBufferPointer) {
    require(memory.count >= Self.byteCount, "too little memory for a histogram")
    guard let base = memory.baseAddress else { invariantBroken("a histogram without memory") }
    unsafe cells = base.assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// A histogram in memory that is never freed: for a process that makes a few.
  package static func make() -> LatencyHistogram {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    return unsafe LatencyHistogram(over: memory)
  }

  /// Counts one time.
  /// > Runs on: the one writer.
  @inline(__always)
  package func record(nanoseconds: UInt64) {
    add(1, to: Self.bucket(of: nanoseconds))
    add(nanoseconds, to: Self.bucketCount)
    let maximum = unsafe cells + Self.bucketCount + 1
    if unsafe nanoseconds > maximum.pointee.load(ordering: .relaxed) {
      unsafe maximum.pointee.store(nanoseconds, ordering: .relaxed)
    }
  }

  @inline(__always)
  private func add(_ amount: UInt64, to index: Int) {
    let cell = unsafe cells + index
    unsafe cell.pointee.store(
      cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  /// Where a time is counted.
  @inline(__always)
  package static func bucket(of nanoseconds: UInt64) -> Int {
    if nanoseconds < 128 { return Int(truncatingIfNeeded: nanoseconds) }
    let shift = 56 - nanoseconds.leadingZeroBitCount
    let fraction = Int(truncatingIfNeeded: (nanoseconds >> UInt64(shift)) & 127)
    return min((shift + 1) * 128 + fraction, bucketCount - 1)
  }

  /// The longest time that is counted in a bucket, nanoseconds.
  package static func upperBound(_ bucket: Int) -> UInt64 {
    if bucket < 128 { return UInt64(bucket) }
    let shift = bucket / 128 - 1
    return (UInt64(128 + bucket % 128 + 1) << UInt64(shift)) - 1
  }

  /// Everything counted so far.
  package func snapshot() -> Latencies {
    var counts = [UInt64](repeating: 0, count: Self.bucketCount)
    for index in counts.indices { counts[index] = unsafe cells[index].load(ordering: .relaxed) }
    return Latencies(
      counts: counts, sum: unsafe cells[Self.bucketCount].load(ordering: .relaxed),
      maximum: unsafe cells[Self.bucketCount + 1].load(ordering: .relaxed))
  }
}

/// What a `LatencyHistogram` had counted at one moment.
package struct Latencies: Sendable {
  private var counts: [UInt64]
  private var sum: UInt64
  private var maximum: UInt64

  /// Nothing counted.
  package init() {
    counts = [UInt64](repeating: 0, count: LatencyHistogram.bucketCount)
    sum = 0
    maximum = 0
  }

  fileprivate init(counts: [UInt64], sum: UInt64, maximum: UInt64) {
    self.counts = counts
    self.sum = sum
    self.maximum = maximum
  }

  /// Times counted.
  package var count: UInt64 { counts.reduce(0, +) }
  /// The longest one, seconds.
  package var maxSeconds: Double { Double(maximum) / 1e9 }
  /// The mean, seconds; 0 without any.
  package var meanSeconds: Double { count == 0 ? 0 : Double(sum) / Double(count) / 1e9 }

  /// Counts what another one has counted too.
  package mutating func merge(_ other: Latencies) {
    for index in counts.indices { counts[index] += other.counts[index] }
    sum += other.sum
    maximum = max(maximum, other.maximum)
  }

  /// The time that `fraction` of the counted ones do not exceed, seconds; 0 without any.
  ///
  /// The rank is rounded up, so that the 99.9th percentile of ten times is the longest of them.
  package func quantile(_ fraction: Double) -> Double {
    let rank = UInt64((Double(count) * fraction).rounded(.up))
    var passed: UInt64 = 0
    for (bucket, count) in counts.enumerated() where count > 0 {
      passed += count
      if passed >= max(rank, 1) {
        return Double(min(LatencyHistogram.upperBound(bucket), maximum)) / 1e9
      }
    }
    return 0
  }
}
