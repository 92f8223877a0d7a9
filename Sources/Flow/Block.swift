public import Base
public import Synchronization

/// Sizes that a block keeps to.
public enum BlockLimits {
  /// Payload bytes after which a block is sealed.
  public static let payloadBytes = 256 * 1024
  /// Events a block holds at most.
  public static let events = 2048
  /// Data bytes of one event at most; the contract's 1 MiB.
  public static let dataBytesMax = 1 << 20
  /// Payload bytes of a large block: one large event with type, id and extras, or one batch.
  public static let largePayloadBytes = dataBytesMax + 64 * 1024
  /// Events of a large block, so of a batch: what a client's pipeline of MULTI … EXEC may hold.
  public static let largeEvents = 16_384
}

/// Names a block of the arena, in one filling of it.
public struct BlockRef: Hashable, BitwiseCopyable, Sendable {
  /// Place in the arena.
  public var slot: UInt32
  /// Which filling; never 0.
  public var generation: UInt32
  /// Names a filling of a slot.
  @inlinable public init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
  @inlinable init(packed: UInt64) {
    slot = UInt32(truncatingIfNeeded: packed)
    generation = UInt32(truncatingIfNeeded: packed >> 32)
  }
  @inlinable var packed: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
}

/// The memory of one block: event headers and the plain payload section.
///
/// A view: copying it copies no event. Who may write: ingest while the block is open, the journal its
/// `sequence`; from commit until eviction it does not change, and readers hold a pin.
@safe
public struct Block: BitwiseCopyable, @unchecked Sendable {
  /// What is counted while a block fills; owned by the writer, then constant.
  @usableFromInline struct Counts: BitwiseCopyable {
    @usableFromInline var sequence: UInt64 = 0
    @usableFromInline var events = 0
    @usableFromInline var payload = 0
  }

  @usableFromInline let counts: UnsafeMutablePointer<Counts>
  @usableFromInline let headerBase: UnsafeMutablePointer<EventHeader>
  @usableFromInline let payloadBase: UnsafeMutableRawPointer
  /// Events that fit.
  public let eventCapacity: Int
  /// Payload bytes that fit.
  public let payloadCapacity: Int

  @usableFromInline init(memory: UnsafeMutableRawPointer, events: Int, payload: Int) {
    unsafe counts = memory.bindMemory(to: Counts.self, capacity: 1)
    unsafe counts.initialize(to: Counts())
    unsafe headerBase = (memory + 64).bindMemory(to: EventHeader.self, capacity: events)
    unsafe payloadBase = memory + 64 + events * MemoryLayout<EventHeader>.stride
    eventCapacity = events
    payloadCapacity = payload
  }

  /// Bytes of memory that a block with these capacities takes.
  public static func memoryBytes(events: Int, payload: Int) -> Int {
    let bytes = 64 + events * MemoryLayout<EventHeader>.stride + payload
    return (bytes + 4095) & ~4095
  }

  /// A block with memory of its own, freed never or by `deallocate`: for reading and tests. Any
  /// block of the log fits unless less is asked for.
  public static func allocate(
    events: Int = BlockLimits.largeEvents, payload: Int = BlockLimits.largePayloadBytes
  ) -> Block {
    unsafe Block(
      memory: .allocate(
        byteCount: memoryBytes(events: events, payload: payload), alignment: 4096),
      events: events, payload: payload)
  }

  /// Frees the memory of a block made by `allocate`.
  public func deallocate() { unsafe UnsafeMutableRawPointer(counts).deallocate() }

  /// The block's sequence number in the log; 0 before the journal gave one.
  @inlinable public var sequence: UInt64 {
    get { unsafe counts.pointee.sequence }
    nonmutating set { unsafe counts.pointee.sequence = newValue }
  }
  /// Events in it.
  @inlinable public var eventCount: Int { unsafe counts.pointee.events }
  /// Payload bytes in it.
  @inlinable public var payloadCount: Int { unsafe counts.pointee.payload }

  /// Empties the block for a new filling.
  public func reset() { unsafe counts.pointee = Counts() }

  /// Whether an event with `payloadLength` bytes still fits.
  @inlinable public func fits(payloadLength: Int) -> Bool {
    eventCount < eventCapacity && payloadCapacity - payloadCount >= payloadLength
  }

  /// The `index`-th event's header.
  @inlinable public func header(_ index: Int) -> EventHeader {
    require(index >= 0 && index < eventCount, "no such event in a block")
    return unsafe headerBase[index]
  }
  /// The `index`-th event's audience, without copying the rest.
  @inlinable public func audience(_ index: Int) -> AudienceNumber {
    require(index >= 0 && index < eventCount, "no such event in a block")
    return unsafe headerBase[index].audience
  }
  /// `EventHeader.plainBytes` of the `index`-th event, without copying the rest.
  @inlinable public func plainBytes(_ index: Int) -> Int {
    require(index >= 0 && index < eventCount, "no such event in a block")
    return unsafe headerBase[index].plainBytes
  }
  /// The `index`-th event.
  @inlinable public func event(_ index: Int) -> EventView {
    unsafe EventView(header: header(index), payload: payload)
  }

  /// The header section's event table, as it is written to disk.
  @inlinable public var headers: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: headerBase, count: eventCount * MemoryLayout<EventHeader>.stride)
  }
  /// The plain payload section.
  @inlinable public var payload: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: payloadBase, count: payloadCount)
  }

  /// Reserves payload bytes for the next event; write them, then call `append`.
  /// - Precondition: `fits(payloadLength:)`.
  @inlinable public func nextPayload(_ length: Int) -> UnsafeMutableRawBufferPointer {
    require(fits(payloadLength: length), "an event was put into a block that has no room")
    return unsafe UnsafeMutableRawBufferPointer(start: payloadBase + payloadCount, count: length)
  }

  /// Adds the event whose bytes stand in `nextPayload`; sets the header's `payloadOffset`.
  @inlinable public func append(_ header: EventHeader) {
    require(fits(payloadLength: header.payloadLength), "an event was put into a full block")
    let index = unsafe counts.pointee.events
    unsafe headerBase[index] = header
    unsafe headerBase[index].payloadOffset = UInt32(unsafe counts.pointee.payload)
    unsafe counts.pointee.events = index + 1
    unsafe counts.pointee.payload += header.payloadLength
  }

  /// Takes back everything after the first `events` events: a batch that was discarded.
  public func truncate(toEvents events: Int) {
    require(events >= 0 && events <= eventCount, "a block was truncated to more than it holds")
    if events < eventCount { unsafe counts.pointee.payload = Int(headerBase[events].payloadOffset) }
    unsafe counts.pointee.events = events
  }

  /// Fills a block from its two sections as read from disk.
  /// - Returns: `false` when they do not fit or contradict each other; the block is then empty.
  public func load(
    sequence: UInt64, headers: UnsafeRawBufferPointer, payloadLength: Int,
    fillPayload: (UnsafeMutableRawBufferPointer) -> Bool
  ) -> Bool {
    reset()
    let stride = MemoryLayout<EventHeader>.stride
    let events = headers.count / stride
    guard headers.count % stride == 0, events <= eventCapacity,
      payloadLength >= 0, payloadLength <= payloadCapacity
    else { return false }
    if let source = headers.baseAddress, events > 0 {
      unsafe UnsafeMutableRawPointer(headerBase).copyMemory(
        from: source, byteCount: headers.count)
    }
    guard
      unsafe fillPayload(
        UnsafeMutableRawBufferPointer(start: payloadBase, count: payloadLength))
    else { return false }
    for index in 0..<events {
      let header = unsafe headerBase[index]
      guard Int(header.payloadOffset) + header.payloadLength <= payloadLength else { return false }
    }
    unsafe counts.pointee = Counts(sequence: sequence, events: events, payload: payloadLength)
    return true
  }
}

/// All block memory of the log's head: a fixed number of slots, allocated once.
///
/// Ingest takes and evicts blocks; reactors pin them. A pin is one compare-and-swap on the slot's
/// state word (generation in the upper half, pins in the lower half), so a block can vanish only
/// when nobody reads it, and a stale `BlockRef` pins nothing.
@safe
public final class BlockArena: @unchecked Sendable {
  /// Slots for ordinary blocks; large ones follow.
  public let ordinaryCount: Int
  /// All slots.
  public let slotCount: Int
  @usableFromInline let blocks: [Block]
  @usableFromInline let states: UnsafeMutableRawPointer
  private let memory: UnsafeMutableRawPointer
  private var freeOrdinary: [UInt32]
  private var freeLarge: [UInt32]
  /// Bytes of memory reserved in all.
  public let byteCount: Int

  /// Reserves memory for `ordinary` blocks of 256 KiB payload and `large` ones, for a single large
  /// event or a batch.
  public init(ordinary: Int, large: Int) {
    let ordinaryBytes = Block.memoryBytes(
      events: BlockLimits.events, payload: BlockLimits.payloadBytes)
    let largeBytes = Block.memoryBytes(
      events: BlockLimits.largeEvents, payload: BlockLimits.largePayloadBytes)
    byteCount = ordinary * ordinaryBytes + large * largeBytes
    unsafe memory = .allocate(byteCount: byteCount, alignment: 4096)
    ordinaryCount = ordinary
    slotCount = ordinary + large
    var made: [Block] = []
    var offset = 0
    for slot in 0..<(ordinary + large) {
      let isLarge = slot >= ordinary
      made.append(
        unsafe Block(
          memory: memory + offset,
          events: isLarge ? BlockLimits.largeEvents : BlockLimits.events,
          payload: isLarge ? BlockLimits.largePayloadBytes : BlockLimits.payloadBytes))
      offset += isLarge ? largeBytes : ordinaryBytes
    }
    blocks = made
    unsafe states = .allocate(byteCount: (ordinary + large) * 64, alignment: 64)
    for slot in 0..<(ordinary + large) {
      unsafe (states + slot * 64).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        .initialize(to: Atomic(1 << 32))
    }
    freeOrdinary = (0..<UInt32(ordinary)).reversed()
    freeLarge = (UInt32(ordinary)..<UInt32(ordinary + large)).reversed()
  }

  deinit {
    unsafe states.deallocate()
    unsafe memory.deallocate()
  }

  @inlinable func state(_ slot: UInt32) -> UnsafeMutablePointer<Atomic<UInt64>> {
    require(Int(slot) < slotCount, "no such block slot")
    return unsafe (states + Int(slot) * 64).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// The memory of a slot. The caller holds a pin, or is the writer.
  @inlinable public subscript(_ ref: BlockRef) -> Block { blocks[Int(ref.slot)] }

  /// Takes a free block, emptied.
  /// - Returns: `nil` when none of the kind is free; then evict.
  /// > Runs on: the ingest thread.
  public func take(large: Bool) -> BlockRef? {
    guard let slot = large ? freeLarge.popLast() : freeOrdinary.popLast() else { return nil }
    blocks[Int(slot)].reset()
    let word = unsafe state(slot).pointee.load(ordering: .relaxed)
    return BlockRef(slot: slot, generation: UInt32(truncatingIfNeeded: word >> 32))
  }

  /// Gives a block back if nobody pins it; every `BlockRef` to it becomes stale.
  /// > Runs on: the ingest thread.
  public func evict(_ ref: BlockRef) -> Bool {
    let expected = UInt64(ref.generation) << 32
    var generation = ref.generation &+ 1
    if generation == 0 { generation = 1 }
    let (exchanged, _) = unsafe state(ref.slot).pointee.compareExchange(
      expected: expected, desired: UInt64(generation) << 32, ordering: .acquiringAndReleasing)
    guard exchanged else { return false }
    if Int(ref.slot) >= ordinaryCount {
      freeLarge.append(ref.slot)
    } else {
      freeOrdinary.append(ref.slot)
    }
    return true
  }

  /// Holds a block in memory.
  /// - Returns: `false` when the block was evicted before.
  /// > Runs on: any thread.
  @inlinable public func pin(_ ref: BlockRef) -> Bool {
    let word = unsafe state(ref.slot)
    var current = unsafe word.pointee.load(ordering: .relaxed)
    while true {
      if UInt32(truncatingIfNeeded: current >> 32) != ref.generation { return false }
      let (exchanged, seen) = unsafe word.pointee.weakCompareExchange(
        expected: current, desired: current &+ 1, successOrdering: .acquiring,
        failureOrdering: .relaxed)
      if exchanged { return true }
      current = seen
    }
  }

  /// Lets go of a pinned block.
  /// > Runs on: the thread that pinned it.
  @inlinable public func unpin(_ ref: BlockRef) {
    let (before, _) = unsafe state(ref.slot).pointee.subtract(1, ordering: .releasing)
    require(before & 0xFFFF_FFFF > 0, "a block was unpinned more often than pinned")
  }
}
