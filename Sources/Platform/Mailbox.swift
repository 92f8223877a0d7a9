internal import Synchronization

/// Messages from the control plane to one thread: rare, so a lock is right.
///
/// The owner looks at one atomic flag a turn and takes the lock only when something came.
public final class Mailbox<Message: Sendable>: Sendable {
  private let messages = Mutex<[Message]>([])
  private let filled = Atomic<Bool>(false)
  private let owner: Wakeup

  /// A mailbox whose owner sleeps on `owner`.
  public init(owner: Wakeup) { self.owner = owner }

  /// Puts a message in and wakes the owner.
  /// > Runs on: any thread.
  public func post(_ message: Message) {
    messages.withLock { $0.append(message) }
    filled.store(true, ordering: .releasing)
    owner.wake()
  }

  /// Whether something came since the last `drain`.
  public var hasMessages: Bool { filled.load(ordering: .acquiring) }

  /// Messages that wait.
  public var count: Int { messages.withLock { $0.count } }

  /// Takes all messages, oldest first.
  /// > Runs on: the owner's thread.
  public func drain() -> [Message] {
    guard filled.exchange(false, ordering: .acquiringAndReleasing) else { return [] }
    return messages.withLock { all in
      defer { all = [] }
      return all
    }
  }
}
