internal import Synchronization

/// Errors on their way from the thread that meets them to the broker's log, by name and place.
///
/// A thread that tries again each second meets the same error each second, so each waits here once,
/// until `clear` says that things went well again. At most `countMax` are told until then, lest a
/// disk full of damage fill the log too; whoever notes them counts them all.
///
/// > Runs on: any thread.
public final class TroubleList: Sendable {
  /// Errors told until things go well again.
  static let countMax = 1_000

  private struct State {
    var told: Set<StorageError> = []
    var waiting: [StorageError] = []
  }

  private let state = Mutex(State())
  private let filled = Atomic<Bool>(false)

  package init() {}

  /// Whether something was noted since the last `drain`.
  public var hasNews: Bool { filled.load(ordering: .relaxed) }

  /// What was noted since the last call, oldest first.
  public func drain() -> [StorageError] {
    state.withLock { state in
      filled.store(false, ordering: .relaxed)
      defer { state.waiting.removeAll() }
      return state.waiting
    }
  }

  package func note(_ error: StorageError) {
    state.withLock { state in
      guard state.told.count < Self.countMax, state.told.insert(error).inserted else { return }
      state.waiting.append(error)
      filled.store(true, ordering: .relaxed)
    }
  }

  /// Things went well again: what fails from now on is told again.
  package func clear() { state.withLock { $0.told.removeAll() } }
}
