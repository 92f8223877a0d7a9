public import Base
public import Flow
public import Platform
internal import Synchronization

/// An outcome and when the journal saw it: for an outcome of kind `retry`, whose own time is that of
/// the next attempt, about when the attempt ended.
public struct TappedOutcome: BitwiseCopyable, Sendable {
  /// What a reactor said.
  public var outcome: Outcome
  /// Unix milliseconds, at most some milliseconds after the attempt.
  public var seen: UnixMilliseconds
}

/// Where the journal lets outcomes be seen by whoever keeps a history of attempts: a ring that is
/// never waited for. When its reader lags, successes are left out first; failures that find the ring
/// full go into a list beside it, which holds a million.
///
/// > Runs on: `note` and `wake` on the ingest thread; `take` on the reader's.
public final class AttemptTap: Sendable {
  private let ring: Ring<TappedOutcome>
  private let reader: Wakeup
  /// Successes wait in this part of the ring at most.
  private let successesMax: Int
  private let overflow = Mutex<[TappedOutcome]>([])
  private let overflowMax: Int
  private let hasOverflow = Atomic(false)
  /// Successes that found no room.
  public let successesLeftOut = Counter()
  /// Failures and everything else that found no room.
  public let othersLeftOut = Counter()

  /// A tap whose reader sleeps on `reader`.
  /// - Parameters:
  ///   - capacity: outcomes, a power of two; 40 bytes each.
  ///   - overflowMax: failures beyond them.
  public init(reader: Wakeup, capacity: Int = 1 << 16, overflowMax: Int = 1 << 20) {
    self.reader = reader
    self.overflowMax = overflowMax
    ring = Ring(capacity: capacity)
    successesMax = capacity / 2
  }

  /// - Complexity: O(1); no allocation and no waiting but for failures that find the ring full.
  package func note(_ outcome: Outcome, seen: UnixMilliseconds) {
    let isSuccess = outcome.kind == .delivered
    if isSuccess, ring.count >= successesMax { return successesLeftOut.add() }
    let tapped = TappedOutcome(outcome: outcome, seen: seen)
    if !ring.push(tapped) { keepBeside(tapped) }
  }

  private func keepBeside(_ tapped: TappedOutcome) {
    let isKept = overflow.withLock { overflow in
      if overflow.count >= overflowMax { return false }
      overflow.append(tapped)
      return true
    }
    if isKept { hasOverflow.store(true, ordering: .releasing) } else { othersLeftOut.add() }
  }

  /// Wakes the reader if something waits for it.
  func wake() { if hasOutcomes { reader.wake() } }

  /// Whether something waits.
  public var hasOutcomes: Bool { ring.count > 0 || hasOverflow.load(ordering: .acquiring) }

  /// The oldest that waits in the ring.
  public func take() -> TappedOutcome? { ring.pop() }

  /// All that found the ring full: younger than what was in it then.
  public func takeOverflow() -> [TappedOutcome] {
    if !hasOverflow.exchange(false, ordering: .acquiringAndReleasing) { return [] }
    return overflow.withLock { overflow in
      defer { overflow = [] }
      return overflow
    }
  }
}
