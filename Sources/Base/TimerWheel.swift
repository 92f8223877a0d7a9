/// Names a timer in its wheel; stale names are ignored.
public struct TimerID: Hashable, BitwiseCopyable, Sendable {
  @usableFromInline var index: UInt32
  @usableFromInline var generation: UInt32
  @usableFromInline init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
  /// Names no timer.
  public static var none: TimerID { TimerID(index: .max, generation: 0) }
}

/// A hierarchical timer wheel: O(1) to set and to cancel, 1 ms grain, 64 slots in each of 6 levels.
///
/// A timer never fires early and at most one tick late. What is due beyond the last level (2 years)
/// waits there and is set again. Owned by one thread; grows by doubling, then allocates no more.
///
/// > Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.
public struct TimerWheel: ~Copyable {
  private static let slotBits = 6
  private static let slotCount = 64
  private static let levelCount = 6
  private static let none = UInt32.max
  private static let tickNanoseconds: UInt64 = 1_000_000

  private struct Entry: BitwiseCopyable {
    var tag: UInt64
    var tick: UInt64
    var next: UInt32
    var previous: UInt32
    var list: UInt32
    var generation: UInt32
  }

  private var entries: [Entry] = []
  private var freeHead = none
  private var heads: [UInt32]
  private var occupied: [UInt64]
  private var tick: UInt64
  /// Timers set.
  public private(set) var count = 0

  /// Starts an empty wheel at `now`.
  public init(now: Instant) {
    heads = Array(repeating: Self.none, count: Self.slotCount * Self.levelCount)
    occupied = Array(repeating: 0, count: Self.levelCount)
    tick = now.nanoseconds / Self.tickNanoseconds
  }

  /// Sets a timer that will hand `tag` back at `deadline`, rounded up to a millisecond.
  public mutating func schedule(at deadline: Instant, tag: UInt64) -> TimerID {
    let (rounded, overflow) = deadline.nanoseconds.addingReportingOverflow(
      Self.tickNanoseconds - 1)
    let due = max((overflow ? .max : rounded) / Self.tickNanoseconds, tick + 1)
    let index = takeEntry()
    entries[Int(index)].tag = tag
    entries[Int(index)].tick = due
    link(index)
    count += 1
    return TimerID(index: index, generation: entries[Int(index)].generation)
  }

  /// Takes a timer back; a fired or unknown one is ignored.
  public mutating func cancel(_ id: TimerID) {
    guard id.index != Self.none, Int(id.index) < entries.count,
      entries[Int(id.index)].generation == id.generation, entries[Int(id.index)].list != Self.none
    else { return }
    unlink(id.index)
    release(id.index)
  }

  /// Hands the next due tag back, moving time up to `now`; call until it gives `nil`.
  /// - Complexity: O(1) for a timer and for each of its cascades, at most five in its life; the
  ///   length of the gap since the last call does not matter.
  public mutating func popDue(now: Instant) -> UInt64? {
    let target = now.nanoseconds / Self.tickNanoseconds
    while true {
      // 1. What stands in the current tick's slot of the lowest level is due.
      let head = heads[Int(tick & 63)]
      if head != Self.none {
        let tag = entries[Int(head)].tag
        unlink(head)
        release(head)
        return tag
      }
      // 2. Time has been reached.
      if tick >= target { return nil }
      // 3. Nothing happens in between: jump to where something does, or to the end.
      tick = min(nextEventTick, target)
      cascade()
    }
  }

  /// No timer fires before this instant; `.distantFuture` when none is set.
  ///
  /// A lower bound, exact for timers within 64 ms: a loop may wake early to cascade, never late.
  public var nextDeadline: Instant {
    if count == 0 { return .distantFuture }
    let (nanoseconds, overflow) = nextEventTick.multipliedReportingOverflow(
      by: Self.tickNanoseconds)
    return overflow ? .distantFuture : Instant(nanoseconds: nanoseconds)
  }

  /// The first tick at which a slot of some level must be looked at; `.max` when all are empty.
  ///
  /// Every level counts: a higher one may cascade before a lower one's next timer is due.
  private var nextEventTick: UInt64 {
    var earliest = UInt64.max
    for level in 0..<Self.levelCount where occupied[level] != 0 {
      let shift = UInt64(level * Self.slotBits)
      let place = tick >> shift
      // Slots ahead hold what is 0 to 63 places away; above the lowest level never 0, because the
      // current place has cascaded.
      let distance = UInt64(rotatedRight(occupied[level], by: place & 63).trailingZeroBitCount)
      earliest = min(earliest, (place + distance) << shift)
    }
    return max(earliest, tick)
  }

  private func rotatedRight(_ bits: UInt64, by count: UInt64) -> UInt64 {
    count == 0 ? bits : (bits >> count) | (bits << (64 - count))
  }

  /// Hands down what stands in the slots that begin at the current tick.
  private mutating func cascade() {
    for level in 1..<Self.levelCount {
      let shift = UInt64(level * Self.slotBits)
      if tick & ((1 << shift) - 1) != 0 { return }
      cascade(level, Int((tick >> shift) & 63))
    }
  }

  private mutating func cascade(_ level: Int, _ slot: Int) {
    let list = level * Self.slotCount + slot
    var index = heads[list]
    heads[list] = Self.none
    occupied[level] &= ~(1 << UInt64(slot))
    while index != Self.none {
      let next = entries[Int(index)].next
      link(index)
      index = next
    }
  }

  private mutating func link(_ index: UInt32) {
    let due = max(entries[Int(index)].tick, tick)
    var level = 0
    while level < Self.levelCount - 1,
      (due >> UInt64(level * Self.slotBits)) &- (tick >> UInt64(level * Self.slotBits)) >= 64
    { level += 1 }
    let shift = UInt64(level * Self.slotBits)
    let place = min(due >> shift, (tick >> shift) + 63)
    let slot = Int(place & 63)
    let list = level * Self.slotCount + slot
    let head = heads[list]
    entries[Int(index)].next = head
    entries[Int(index)].previous = Self.none
    entries[Int(index)].list = UInt32(list)
    if head != Self.none { entries[Int(head)].previous = index }
    heads[list] = index
    occupied[level] |= 1 << UInt64(slot)
  }

  private mutating func unlink(_ index: UInt32) {
    let entry = entries[Int(index)]
    if entry.previous != Self.none {
      entries[Int(entry.previous)].next = entry.next
    } else {
      heads[Int(entry.list)] = entry.next
      if entry.next == Self.none {
        let list = Int(entry.list)
        occupied[list / Self.slotCount] &= ~(1 << UInt64(list % Self.slotCount))
      }
    }
    if entry.next != Self.none { entries[Int(entry.next)].previous = entry.previous }
  }

  private mutating func takeEntry() -> UInt32 {
    if freeHead != Self.none {
      let index = freeHead
      freeHead = entries[Int(index)].next
      return index
    }
    entries.append(
      Entry(tag: 0, tick: 0, next: Self.none, previous: Self.none, list: Self.none, generation: 1))
    return UInt32(entries.count - 1)
  }

  private mutating func release(_ index: UInt32) {
    entries[Int(index)].generation &+= 1
    entries[Int(index)].list = Self.none
    entries[Int(index)].next = freeHead
    freeHead = index
    count -= 1
  }
}
