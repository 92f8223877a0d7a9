internal import Flow
internal import Synchronization

/// Where a block with events stands on disk.
public struct BlockPlace: BitwiseCopyable, Sendable, Equatable {
  /// The segment's number.
  public var segment: UInt64
  /// Whether it is a spool segment: its blocks hold events of several blocks of the log.
  public var isSpool: Bool
  /// The segment's salt.
  public var salt: UInt64
  /// The block's sequence; in the spool that of the last block of the log with events in it.
  public var sequence: UInt64
  /// Its offset in the segment file, bytes.
  public var offset: UInt64
  /// Its length, bytes.
  public var length: Int
}

/// One segment of the log, as `status`, the cleaner and the reader see it.
public struct SegmentFacts: Sendable, Equatable {
  /// Its number, as in the file's name.
  public var number: UInt64
  /// The salt of its blocks.
  public var salt: UInt64
  /// The first sequence that may stand in it.
  public var firstSequence: UInt64
  /// The last; for the active segment the last committed one.
  public var lastSequence: UInt64
  /// The file's length.
  public var bytes: UInt64
  /// When it was begun, Unix milliseconds.
  public var createdAt: UnixTime
  /// When it was closed; `nil` for the active one.
  public var sealedAt: UnixTime?
  /// Blocks with events in it.
  public var eventBlocks: Int
  /// What of it is the log, and not yet the zeros that wait for it.
  public var usage = LogUsage.zero

  /// Milliseconds since the epoch.
  public typealias UnixTime = UInt64

  package init(
    number: UInt64, salt: UInt64, firstSequence: UInt64, lastSequence: UInt64, bytes: UInt64,
    createdAt: UnixTime, sealedAt: UnixTime?, eventBlocks: Int = 0
  ) {
    self.number = number
    self.salt = salt
    self.firstSequence = firstSequence
    self.lastSequence = lastSequence
    self.bytes = bytes
    self.createdAt = createdAt
    self.sealedAt = sealedAt
    self.eventBlocks = eventBlocks
  }
}

/// How much the log holds.
public struct LogUsage: BitwiseCopyable, Sendable, Equatable {
  /// Bytes on disk: headers, tables, packed payloads.
  public var bytes: UInt64
  /// The same with the payloads unpacked.
  public var plainBytes: UInt64
  /// Events.
  public var events: UInt64

  /// Nothing.
  public static var zero: LogUsage { LogUsage(bytes: 0, plainBytes: 0, events: 0) }

  /// States a usage.
  public init(bytes: UInt64, plainBytes: UInt64, events: UInt64) {
    self.bytes = bytes
    self.plainBytes = plainBytes
    self.events = events
  }

  /// Bytes on disk for each plain byte; 1 while there is nothing to tell it by.
  public var packedShare: Double {
    plainBytes == 0 ? 1 : min(1, Double(bytes) / Double(plainBytes))
  }

  /// Adds what another part of the log holds.
  public static func += (sum: inout LogUsage, part: LogUsage) {
    sum.bytes += part.bytes
    sum.plainBytes += part.plainBytes
    sum.events += part.events
  }
}

/// Sequence → place, for every committed block with events in every live segment and spool range:
/// 16 bytes a block. Segments and ranges lie side by side, oldest first; none overlap.
///
/// The journal appends (once a commit), the keeper removes, readers look up (once a block): one
/// lock that nobody holds for more than a binary search.
public final class SegmentIndex: Sendable {
  /// A block's place inside its segment; as in the footer: sequence (8), offset ÷ 64 (4),
  /// length ÷ 64 (4).
  package struct Entry: BitwiseCopyable, Sendable {
    static let byteCount = 16

    var sequence: UInt64
    var offsetUnits: UInt32
    var lengthUnits: UInt32

    init(sequence: UInt64, offset: Int, length: Int) {
      self.sequence = sequence
      offsetUnits = UInt32(offset / Format.alignment)
      lengthUnits = UInt32(length / Format.alignment)
    }

    /// Reads one; the view has at least `byteCount` bytes from `place` on.
    init(_ view: RawView, at place: Int) {
      sequence = view.u64(place)
      offsetUnits = view.u32(place + 8)
      lengthUnits = view.u32(place + 12)
    }

    func append(to buffer: GatherBuffer) {
      buffer.append(sequence.littleEndian)
      buffer.append(offsetUnits.littleEndian)
      buffer.append(lengthUnits.littleEndian)
    }

    var offset: Int { Int(offsetUnits) * Format.alignment }
    var length: Int { Int(lengthUnits) * Format.alignment }
  }

  struct Segment: Sendable {
    var facts: SegmentFacts
    var entries: [Entry]
    /// What the blocks are for: set for a spool range, whose file `facts` then names.
    var range: SpoolRange?
    /// A spool range's audiences, for the question whether anybody waits for it; `nil`: not known.
    var audiences: [AudienceNumber]?
    var isSpool: Bool { range != nil }
    var places: [BlockPlace] { entries.map { SegmentIndex.place($0, self) } }
  }

  private let segments = Mutex<[Segment]>([])

  init() {}

  /// The first block with events at or after `sequence`.
  /// - Returns: `nil` when the log has none up to its end.
  /// > Runs on: any thread.
  public func find(atOrAfter sequence: UInt64) -> BlockPlace? {
    segments.withLock { all in
      var low = Self.partition(all.count) { all[$0].facts.lastSequence < sequence }
      while low < all.count {
        let entries = all[low].entries
        let index = Self.partition(entries.count) { entries[$0].sequence < sequence }
        if index < entries.count { return Self.place(entries[index], all[low]) }
        low += 1
      }
      return nil
    }
  }

  /// The last block with events at or before `sequence`, of a segment of the log that `isWanted`.
  /// - Returns: `nil` when the log has none back to its beginning.
  /// > Runs on: any thread.
  func find(atOrBefore sequence: UInt64, in isWanted: (SegmentFacts) -> Bool) -> BlockPlace? {
    segments.withLock { all in
      var high = Self.partition(all.count) { all[$0].facts.firstSequence <= sequence }
      while high > 0 {
        high -= 1
        guard !all[high].isSpool, isWanted(all[high].facts) else { continue }
        let entries = all[high].entries
        let index = Self.partition(entries.count) { entries[$0].sequence <= sequence }
        if index > 0 { return Self.place(entries[index - 1], all[high]) }
      }
      return nil
    }
  }

  /// The first block with events at or after `sequence`, of a segment of the log that `isWanted`.
  /// - Returns: `nil` when the log has none up to its end.
  /// > Runs on: any thread.
  func find(atOrAfter sequence: UInt64, in isWanted: (SegmentFacts) -> Bool) -> BlockPlace? {
    segments.withLock { all in
      var low = Self.partition(all.count) { all[$0].facts.lastSequence < sequence }
      while low < all.count {
        let entries = all[low].entries
        let index = Self.partition(entries.count) { entries[$0].sequence < sequence }
        if index < entries.count, !all[low].isSpool, isWanted(all[low].facts) {
          return Self.place(entries[index], all[low])
        }
        low += 1
      }
      return nil
    }
  }

  private static func place(_ entry: Entry, _ segment: Segment) -> BlockPlace {
    BlockPlace(
      segment: segment.facts.number, isSpool: segment.isSpool, salt: segment.facts.salt,
      sequence: entry.sequence, offset: UInt64(entry.offset), length: entry.length)
  }

  /// The first index for which `before` is false; `before` is true for a prefix.
  static func partition(_ count: Int, _ before: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if before(middle) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// All segments of the log, oldest first.
  public var facts: [SegmentFacts] {
    segments.withLock { all in
      all.compactMap { segment in
        if segment.isSpool { return nil }
        var facts = segment.facts
        facts.eventBlocks = segment.entries.count
        return facts
      }
    }
  }

  /// All spool ranges, oldest first.
  public var ranges: [SpoolRange] { segments.withLock { $0.compactMap(\.range) } }

  /// Bytes of all segment files of the log.
  public var byteCount: UInt64 {
    segments.withLock { $0.reduce(0) { $0 + ($1.isSpool ? 0 : $1.facts.bytes) } }
  }

  /// What all segments hold together, the zeros ahead of need not counted.
  public var usage: LogUsage {
    segments.withLock { all in
      var sum = LogUsage.zero
      for segment in all { sum += segment.facts.usage }
      return sum
    }
  }

  /// What the active segment holds.
  var activeUsage: LogUsage { segments.withLock { $0.last?.facts.usage ?? .zero } }

  /// Bytes of all spool ranges.
  public var spoolBytes: UInt64 {
    segments.withLock { $0.reduce(0) { $0 + ($1.range?.length ?? 0) } }
  }

  func contains(_ number: UInt64, isSpool: Bool) -> Bool {
    segments.withLock { all in
      all.contains { $0.facts.number == number && $0.isSpool == isSpool }
    }
  }

  func contains(_ place: BlockPlace) -> Bool {
    segments.withLock { all in
      all.contains { segment in
        guard segment.facts.number == place.segment, segment.isSpool == place.isSpool else {
          return false
        }
        // A spool segment may have lost this range and keep others.
        return segment.range.map { $0.offset <= place.offset && place.offset < $0.offset + $0.length }
          ?? true
      }
    }
  }

  /// Everything, oldest first: for the cleaner, which is the only one that takes things out.
  var contents: [Segment] { segments.withLock { $0 } }

  /// Puts a range where the segments and ranges stood that it stands for.
  func release(_ range: SpoolRange, entries: [Entry], audiences: [AudienceNumber]?) {
    var facts = SegmentFacts(
      number: range.file, salt: range.salt, firstSequence: range.firstSequence,
      lastSequence: range.lastSequence, bytes: range.length, createdAt: 0,
      sealedAt: range.sealedAt)
    facts.eventBlocks = entries.count
    facts.usage = LogUsage(
      bytes: range.length, plainBytes: range.plainBytes, events: range.events)
    let segment = Segment(facts: facts, entries: entries, range: range, audiences: audiences)
    segments.withLock { all in
      all.removeAll { range.covers($0.facts.firstSequence, $0.facts.lastSequence) }
      let place = all.firstIndex { $0.facts.firstSequence > range.firstSequence } ?? all.count
      all.insert(segment, at: place)
    }
  }

  func remove(range ordinal: UInt64) {
    segments.withLock { $0.removeAll { $0.range?.ordinal == ordinal } }
  }

  func begin(_ facts: SegmentFacts, entries: [Entry] = []) {
    segments.withLock { $0.append(Segment(facts: facts, entries: entries)) }
  }

  /// The last segment has everything up to `sequence` now; `entry` when that block has events.
  func committed(through sequence: UInt64, usage: LogUsage, entry: Entry?) {
    segments.withLock { all in
      guard !all.isEmpty else { return }
      all[all.count - 1].facts.lastSequence = sequence
      all[all.count - 1].facts.usage += usage
      if let entry { all[all.count - 1].entries.append(entry) }
    }
  }

  func seal(at time: UInt64) {
    segments.withLock { all in
      guard !all.isEmpty else { return }
      all[all.count - 1].facts.sealedAt = time
    }
  }

  /// Forgets a segment's blocks.
  package func remove(segment number: UInt64) {
    segments.withLock { $0.removeAll { $0.facts.number == number && !$0.isSpool } }
  }
}
