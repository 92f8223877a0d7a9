internal import Base
internal import Flow
internal import Synchronization

/// A block on its way: open, or sealed and not yet committed.
struct Flight: BitwiseCopyable {
  var ref: BlockRef
  /// Counts blocks in the order they were opened, from 1; commits come in this order.
  var ordinal: UInt64
  /// Serial after the last id remembered for an event in it, set when it is sealed.
  var rememberedEnd: UInt64 = 0
  /// First of the connections that wait for it, in the writer's pool; -1 is none.
  var waiters: Int32 = -1
}

/// Fills blocks and passes them on: takes memory from the arena, evicts, seals, sees commits.
///
/// Owned by the ingest thread.
struct BlockWriter: ~Copyable {
  private struct Waiter: BitwiseCopyable {
    var session: SlotID
    var next: Int32
  }
  private struct Committed: BitwiseCopyable {
    var ref: BlockRef
    var sequence: UInt64
  }

  private let window: LogWindow
  private let sealed: Ring<BlockRef>
  private var flights = FIFO<Flight>()
  private var open: Flight?
  /// The open block's memory; meaningless while none is open.
  private(set) var block: Block
  private var ordinaries: [Committed] = []
  private var larges: [Committed] = []
  private var waiters: [Waiter] = []
  private var freeWaiter: Int32 = -1
  private var ordinalNext: UInt64 = 1
  /// Blocks up to this ordinal are committed.
  private(set) var committedOrdinal: UInt64 = 0
  private(set) var lastSeal = Instant(nanoseconds: 0)
  /// Blocks sealed since start.
  private(set) var sealedCount: UInt64 = 0

  init(window: LogWindow, sealed: Ring<BlockRef>) {
    self.window = window
    self.sealed = sealed
    block = window.arena[BlockRef(slot: 0, generation: 0)]
    ordinaries.reserveCapacity(window.arena.slotCount)
    larges.reserveCapacity(window.arena.slotCount)
  }

  /// Whether an open block holds events.
  var hasEvents: Bool { open != nil && block.eventCount > 0 }
  /// The ordinal of the open block.
  var openOrdinal: UInt64 { open?.ordinal ?? ordinalNext }
  /// Nothing open, nothing under way.
  var isIdle: Bool { !hasEvents && flights.isEmpty }
  /// Whether a commit is under way.
  var journalIsFree: Bool { window.journalIsFree.load(ordering: .acquiring) }

  // MARK: Room

  /// Makes the open block have room for so many events and payload bytes together.
  /// - Returns: `false` when there is none now; come back after a commit.
  mutating func makeRoom(events: Int, payload: Int, now: Instant, remembered: UInt64) -> Bool {
    if open != nil {
      if block.eventCapacity - block.eventCount >= events,
        block.payloadCapacity - block.payloadCount >= payload
      { return true }
      if block.eventCount > 0 {
        guard seal(now: now, remembered: remembered) else { return false }
      }
    }
    return openBlock(
      large: payload > BlockLimits.payloadBytes || events > BlockLimits.events)
  }

  private mutating func openBlock(large: Bool) -> Bool {
    // An empty open block of the other kind goes back first; nothing waits for it.
    if let empty = open {
      require(block.eventCount == 0 && empty.waiters < 0, "a block with events was given up")
      if (Int(empty.ref.slot) >= window.arena.ordinaryCount) == large { return true }
      require(window.arena.evict(empty.ref), "an open block was pinned")
      ordinalNext = empty.ordinal
      open = nil
    }
    guard let ref = window.arena.take(large: large) ?? evictOldest(large: large) else {
      return false
    }
    open = Flight(ref: ref, ordinal: ordinalNext)
    ordinalNext += 1
    block = window.arena[ref]
    return true
  }

  /// Frees the oldest committed block that every reactor has walked and nobody pins, and takes it.
  private mutating func evictOldest(large: Bool) -> BlockRef? {
    let walked = window.walkedThrough
    if large {
      guard Self.evict(from: &larges, window.arena, walked) else { return nil }
    } else {
      guard Self.evict(from: &ordinaries, window.arena, walked) else { return nil }
    }
    return window.arena.take(large: large)
  }

  private static func evict(
    from blocks: inout [Committed], _ arena: BlockArena, _ walked: UInt64
  ) -> Bool {
    for index in blocks.indices {
      if blocks[index].sequence > walked { return false }
      if arena.evict(blocks[index].ref) {
        blocks.remove(at: index)
        return true
      }
    }
    return false
  }

  // MARK: Sealing and commits

  /// Passes the open block to the journal.
  /// - Returns: `false` when the ring is full.
  /// - Precondition: it holds events.
  mutating func seal(now: Instant, remembered: UInt64) -> Bool {
    guard var flight = open else { return false }
    require(block.eventCount > 0, "an empty block was sealed")
    guard sealed.push(flight.ref) else { return false }
    flight.rememberedEnd = remembered
    flights.append(flight)
    open = nil
    lastSeal = now
    sealedCount += 1
    return true
  }

  /// Whether the open block is too full to wait for more. A large one has what it was opened for.
  var isFull: Bool {
    open != nil
      && (block.eventCount == block.eventCapacity
        || block.eventCapacity == BlockLimits.largeEvents
        || block.payloadCapacity - block.payloadCount < 1024)
  }

  /// Takes the oldest block under way as committed; pass its waiters to `popWaiter`.
  mutating func committed(_ ref: BlockRef) -> Flight {
    guard let flight = flights.popFirst(), flight.ref == ref else {
      invariantBroken("blocks were committed out of order")
    }
    committedOrdinal = flight.ordinal
    let entry = Committed(ref: ref, sequence: window.arena[ref].sequence)
    if Int(ref.slot) >= window.arena.ordinaryCount {
      larges.append(entry)
    } else {
      ordinaries.append(entry)
    }
    return flight
  }

  /// The memory of a block that was just committed; not evicted before ingest's next turn.
  func memory(_ ref: BlockRef) -> Block { window.arena[ref] }

  /// The ordinal of the block that makes a remembered id durable.
  func ordinal(remembering serial: UInt64) -> UInt64 {
    for index in 0..<flights.count where flights[index].rememberedEnd > serial {
      return flights[index].ordinal
    }
    return openOrdinal
  }

  // MARK: Waiters

  /// Has a connection told when the block with this ordinal is committed.
  mutating func await(_ ordinal: UInt64, session: SlotID) {
    let node = takeNode()
    if open?.ordinal == ordinal {
      waiters[Int(node)] = Waiter(session: session, next: open?.waiters ?? -1)
      open?.waiters = node
      return
    }
    guard let first = flights.first, ordinal >= first.ordinal,
      ordinal - first.ordinal < UInt64(flights.count)
    else { invariantBroken("a reply waits for a block that is not under way") }
    let index = Int(ordinal - first.ordinal)
    waiters[Int(node)] = Waiter(session: session, next: flights[index].waiters)
    flights[index].waiters = node
  }

  /// The next connection that waited for a committed block.
  mutating func popWaiter(_ flight: inout Flight) -> SlotID? {
    guard flight.waiters >= 0 else { return nil }
    let node = Int(flight.waiters)
    let waiter = waiters[node]
    waiters[node].next = freeWaiter
    freeWaiter = flight.waiters
    flight.waiters = waiter.next
    return waiter.session
  }

  private mutating func takeNode() -> Int32 {
    if freeWaiter >= 0 {
      let node = freeWaiter
      freeWaiter = waiters[Int(node)].next
      return node
    }
    waiters.append(Waiter(session: .none, next: -1))
    return Int32(waiters.count - 1)
  }
}
