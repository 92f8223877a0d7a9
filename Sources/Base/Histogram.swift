internal import Synchronization

/// A histogram of times with one writer and any number of readers: 4 buckets an octave, from 1 µs to
/// 18 minutes, so a quantile is at most 25 % too high.
///
/// The writer adds with a load and a store; readers see each bucket a moment late at worst.
@safe
public final class Histogram: @unchecked Sendable {
  /// Buckets, the last for everything longer.
  public static let bucketCount = 122
  private let buckets: UnsafeMutablePointer<Atomic<UInt64>>
  private let total = Atomic<UInt64>(0)

  /// An empty histogram.
  public init() {
    unsafe buckets = .allocate(capacity: Self.bucketCount)
    for index in 0..<Self.bucketCount { unsafe (buckets + index).initialize(to: Atomic(0)) }
  }

  deinit { unsafe buckets.deallocate() }

  /// Counts one time.
  /// > Runs on: the one writer.
  public func record(_ time: Nanoseconds) {
    let cell = unsafe buckets + Self.bucket(of: time)
    unsafe cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    total.store(total.load(ordering: .relaxed) &+ time.count, ordering: .relaxed)
  }

  private static func bucket(of time: Nanoseconds) -> Int {
    // Quarters of a microsecond: every octave from 1 µs on then has its four buckets exactly.
    let quarters = time.count / 250
    if quarters < 4 { return 0 }
    let octave = 61 - quarters.leadingZeroBitCount
    let fraction = Int(truncatingIfNeeded: (quarters >> UInt64(octave)) & 3)
    return min(1 + octave * 4 + fraction, bucketCount - 1)
  }

  /// The upper bound of a bucket, seconds; infinity for the last.
  public static func upperBound(_ bucket: Int) -> Double {
    if bucket == 0 { return 1e-6 }
    if bucket >= bucketCount - 1 { return .infinity }
    let octave = (bucket - 1) / 4
    let fraction = (bucket - 1) % 4
    var microseconds = 1.0
    for _ in 0..<octave { microseconds *= 2 }
    return microseconds * (1 + Double(fraction + 1) / 4) * 1e-6
  }

  /// All bucket counts and the sum of times in seconds.
  /// > Runs on: any thread.
  public func snapshot() -> (counts: [UInt64], sumSeconds: Double) {
    var counts: [UInt64] = []
    for index in 0..<Self.bucketCount {
      counts.append(unsafe buckets[index].load(ordering: .relaxed))
    }
    return (counts, Double(total.load(ordering: .relaxed)) / 1e9)
  }

  /// The time below which `fraction` of the counted ones lie, seconds; 0 without any.
  public static func quantile(_ fraction: Double, of counts: [UInt64]) -> Double {
    let all = counts.reduce(0, +)
    var rest = Double(all) * fraction
    for (index, count) in counts.enumerated() where count > 0 {
      rest -= Double(count)
      if rest <= 0 { return min(upperBound(index), 1e6) }
    }
    return 0
  }
}
