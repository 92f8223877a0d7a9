public import Synchronization

/// A counter with one writer and any number of readers: an add costs a load and a store.
public final class Counter: Sendable {
  @usableFromInline let cell = Atomic<UInt64>(0)

  /// Starts at `value`.
  public init(_ value: UInt64 = 0) { cell.store(value, ordering: .relaxed) }

  /// Adds.
  /// > Runs on: the one writer.
  @inlinable public func add(_ amount: UInt64 = 1) {
    cell.store(cell.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }
  /// Replaces the value: for gauges.
  @inlinable public func set(_ value: UInt64) { cell.store(value, ordering: .relaxed) }
  /// The value, a moment old at worst.
  @inlinable public var value: UInt64 { cell.load(ordering: .relaxed) }
}
