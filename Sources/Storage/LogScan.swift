internal import Base
public import Flow

/// Walks the log block by block by its header sections, and unpacks a block only when somebody asks
/// for an event of it: how history is searched without an index of ids.
///
/// Each step reads one header section, so it is bounded; the caller decides how many steps it makes
/// before it lets others go on. Memory: one header section, and one unpacked block from the first
/// time that one is asked for. Blocks that can't be read are counted and passed over, and so are
/// segments that are freed meanwhile. What only the spool still has is no history: it is the part of
/// a stretch that is undelivered.
///
/// > Runs on: one task at a time, off the data plane; a step waits for the disk.
public final class LogScan {
  /// Which way a walk goes.
  public enum Direction: Sendable {
    case newestFirst, oldestFirst
  }

  /// When events must have been accepted; segments that were closed before or begun after are not
  /// read at all.
  public struct Span: Sendable, Equatable {
    /// Unix milliseconds, inclusive.
    public var first: UInt64
    /// Unix milliseconds, inclusive.
    public var last: UInt64

    /// A stretch of time; the clock may have been put right by an hour in it.
    public init(first: UInt64 = 0, last: UInt64 = .max) {
      self.first = first < Self.slack ? 0 : first - Self.slack
      self.last = last > .max - Self.slack ? .max : last + Self.slack
    }

    private static let slack: UInt64 = 3_600_000

    func mayHold(_ segment: SegmentFacts) -> Bool {
      segment.createdAt <= last && segment.sealedAt.map { $0 >= first } ?? true
    }
  }

  private let direction: Direction
  private let accepted: Span
  private let index: SegmentIndex
  private let loader: BlockLoader
  private var next: UInt64
  /// The limit inside the first block: an index, exclusive when going back, inclusive when forward.
  private let start: Position
  private var place: BlockPlace?
  private var events: [EventHeader] = []
  private var block: Block?
  private var unpacked: UInt64 = 0
  /// Blocks that could not be read.
  public private(set) var damagedBlocks = 0

  init(
    _ direction: Direction, from start: Position, accepted: Span, index: SegmentIndex,
    loader: BlockLoader
  ) {
    self.direction = direction
    self.start = start
    self.accepted = accepted
    self.index = index
    self.loader = loader
    next = start.sequence
  }

  deinit { block?.deallocate() }

  /// The sequence of the block that was read last; 0 before the first.
  public var sequence: UInt64 { place?.sequence ?? 0 }

  /// Reads the next header section.
  /// - Returns: `false` at the end of the walk.
  /// - Complexity: one or two reads; O(events in the block).
  public func advance() -> Bool {
    while let found = find() {
      step(past: found.sequence)
      do throws(BlockLoader.Failure) {
        try loader.readSection(found)
        guard let tables = loader.tables else { throw .damaged("its tables contradict each other") }
        place = found
        take(tables)
        return true
      } catch .gone {
        continue
      } catch {
        damagedBlocks += 1
      }
    }
    events.removeAll()
    return false
  }

  /// Lets go of the files: to be called before a long pause, for an open one would keep the space
  /// of a segment that is freed meanwhile.
  public func rest() { loader.closeAll() }

  private func find() -> BlockPlace? {
    if next == 0 && direction == .newestFirst { return nil }
    return switch direction {
    case .newestFirst: index.find(atOrBefore: next, in: accepted.mayHold)
    case .oldestFirst: index.find(atOrAfter: next, in: accepted.mayHold)
    }
  }

  private func step(past sequence: UInt64) {
    next = direction == .newestFirst ? sequence - 1 : sequence + 1
  }

  private func take(_ tables: BlockTables) {
    events.removeAll(keepingCapacity: true)
    for index in 0..<tables.eventCount { events.append(tables.event(index)) }
  }

  /// The events of this block that belong to the walk, in its order: index and header.
  public func forEachEvent(_ body: (Position, EventHeader) throws -> Bool) rethrows {
    let isFirst = sequence == start.sequence
    switch direction {
    case .newestFirst:
      var index = isFirst ? min(start.index, events.count) : events.count
      while index > 0 {
        index -= 1
        guard try body(Position(sequence: sequence, index: index), events[index]) else { return }
      }
    case .oldestFirst:
      var index = isFirst ? start.index : 0
      while index < events.count {
        guard try body(Position(sequence: sequence, index: index), events[index]) else { return }
        index += 1
      }
    }
  }

  /// Lends an event of this block; unpacks the block at the first call.
  /// - Returns: `nil` when the block can't be unpacked: it is counted as damaged.
  public func withEvent<R>(_ position: Position, _ body: (EventView) -> R) -> R? {
    guard let place, position.sequence == place.sequence, position.index < events.count,
      let block = unpack(place)
    else { return nil }
    return body(block.event(position.index))
  }

  /// A copy of an event of this block.
  /// - Returns: `nil` when the block can't be unpacked.
  public func event(_ position: Position) -> StoredEvent? {
    withEvent(position) { StoredEvent($0, position: position) }
  }

  private func unpack(_ place: BlockPlace) -> Block? {
    let room = block ?? Block.allocate()
    block = room
    if unpacked == place.sequence { return room.eventCount == events.count ? room : nil }
    unpacked = place.sequence
    if (try? loader.read(place)) != nil, loader.unpack(place.sequence, into: room),
      room.eventCount == events.count
    {
      return room
    }
    room.reset()
    damagedBlocks += 1
    return nil
  }
}
