public import Synchronization

/// A bounded queue between exactly one producer thread and one consumer thread, without locks.
///
/// | Offset, bytes | Field | Written by |
/// | --- | --- | --- |
/// | 0 | `head`, next index to pop | consumer |
/// | 64 | `tail`, next index to push | producer |
/// | 128 | `capacity` elements | producer |
///
/// The two indices stand a cache line apart, so that the threads do not take the line from each
/// other. Indices only grow; `index & mask` is the place.
///
/// `@unchecked Sendable`: every element is written before the releasing store of `tail` that
/// publishes it, and read after the acquiring load that sees it; the reverse for `head`.
@safe
public final class Ring<Element: BitwiseCopyable>: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let elements: UnsafeMutablePointer<Element>
  @usableFromInline let mask: UInt64

  /// Allocates room for `capacity` elements.
  /// - Precondition: `capacity` is a power of two.
  public init(capacity: Int) {
    require(capacity > 0 && capacity & (capacity - 1) == 0, "a ring's capacity is a power of two")
    let bytes = 128 + capacity * MemoryLayout<Element>.stride
    unsafe base = .allocate(byteCount: bytes, alignment: 64)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    unsafe elements = (base + 128).assumingMemoryBound(to: Element.self)
    mask = UInt64(capacity - 1)
    unsafe base.bindMemory(to: Atomic<UInt64>.self, capacity: 1).initialize(to: Atomic(0))
    unsafe (base + 64).bindMemory(to: Atomic<UInt64>.self, capacity: 1).initialize(to: Atomic(0))
  }

  deinit { unsafe base.deallocate() }

  @inlinable var head: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { unsafe base.assumingMemoryBound(to: Atomic<UInt64>.self) }
  }
  @inlinable var tail: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { unsafe (base + 64).assumingMemoryBound(to: Atomic<UInt64>.self) }
  }

  /// How many elements fit.
  @inlinable public var capacity: Int { Int(truncatingIfNeeded: mask) + 1 }

  /// Elements in the ring; exact for either of its two threads to within what the other does now.
  /// For a third thread it is never negative, and may be too high by what passes meanwhile.
  @inlinable public var count: Int {
    let popped = unsafe head.pointee.load(ordering: .acquiring)
    let pushed = unsafe tail.pointee.load(ordering: .acquiring)
    return Int(truncatingIfNeeded: pushed &- popped)
  }

  /// How many elements were ever pushed.
  @inlinable public var pushedTotal: UInt64 { unsafe tail.pointee.load(ordering: .acquiring) }

  /// Adds an element at the end.
  /// - Returns: `false` when the ring is full; nothing is written.
  /// - Complexity: O(1); one acquiring load, one releasing store, no allocation.
  /// > Runs on: the producer thread only.
  @inlinable public func push(_ element: Element) -> Bool {
    let pushIndex = unsafe tail.pointee.load(ordering: .relaxed)
    let popIndex = unsafe head.pointee.load(ordering: .acquiring)
    if pushIndex &- popIndex > mask { return false }
    unsafe elements[Int(truncatingIfNeeded: pushIndex & mask)] = element
    unsafe tail.pointee.store(pushIndex &+ 1, ordering: .releasing)
    return true
  }

  /// Takes the oldest element.
  /// - Returns: `nil` when the ring is empty.
  /// > Runs on: the consumer thread only.
  @inlinable public func pop() -> Element? {
    let popIndex = unsafe head.pointee.load(ordering: .relaxed)
    let pushIndex = unsafe tail.pointee.load(ordering: .acquiring)
    if popIndex == pushIndex { return nil }
    let element = unsafe elements[Int(truncatingIfNeeded: popIndex & mask)]
    unsafe head.pointee.store(popIndex &+ 1, ordering: .releasing)
    return element
  }

  /// Looks at the oldest element without taking it.
  /// > Runs on: the consumer thread only.
  @inlinable public func peek() -> Element? {
    let popIndex = unsafe head.pointee.load(ordering: .relaxed)
    let pushIndex = unsafe tail.pointee.load(ordering: .acquiring)
    if popIndex == pushIndex { return nil }
    return unsafe elements[Int(truncatingIfNeeded: popIndex & mask)]
  }
}
