internal import Synchronization

/// A place for one value, handed from the task that has it to the one that wants it.
final class Slot<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)

  /// Puts a value in.
  func put(_ new: Value) { value.withLock { $0 = new } }

  /// Takes the value out.
  func take() -> Value? { value.withLock { $0.take() } }
}
