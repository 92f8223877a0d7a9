internal import Base
internal import Flow
public import Platform

/// Reads a data directory's log as recovery would, and changes nothing.
///
/// Lists what is there and verifies all of it: every header, table and checksum, packed and plain.
/// It shares recovery's eyes (`SegmentScan`), so that both have the same idea of what counts.
/// Beside a running broker it sees the log's end in motion: say `isLive`.
public final class JournalInspector {
  let layout: DirectoryLayout
  let disk: any Disk
  package let isLive: Bool
  let run: RecoveryRun
  /// Every segment with its blocks, before recovery's judgement of the tail.
  let plans: [SegmentPlan]
  /// What recovery will conclude.
  let findings: [RecoveryFinding]
  /// Why recovery would refuse to open the directory.
  public let refusal: StorageError?
  /// What lies beyond is not known to be synced.
  let watermark: UInt64
  let lastSequence: UInt64

  /// Reads every block header of `directory`.
  /// - Parameters:
  ///   - directory: the data directory.
  ///   - isLive: a broker may be writing to it.
  /// - Throws: `newerFormat`, or `system` when a file can't be read.
  public init(directory: String, disk: any Disk, isLive: Bool = false) throws(StorageError) {
    layout = DirectoryLayout(root: directory)
    self.disk = disk
    self.isLive = isLive
    let never = Now(instant: Instant(nanoseconds: 0), unix: UnixMilliseconds(0))
    run = RecoveryRun(
      layout: layout, disk: disk, now: never, segmentBytes: JournalConfiguration.segmentBytesDefault
    )
    run.readsEveryBlock = true
    try run.survey()
    try run.readBlocks()
    plans = run.plans
    var refusal: StorageError?
    var tail: RecoveryRun.Tail?
    do throws(StorageError) { tail = try run.judgeTail() } catch {
      guard case .checkpointAhead = error else { throw error }
      refusal = error
    }
    self.refusal = refusal
    findings = run.report
    watermark = tail?.watermark ?? 0
    lastSequence = tail?.last ?? plans.reduce(0) { max($0, $1.last) }
  }

  // MARK: Lists

  /// Every segment, oldest first.
  public var segments: [SegmentSummary] {
    plans.map { plan in
      SegmentSummary(
        number: plan.number, path: plan.path, bytes: UInt64(plan.size),
        state: plan.header == nil ? .damaged : plan.isClosed ? .closed : .open,
        firstSequence: plan.first, lastSequence: plan.last,
        createdAt: plan.header?.createdAt ?? 0, durableThrough: plan.durableThrough,
        blocks: plan.blocks.count,
        eventBlocks: plan.blocks.count { $0.kind == .events },
        usedBytes: UInt64(plan.blocks.reduce(SegmentHeader.byteCount) { max($0, $1.end) }))
    }
  }

  /// Every checkpoint that can be read, oldest first.
  public var checkpoints: [CheckpointSummary] {
    run.checkpoints.map { CheckpointSummary($0, path: layout.checkpoint($0.ordinal)) }
  }

  /// Every block of one segment, or of all, in the order of the log.
  public func forEachBlock(segment: UInt64? = nil, _ body: (BlockSummary) -> Void)
    throws(StorageError)
  {
    for plan in plans where segment == nil || plan.number == segment {
      try withReader(plan.path) { (reader) throws(SystemError) in
        for block in plan.blocks {
          guard let view = try reader.view(block.offset, block.length),
            let header = BlockHeader(view)
          else { continue }
          body(Self.summary(block, header, view, segment: plan.number))
        }
      }
    }
  }

  private static func summary(
    _ block: ScannedBlock, _ header: BlockHeader, _ view: RawView, segment: UInt64
  ) -> BlockSummary {
    let parts = BlockParts(header, view)
    var definitions = 0
    _ = parts.tables?.forEachAudience { _, _ in definitions += 1 }
    var outcomes = 0
    parts.tables?.forEachOutcome { _ in outcomes += 1 }
    return BlockSummary(
      segment: segment, sequence: block.sequence, offset: UInt64(block.offset),
      length: UInt64(block.length), kind: "\(block.kind)", durableThrough: header.durableThrough,
      events: parts.tables?.eventCount ?? 0, definitions: definitions, outcomes: outcomes,
      packedBytes: header.packedLength, plainBytes: header.plainLength,
      isWhole: parts.isWhole)
  }

  /// Every event that can be read, of one segment or of all, in the order of the log; before all, of
  /// the spool.
  public func forEachEvent(segment: UInt64? = nil, _ body: (EventSummary) -> Void)
    throws(StorageError)
  {
    var ledger = AudienceLedger(run.checkpoints)
    let buffer = GatherBuffer(capacity: BlockLimits.payloadBytes)
    if segment == nil { try forEachSpooledEvent(&ledger, body) }
    for plan in plans {
      let isListed = segment == nil || plan.number == segment
      try withReader(plan.path) { (reader) throws(SystemError) in
        for block in plan.blocks {
          guard let view = try reader.view(block.offset, block.length),
            let header = BlockHeader(view), let tables = BlockParts(header, view).tables
          else { continue }
          ledger.define(tables)
          guard isListed, block.kind == .events,
            let plain = BlockParts(header, view).unpack(into: buffer)
          else { continue }
          Self.list(tables, plain, sequence: block.sequence, ledger, body)
        }
      }
    }
  }

  /// Lends a reader of a file; one that the broker removed meanwhile is passed over.
  func withReader(_ path: String, _ body: (ChunkReader) throws(SystemError) -> Void)
    throws(StorageError)
  {
    do throws(StorageError) { try run.withReader(path, body) } catch {
      guard isLive, error.isNotFound else { throw error }
    }
  }

  private static func list(
    _ tables: BlockTables, _ plain: RawView, sequence: UInt64, _ ledger: AudienceLedger,
    _ body: (EventSummary) -> Void
  ) {
    for index in 0..<tables.eventCount {
      let position = Position(sequence: sequence, index: index)
      guard let summary = EventSummary(tables.event(index), plain, position: position, ledger)
      else { continue }
      body(summary)
    }
  }
}

extension EventSummary {
  /// An event of a block with this payload.
  /// - Returns: `nil` when it reaches past that.
  init?(_ header: EventHeader, _ plain: RawView, position: Position, _ ledger: AudienceLedger) {
    let start = Int(header.payloadOffset)
    guard let type = plain.slice(start, Int(header.typeLength)),
      let id = plain.slice(start + Int(header.typeLength), Int(header.idLength))
    else { return nil }
    self.init(
      position: position, time: header.time, application: header.application,
      audience: header.audience, endpoints: ledger.endpoints(of: header.audience),
      type: type.text, id: id.text, dataBytes: Int(header.dataLength))
  }
}

extension RawView {
  /// The bytes as text.
  var text: String { unsafe String(decoding: bytes, as: UTF8.self) }
}
