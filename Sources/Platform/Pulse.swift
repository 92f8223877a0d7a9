internal import Synchronization

/// Shows that a thread goes round its loop: somebody asks, the thread answers in passing.
///
/// Nobody who is not asked does anything: an answer costs two loads a turn.
public final class Pulse: Sendable {
  /// Whose it is, as in `top -H`.
  public let name: String
  private let wakeup: Wakeup
  private let asked = Atomic<UInt64>(0)
  private let answered = Atomic<UInt64>(0)

  /// The pulse of a thread that sleeps on `wakeup`.
  public init(name: String, wakeup: Wakeup) {
    self.name = name
    self.wakeup = wakeup
  }

  /// Wakes the thread if it sleeps; it then answers.
  /// > Runs on: any thread.
  public func ask() {
    asked.add(1, ordering: .releasing)
    wakeup.wake()
  }

  /// Whether an answer is due: looked at after `Wakeup.prepareToSleep`, before the thread sleeps.
  public var isAsked: Bool {
    asked.load(ordering: .acquiring) != answered.load(ordering: .relaxed)
  }

  /// Answers; called once a turn.
  /// > Runs on: the thread whose pulse it is.
  public func answer() {
    let question = asked.load(ordering: .acquiring)
    if question != answered.load(ordering: .relaxed) {
      answered.store(question, ordering: .releasing)
    }
  }
}
