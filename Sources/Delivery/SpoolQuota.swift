internal import Synchronization

/// What one endpoint's pending events may hold, and how fast deliveries beyond it are given up:
/// shared by the reactors and the control plane.
///
/// The control plane knows how well the log packs and sets the bound in plain bytes. It also writes
/// a dead letter for every delivery given up, so the reactors get a place for each and wait while
/// none is free: what they give up and it has not recorded stays bounded.
///
/// > Runs on: any thread.
public final class SpoolQuota: Sendable {
  /// Deliveries given up and not recorded, at most: 1 MiB of outcomes.
  public static let unrecordedMax = 32_768

  private let bytes = Atomic<UInt64>(.max)
  private let places: Atomic<Int>

  /// No bound yet.
  /// - Parameter unrecordedMax: places to begin with.
  public init(unrecordedMax: Int = SpoolQuota.unrecordedMax) { places = Atomic(unrecordedMax) }

  /// Plain bytes (`EventHeader.plainBytes`) that the pending events of one endpoint may hold, each
  /// counted in full however many wait for it; `.max`: no bound.
  public var plainBytesMax: UInt64 {
    get { bytes.load(ordering: .relaxed) }
    set { bytes.store(newValue, ordering: .relaxed) }
  }

  /// Takes places for deliveries to be given up.
  /// - Returns: how many were free, at most `count`.
  func take(_ count: Int) -> Int {
    var free = places.load(ordering: .relaxed)
    while free > 0, count > 0 {
      let (exchanged, seen) = places.weakCompareExchange(
        expected: free, desired: free - min(free, count), ordering: .relaxed)
      if exchanged { return min(free, count) }
      free = seen
    }
    return 0
  }

  /// Gives places back: their deliveries are recorded, or were not given up.
  public func giveBack(_ count: Int) {
    if count > 0 { places.add(count, ordering: .relaxed) }
  }
}
