public import Base
public import Flow
public import Platform

/// An outcome and when the journal saw it: for an outcome of kind `retry`, whose own time is that of
/// the next attempt, about when the attempt ended.
public struct TappedOutcome: BitwiseCopyable, Sendable {
  /// What a reactor said.
  public var outcome: Outcome
  /// Unix milliseconds, at most some milliseconds after the attempt.
  public var seen: UnixMilliseconds
}

/// Where the journal lets outcomes be seen by whoever keeps a history of attempts: a ring that is
/// never waited for. When its reader lags, successes are left out first, so that failures have room.
///
/// > Runs on: `note` and `wake` on the ingest thread; `take` on the reader's.
public final class AttemptTap: Sendable {
  private let ring: Ring<TappedOutcome>
  private let reader: Wakeup
  /// Successes wait in this part of the ring at most.
  private let successesMax: Int
  /// Successes that found no room.
  public let successesLeftOut = Counter()
  /// Failures and everything else that found no room.
  public let othersLeftOut = Counter()

  /// A tap whose reader sleeps on `reader`.
  /// - Parameter capacity: outcomes, a power of two; 40 bytes each.
  public init(reader: Wakeup, capacity: Int = 1 << 16) {
    self.reader = reader
    ring = Ring(capacity: capacity)
    successesMax = capacity / 2
  }

  /// - Complexity: O(1); no allocation, no waiting.
  package func note(_ outcome: Outcome, seen: UnixMilliseconds) {
    if outcome.kind == .delivered, ring.count >= successesMax {
      successesLeftOut.add()
    } else if !ring.push(TappedOutcome(outcome: outcome, seen: seen)) {
      othersLeftOut.add()
    }
  }

  /// Wakes the reader if something waits for it.
  func wake() { if ring.count > 0 { reader.wake() } }

  /// Whether something waits.
  public var hasOutcomes: Bool { ring.count > 0 }

  /// The oldest that waits.
  public func take() -> TappedOutcome? { ring.pop() }
}
