internal import Base
internal import Flow
internal import Platform

/// A piece of the spool as `JournalInspector` lists it.
public struct SpoolSummary: Sendable, Equatable {
  /// Counts up with each release.
  public let ordinal: UInt64
  /// The spool segment.
  public let path: String
  /// Where it begins in that file, bytes.
  public let offset: UInt64
  /// Bytes that it takes there, the footer included.
  public let bytes: UInt64
  /// The first block of the log that it stands for.
  public let firstSequence: UInt64
  /// The last.
  public let lastSequence: UInt64
  /// Spool blocks in it.
  public let blocks: Int
  /// Events in it.
  public let events: UInt64
  /// Their payload before packing, bytes.
  public let plainBytes: UInt64
}

/// What is undelivered of segments that are gone.
extension JournalInspector {
  /// Every piece of the spool that counts, oldest first.
  public var spool: [SpoolSummary] {
    run.ranges.map { plan in
      SpoolSummary(
        ordinal: plan.range.ordinal, path: layout.spoolSegment(plan.range.file),
        offset: plan.range.offset, bytes: plan.range.length,
        firstSequence: plan.range.firstSequence, lastSequence: plan.range.lastSequence,
        blocks: plan.entries.count, events: plan.range.events,
        plainBytes: plan.range.plainBytes)
    }
  }

  /// Every event of the spool that can be read.
  func forEachSpooledEvent(_ ledger: inout AudienceLedger, _ body: (EventSummary) -> Void)
    throws(StorageError)
  {
    for plan in run.ranges {
      try withReader(layout.spoolSegment(plan.range.file)) { (reader) throws(SystemError) in
        for entry in plan.entries {
          guard let view = try reader.view(entry.offset, entry.length),
            let header = BlockHeader(view), let tables = BlockParts(header, view).tables
          else { continue }
          ledger.define(tables)
          guard let block = SpoolBlock(BlockParts(header, view), tables) else { continue }
          Self.list(block, ledger, body)
        }
      }
    }
  }

  private static func list(
    _ block: SpoolBlock, _ ledger: AudienceLedger, _ body: (EventSummary) -> Void
  ) {
    for index in block.events.indices {
      guard let summary = EventSummary(
        block.header(index), block.plain.view, position: block.events[index].position, ledger)
      else { continue }
      body(summary)
    }
  }
}

extension SpoolBlock {
  /// The block with these parts.
  /// - Returns: `nil` when something in it contradicts itself.
  convenience init?(_ parts: BlockParts, _ tables: BlockTables) {
    let plain = GatherBuffer(capacity: max(1, parts.header.plainLength))
    guard parts.header.kind == .spool, let events = tables.spooledEvents(),
      parts.unpack(into: plain) != nil
    else { return nil }
    self.init(sequence: parts.header.sequence, events: events, plain: plain)
  }
}

extension Examination {
  // MARK: The spool

  mutating func examineSpool(_ plan: RangePlan, _ reader: ChunkReader) throws(SystemError) {
    verdict.spoolRanges += 1
    verdict.bytes += plan.range.length
    let path = inspector.layout.spoolSegment(plan.range.file)
    var place = Int(plan.range.offset)
    var events: UInt64 = 0
    var listed: [(block: ScannedBlock, audiences: Set<UInt32>?)] = []
    for entry in plan.entries {
      let block = ScannedBlock(entry, kind: .spool)
      if block.offset != place {
        spoolFault(.blockHeader, path, place, block.offset - place, plan, "no block stands here")
      }
      place = block.end
      let found = try examine(block, of: plan, path, reader)
      events += UInt64(found?.events.count ?? 0)
      listed.append((block, found.map { Set($0.events.map(\.audience.value)) }))
    }
    verdict.events += events
    try examineFooter(plan, path, reader, listed)
    let isWhole = listed.allSatisfy { $0.audiences != nil }
    if isWhole, events != plan.range.events {
      spoolFault(
        .sequence, path, Int(plan.range.offset), Int(plan.range.length), plan,
        "it has \(events) events instead of \(plan.range.events)")
    }
  }

  /// - Returns: what the block holds; `nil` when that can't be read.
  private mutating func examine(
    _ block: ScannedBlock, of plan: RangePlan, _ path: String, _ reader: ChunkReader
  ) throws(SystemError) -> SpoolBlock? {
    verdict.blocks += 1
    func fault(_ check: JournalFault.Check, _ detail: String, _ self: inout Examination) {
      self.add(
        check, path, block.offset, block.length, plan.range.firstSequence, block.sequence, detail)
    }
    guard let view = try reader.view(block.offset, block.length), let header = BlockHeader(view),
      header.salt == plan.range.salt, header.sequence == block.sequence, header.kind == .spool,
      header.blockLength == block.length
    else {
      fault(.blockHeader, "no block of this range can be read here", &self)
      return nil
    }
    let parts = BlockParts(header, view)
    if !parts.hasZeroPadding { fault(.padding, "the bytes behind the payload are not zero", &self) }
    guard parts.hasSection else {
      fault(.headerSection, "the checksum is wrong", &self)
      return nil
    }
    guard let tables = parts.tables, tables.spooledEvents() != nil else {
      fault(.tables, "the table of events can't be read", &self)
      return nil
    }
    if let problem = ledger.define(tables) { fault(.audience, problem, &self) }
    guard parts.hasPayload else {
      fault(.payload, "the checksum is wrong", &self)
      return nil
    }
    guard let found = SpoolBlock(parts, tables) else {
      fault(.plainPayload, "it does not unpack to what the events say", &self)
      return nil
    }
    let sequences = plan.range.firstSequence...plan.range.lastSequence
    if let stray = found.events.first(where: { !sequences.contains($0.position.sequence) }) {
      fault(.events, "an event is of block \(stray.position.sequence)", &self)
    }
    if let unknown = found.events.first(where: { ledger.endpoints(of: $0.audience) == nil }) {
      fault(.audience, "audience \(unknown.audience.value) is not defined", &self)
    }
    return found
  }

  private mutating func examineFooter(
    _ plan: RangePlan, _ path: String, _ reader: ChunkReader,
    _ listed: [(block: ScannedBlock, audiences: Set<UInt32>?)]
  ) throws(SystemError) {
    let range = plan.range
    let length = Int(range.footerLength)
    let offset = Int(range.offset + range.length) - length
    if let view = try reader.view(offset, length), let header = BlockHeader(view),
      !BlockParts(header, view).hasZeroPadding
    {
      spoolFault(
        .padding, path, offset, length, plan, "the bytes behind the footer's tables are not zero")
    }
    guard
      let tables = try SegmentFooter.read(
        reader, salt: range.salt, offset: offset, length: length)
    else {
      return spoolFault(
        .footer, path, offset, length, plan, "it can't be read; the blocks were found one by one")
    }
    var named: [SpoolRange] = []
    tables.forEachRelease { named.append($0) }
    if named != [range] {
      spoolFault(.footer, path, offset, length, plan, "it is that of another range")
    } else if let problem = FooterCheck(tables, gaps: [], listed: listed).problem {
      spoolFault(.footer, path, offset, length, plan, problem)
    }
  }

  private mutating func spoolFault(
    _ check: JournalFault.Check, _ path: String, _ offset: Int, _ length: Int, _ plan: RangePlan,
    _ detail: String
  ) {
    add(
      check, path, offset, length, plan.range.firstSequence, plan.range.lastSequence, detail)
  }

  /// Releases are of blocks before their own, and count up.
  mutating func examineReleases(_ block: ScannedBlock, _ tables: BlockTables) {
    var problem: String?
    tables.forEachRelease { range in
      if block.kind != .releases && block.kind != .footer {
        problem = "a block of kind \(block.kind) has releases"
      } else if range.firstSequence > range.lastSequence || range.lastSequence >= block.sequence {
        problem = "a release is of blocks \(range.firstSequence) to \(range.lastSequence)"
      }
    }
    if let problem { fault(.tables, block, problem) }
  }
}
