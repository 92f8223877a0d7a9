internal import Base
public import Synchronization

/// The recent part of the log that is still in memory: block sequence → arena slot.
///
/// The journal publishes, reactors look up. `committedThrough` moves after the `fdatasync` that
/// covers a block (or after `write`, with durability `os`); what is above it is nobody's business.
///
/// `@unchecked Sendable`: an entry is written before the releasing store of `committedThrough` that
/// covers it, and read only at or below what an acquiring load saw. An entry that is overwritten
/// under a reader carries another sequence, and the pin that follows checks the generation.
@safe
public final class LogWindow: @unchecked Sendable {
  /// Where a block is.
  public enum Place: Equatable, Sendable {
    /// In memory; pin before use.
    case block(BlockRef)
    /// The block carries no events (outcomes only).
    case noEvents
    /// Not in the window: ask the Reader.
    case gone
  }

  /// The blocks' memory.
  public let arena: BlockArena
  /// Endpoint sets by audience number.
  public let audiences: AudienceTable
  /// How many sequences the window remembers.
  public static let span = 1 << 14

  /// Whether no commit is under way: an open block may be sealed now. Set by the journal, read by
  /// ingest.
  public let journalIsFree = Atomic<Bool>(true)

  /// Whether outcomes get into the log. Set by the journal, read by reactors: while they don't,
  /// nothing more is sent, for after a crash nobody would know that it was.
  public var takesOutcomes: Bool {
    get { recording.load(ordering: .relaxed) }
    set { recording.store(newValue, ordering: .relaxed) }
  }

  private let recording = Atomic<Bool>(true)
  private let committed = Atomic<UInt64>(0)
  private let sequences: UnsafeMutablePointer<Atomic<UInt64>>
  private let references: UnsafeMutablePointer<Atomic<UInt64>>
  private let walked: UnsafeMutableRawPointer
  /// Reactors that walk this window.
  public let reactorCount: Int

  /// A window over `arena` for `reactorCount` reactors; the log's last known sequence is `through`.
  public init(arena: BlockArena, audiences: AudienceTable, reactorCount: Int, through: UInt64) {
    self.arena = arena
    self.audiences = audiences
    self.reactorCount = reactorCount
    unsafe sequences = .allocate(capacity: Self.span)
    unsafe references = .allocate(capacity: Self.span)
    for index in 0..<Self.span {
      unsafe (sequences + index).initialize(to: Atomic(0))
      unsafe (references + index).initialize(to: Atomic(0))
    }
    unsafe walked = .allocate(byteCount: max(reactorCount, 1) * 64, alignment: 64)
    for reactor in 0..<max(reactorCount, 1) {
      unsafe (walked + reactor * 64).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        .initialize(to: Atomic(through))
    }
    committed.store(through, ordering: .releasing)
  }

  deinit {
    unsafe sequences.deallocate()
    unsafe references.deallocate()
    unsafe walked.deallocate()
  }

  /// The highest sequence that is durable; every lower one is too.
  public var committedThrough: UInt64 { committed.load(ordering: .acquiring) }

  /// Makes a written block findable; visible to readers once committed.
  /// - Parameter ref: `nil` for a block without events.
  /// > Runs on: the journal's thread.
  public func publish(sequence: UInt64, ref: BlockRef?) {
    let index = Int(truncatingIfNeeded: sequence) & (Self.span - 1)
    unsafe sequences[index].store(0, ordering: .releasing)
    unsafe references[index].store(ref?.packed ?? 0, ordering: .releasing)
    unsafe sequences[index].store(sequence, ordering: .releasing)
  }

  /// Moves the watermark.
  /// > Runs on: the journal's thread.
  public func commit(through sequence: UInt64) { committed.store(sequence, ordering: .releasing) }

  /// Where the block with this sequence is.
  /// > Runs on: any thread.
  public func place(of sequence: UInt64) -> Place {
    let index = Int(truncatingIfNeeded: sequence) & (Self.span - 1)
    guard unsafe sequences[index].load(ordering: .acquiring) == sequence else { return .gone }
    let packed = unsafe references[index].load(ordering: .acquiring)
    guard unsafe sequences[index].load(ordering: .acquiring) == sequence else { return .gone }
    return packed == 0 ? .noEvents : .block(BlockRef(packed: packed))
  }

  /// Pins the block with this sequence if it is in memory and has events.
  /// - Returns: `nil` when it is not; otherwise unpin it in the arena.
  /// > Runs on: any thread.
  public func pin(sequence: UInt64) -> BlockRef? {
    guard case .block(let ref) = place(of: sequence), arena.pin(ref) else { return nil }
    if arena[ref].sequence == sequence { return ref }
    arena.unpin(ref)
    return nil
  }

  /// A reactor says that it has handed out every event up to `sequence`.
  /// > Runs on: that reactor's thread.
  public func setWalked(reactor: Int, through sequence: UInt64) {
    unsafe walkedCell(reactor).pointee.store(sequence, ordering: .releasing)
  }

  /// What every reactor has walked: blocks above it must stay in memory.
  public var walkedThrough: UInt64 {
    var lowest = committedThrough
    for reactor in 0..<reactorCount {
      lowest = min(lowest, unsafe walkedCell(reactor).pointee.load(ordering: .acquiring))
    }
    return lowest
  }

  private func walkedCell(_ reactor: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    require(reactor >= 0 && reactor < max(reactorCount, 1), "no such reactor")
    return unsafe (walked + reactor * 64).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
}

/// Interned endpoint sets, appended by ingest, read by everybody.
///
/// A set is one allocation: sorted endpoint numbers. Its number becomes known to another thread only
/// through a committed block, whose releasing store makes the set visible as well.
@safe
public final class AudienceTable: @unchecked Sendable {
  private static let chunkSize = 4096
  private static let chunkCount = 4096
  private typealias Entry = UnsafeBufferPointer<EndpointNumber>
  private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
  private let size = Atomic<Int>(1)

  /// A table that holds only the empty audience.
  public init() {
    unsafe chunks = .allocate(capacity: Self.chunkCount)
    unsafe chunks.initialize(repeating: nil, count: Self.chunkCount)
    unsafe store(UnsafeBufferPointer(start: nil, count: 0), at: 0)
  }

  deinit {
    for index in 0..<Self.chunkCount {
      guard let chunk = unsafe chunks[index] else { continue }
      for entry in 0..<Self.chunkSize { unsafe chunk[entry].deallocate() }
      unsafe chunk.deallocate()
    }
    unsafe chunks.deallocate()
  }

  /// Numbers given so far; the next set gets this one.
  public var count: Int { size.load(ordering: .acquiring) }

  /// Adds a set.
  /// - Parameter endpoints: sorted, without repeats.
  /// - Returns: `nil` when all 16 million numbers are used.
  /// > Runs on: the ingest thread; recovery before it starts.
  public func append(_ endpoints: [EndpointNumber]) -> AudienceNumber? {
    let number = count
    guard number < Self.chunkSize * Self.chunkCount else { return nil }
    insert(endpoints, at: AudienceNumber(UInt32(number)))
    return AudienceNumber(UInt32(number))
  }

  /// Puts a set back under its number: recovery only, in any order, before any reader runs. A set
  /// that is defined again, as each segment does, takes the first one's place.
  /// - Precondition: `number` is below 16 million.
  public func insert(_ endpoints: [EndpointNumber], at number: AudienceNumber) {
    require(
      Int(number.value) < Self.chunkSize * Self.chunkCount, "an audience number is out of range")
    let copy = UnsafeMutableBufferPointer<EndpointNumber>.allocate(capacity: endpoints.count)
    _ = unsafe copy.initialize(from: endpoints)
    unsafe store(UnsafeBufferPointer(copy), at: Int(number.value))
    if Int(number.value) >= count { size.store(Int(number.value) + 1, ordering: .releasing) }
  }

  private func store(_ entry: Entry, at number: Int) {
    let chunk = number / Self.chunkSize
    if unsafe chunks[chunk] == nil {
      let fresh = UnsafeMutablePointer<Entry>.allocate(capacity: Self.chunkSize)
      unsafe fresh.initialize(
        repeating: UnsafeBufferPointer(start: nil, count: 0), count: Self.chunkSize)
      unsafe chunks[chunk] = unsafe fresh
    }
    let place = unsafe chunks[chunk].unsafelyUnwrapped + number % Self.chunkSize
    unsafe place.pointee.deallocate()
    unsafe place.pointee = entry
  }

  /// The endpoints of an audience, sorted; empty for an unknown number.
  /// > Runs on: any thread that saw the number in a committed block.
  public func endpoints(of audience: AudienceNumber) -> UnsafeBufferPointer<EndpointNumber> {
    let number = Int(audience.value)
    guard number < Self.chunkSize * Self.chunkCount,
      let chunk = unsafe chunks[number / Self.chunkSize]
    else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
    return unsafe chunk[number % Self.chunkSize]
  }

  /// Whether `endpoint` belongs to the audience.
  /// - Complexity: O(log n).
  public func contains(_ endpoint: EndpointNumber, in audience: AudienceNumber) -> Bool {
    let set = unsafe endpoints(of: audience)
    var low = 0
    var high = set.count
    while low < high {
      let middle = (low + high) / 2
      let value = unsafe set[middle]
      if value == endpoint { return true }
      if value < endpoint { low = middle + 1 } else { high = middle }
    }
    return false
  }
}
