/// Names a slab's element: slot and the generation it was filled in, so a stale name finds nothing.
public struct SlotID: Hashable, BitwiseCopyable, Sendable {
  /// Generation in the high half, slot in the low half: fits `epoll_event.data`.
  public var packed: UInt64

  /// Takes a packed name back, as epoll returns it.
  @inlinable public init(packed: UInt64) { self.packed = packed }
  @inlinable init(slot: UInt32, generation: UInt32) {
    packed = UInt64(generation) << 32 | UInt64(slot)
  }
  /// The place in the slab.
  @inlinable public var slot: UInt32 { UInt32(truncatingIfNeeded: packed) }
  /// Which filling of that place; never 0.
  @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: packed >> 32) }
  /// Names no element.
  @inlinable public static var none: SlotID { SlotID(packed: 0) }
}

/// Elements at stable addresses, in chunks, with O(1) insert and remove and generation-checked names.
///
/// Owned by one thread. `@safe`: a pointer is given only for a live generation, and chunks are freed
/// only with the slab.
@safe
public struct Slab<Element: ~Copyable>: ~Copyable {
  @usableFromInline static var chunkSize: Int { 256 }

  @usableFromInline var chunks: [UnsafeMutablePointer<Element>] = unsafe []
  /// Generation of each slot: odd while filled.
  @usableFromInline var generations: [UInt32] = []
  @usableFromInline var free: [UInt32] = []
  /// Elements held.
  public private(set) var count = 0
  /// Elements that may be held at once.
  public let capacity: Int

  /// Makes an empty slab that holds at most `capacity` elements.
  public init(capacity: Int) { self.capacity = capacity }

  deinit {
    for slot in generations.indices where generations[slot] & 1 == 1 {
      unsafe address(UInt32(slot)).deinitialize(count: 1)
    }
    for unsafe chunk in unsafe chunks { unsafe chunk.deallocate() }
  }

  @inlinable func address(_ slot: UInt32) -> UnsafeMutablePointer<Element> {
    let index = Int(slot)
    return unsafe chunks[index / Self.chunkSize] + index % Self.chunkSize
  }

  /// Stores an element.
  /// - Returns: `nil` when the slab is at capacity; the element is dropped.
  public mutating func insert(_ element: consuming Element) -> SlotID? {
    if count == capacity { return nil }
    if free.isEmpty { grow() }
    let slot = free.removeLast()
    generations[Int(slot)] &+= 1
    unsafe address(slot).initialize(to: element)
    count += 1
    return SlotID(slot: slot, generation: generations[Int(slot)])
  }

  private mutating func grow() {
    let first = UInt32(generations.count)
    unsafe chunks.append(.allocate(capacity: Self.chunkSize))
    generations.append(contentsOf: repeatElement(0, count: Self.chunkSize))
    free.append(contentsOf: (first..<first + UInt32(Self.chunkSize)).reversed())
  }

  /// The element's address, valid until it is removed.
  /// - Returns: `nil` when the name is stale.
  @inlinable public func pointer(_ id: SlotID) -> UnsafeMutablePointer<Element>? {
    let slot = Int(id.slot)
    guard slot < generations.count, generations[slot] == id.generation, id.generation & 1 == 1
    else { return nil }
    return unsafe address(id.slot)
  }

  /// The name of the element in `slot`, if the slot is filled.
  @inlinable public func id(ofSlot slot: UInt32) -> SlotID? {
    guard Int(slot) < generations.count, generations[Int(slot)] & 1 == 1 else { return nil }
    return SlotID(slot: slot, generation: generations[Int(slot)])
  }

  /// One past the highest slot ever used: for walks over all elements, in slot order.
  @inlinable public var slotEnd: UInt32 { UInt32(generations.count) }

  /// Takes the element out.
  /// - Precondition: the name is live.
  public mutating func remove(_ id: SlotID) -> Element {
    let slot = Int(id.slot)
    require(
      slot < generations.count && generations[slot] == id.generation && id.generation & 1 == 1,
      "a slab element was removed twice")
    generations[slot] &+= 1
    free.append(id.slot)
    count -= 1
    return unsafe address(id.slot).move()
  }
}
