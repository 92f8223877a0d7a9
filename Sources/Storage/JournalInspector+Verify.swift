internal import Base
internal import Flow
internal import Platform

/// Checking everything that can be checked.
extension JournalInspector {
  /// Reads the whole log and every checkpoint and checks all of it.
  /// - Parameter progress: gets the bytes done and in all, after each block.
  /// - Throws: `system` when a file can't be read.
  public func verify(progress: (_ done: UInt64, _ all: UInt64) -> Void = { _, _ in })
    throws(StorageError) -> JournalVerdict
  {
    var examination = Examination(self)
    let all = plans.reduce(0) { $0 + UInt64($1.size) }
    var before: UInt64 = 0
    for index in plans.indices {
      let plan = plans[index]
      try withReader(plan.path) { (reader) throws(SystemError) in
        try examination.examine(plan, isLast: index == plans.count - 1, reader) { offset in
          progress(before + UInt64(offset), all)
        }
      }
      before += UInt64(plan.size)
      progress(before, all)
    }
    for plan in run.ranges {
      try withReader(layout.spoolSegment(plan.range.file)) { (reader) throws(SystemError) in
        try examination.examineSpool(plan, reader)
      }
    }
    examination.examineCheckpoints()
    return examination.verdict
  }
}

/// One verification: what was seen so far, and what is wrong.
struct Examination {
  var verdict = JournalVerdict()
  let inspector: JournalInspector
  var ledger: AudienceLedger
  private let buffer = GatherBuffer(capacity: BlockLimits.payloadBytes)
  private var plan: SegmentPlan
  private var isLast = false
  private var durableThrough: UInt64 = 0
  /// Event blocks of the segment with the audiences in each; `nil` when they can't be read.
  private var listed: [(block: ScannedBlock, audiences: Set<UInt32>?)] = []

  init(_ inspector: JournalInspector) {
    self.inspector = inspector
    ledger = AudienceLedger(inspector.run.checkpoints)
    plan = SegmentPlan(number: 0, path: "", header: nil, size: 0)
    verdict.lastSequence = inspector.lastSequence
    if inspector.isLive {
      verdict.notes.append("a broker uses the directory: the end of its log is in motion")
    }
  }

  // MARK: One segment

  mutating func examine(
    _ plan: SegmentPlan, isLast: Bool, _ reader: ChunkReader, progress: (Int) -> Void
  ) throws(SystemError) {
    self.plan = plan
    self.isLast = isLast
    listed = []
    verdict.segments += 1
    verdict.bytes += UInt64(plan.size)
    examineHeader()
    for gap in plan.gaps {
      fault(
        .blockHeader, gap.offset, gap.end - gap.offset, first: gap.sequence,
        last: (gap.nextSequence ?? gap.sequence + 1) - 1,
        gap.end > gap.offset ? "no block can be read here" : "blocks are missing here")
    }
    var place = plan.header == nil ? plan.blocks.map(\.offset).min() ?? 0 : SegmentHeader.byteCount
    var expected = plan.first
    for block in plan.blocks {
      if block.offset != place, block.sequence == expected {
        fault(.place, block, "the block stands at another place than behind the one before")
      }
      try examine(block, reader)
      place = block.end
      expected = block.sequence + 1
      progress(place)
    }
    try examineEnd(reader, place: place)
  }

  private mutating func examineHeader() {
    if plan.header == nil {
      let end = plan.blocks.map(\.offset).min() ?? SegmentHeader.byteCount
      fault(
        .segmentHeader, 0, min(end, plan.size), first: plan.first, last: plan.first,
        "the header is damaged; the segment's blocks were found one by one")
    }
  }

  private mutating func examine(_ block: ScannedBlock, _ reader: ChunkReader) throws(SystemError) {
    verdict.blocks += 1
    guard let view = try reader.view(block.offset, block.length), let header = BlockHeader(view)
    else { return fault(.blockHeader, block, "the header changed while it was read") }
    let parts = BlockParts(header, view)
    if header.durableThrough < durableThrough || header.durableThrough >= block.sequence {
      fault(
        .durableThrough, block,
        "the watermark \(header.durableThrough) follows \(durableThrough)")
    }
    durableThrough = max(durableThrough, header.durableThrough)
    if !parts.hasZeroPadding { fault(.padding, block, "the bytes behind the payload are not zero") }
    let tables = examineTables(block, parts)
    examinePayload(block, parts, tables)
    guard block.kind == .events else { return }
    listed.append(
      (block, tables.map { tables in Set((0..<tables.eventCount).map { tables.audience($0) }) }))
  }

  private mutating func examineTables(_ block: ScannedBlock, _ parts: BlockParts) -> BlockTables? {
    guard parts.hasSection else {
      fault(
        .headerSection, block.offset + BlockHeader.byteCount, parts.header.headerLength,
        first: block.sequence, last: block.sequence, "the checksum is wrong")
      return nil
    }
    guard let tables = parts.tables else {
      fault(.tables, block, "the tables' lengths contradict each other")
      return nil
    }
    if let problem = ledger.define(tables) { fault(.audience, block, problem) }
    if block.kind != .events, tables.eventCount > 0 {
      fault(.tables, block, "a block of kind \(block.kind) has events")
    }
    for index in 0..<tables.eventCount {
      let audience = AudienceNumber(tables.audience(index))
      if ledger.endpoints(of: audience) == nil {
        fault(.audience, block, "audience \(audience.value) of event \(index) is not defined")
        break
      }
    }
    examineOutcomes(block, tables)
    examineReleases(block, tables)
    return tables
  }

  private mutating func examineOutcomes(_ block: ScannedBlock, _ tables: BlockTables) {
    var problem: String?
    var count: UInt64 = 0
    tables.forEachOutcome { outcome in
      count += 1
      let isEarlier =
        outcome.position.sequence < block.sequence || outcome.kind == .endpointRemoved
      if !(1...6).contains(outcome.kind.rawValue) {
        problem = "an outcome is of the unknown kind \(outcome.kind.rawValue)"
      } else if !isEarlier {
        problem = "an outcome is of block \(outcome.position.sequence), which comes later"
      }
    }
    verdict.outcomes += count
    if let problem { fault(.outcome, block, problem) }
  }

  private mutating func examinePayload(
    _ block: ScannedBlock, _ parts: BlockParts, _ tables: BlockTables?
  ) {
    let start = block.offset + BlockHeader.byteCount + parts.header.headerLength
    guard parts.hasPayload else {
      return fault(
        .payload, start, parts.header.packedLength, first: block.sequence, last: block.sequence,
        "the checksum is wrong\(Self.lostText(tables))")
    }
    guard parts.unpack(into: buffer) != nil else {
      return fault(
        .plainPayload, start, parts.header.packedLength, first: block.sequence,
        last: block.sequence, "it does not unpack to what was stored\(Self.lostText(tables))")
    }
    guard let tables, tables.eventCount > 0 else { return }
    verdict.events += UInt64(tables.eventCount)
    var end = 0
    for index in 0..<tables.eventCount {
      let event = tables.event(index)
      if Int(event.payloadOffset) != end {
        return fault(.events, block, "event \(index) does not begin where the one before ends")
      }
      end += event.payloadLength
    }
    if end != parts.header.plainLength {
      fault(.events, block, "the events take \(end) bytes of \(parts.header.plainLength)")
    }
  }

  private static func lostText(_ tables: BlockTables?) -> String {
    guard let count = tables?.eventCount, count > 0 else { return "" }
    return count == 1 ? "; 1 event is lost" : "; \(count) events are lost"
  }

  // MARK: A segment's end

  private mutating func examineEnd(_ reader: ChunkReader, place: Int) throws(SystemError) {
    let isFollowed = plan.limit != .max
    let hasTail = plan.gaps.contains { $0.nextSequence == nil }
    if isFollowed, plan.last + 1 < plan.limit, !hasTail, !mayEndEarly {
      fault(
        .sequence, place, max(0, plan.size - place), first: plan.last + 1, last: plan.limit - 1,
        "the segment ends before the next one begins")
    }
    let footer = plan.blocks.last.flatMap { $0.kind == .footer ? $0 : nil }
    // A tail that was left at a restart is cut to what counts; nothing else is ever shortened.
    let isWholeTail = isFollowed && footer == nil && plan.last + 1 == plan.limit
    if let bytes = plan.header?.segmentBytes, !isWholeTail, plan.size != Int(bytes) {
      fault(
        .length, min(plan.size, Int(bytes)), max(0, Int(bytes) - plan.size), first: 0, last: 0,
        "the file has \(plan.size) bytes instead of \(bytes)")
    }
    guard let footer else { return }
    let room = plan.size - SegmentTrailer.byteCount
    if footer.end <= room {
      try examineZeros(reader, from: footer.end, to: room)
      try examineTrailer(reader, footer: footer)
    }
    try examineFooter(reader, footer)
  }

  /// Segments that nobody waited for are gone from between others, and so are those that stand in
  /// the spool now: their blocks are missing here, and not missed.
  private var mayEndEarly: Bool {
    guard let checkpoint = inspector.run.checkpoint, plan.limit - 1 <= checkpoint.replayAfter else {
      return false
    }
    let known = checkpoint.segments.first { $0.number == plan.number }
    return known.map { plan.last >= $0.lastSequence } ?? false
  }

  private mutating func examineZeros(_ reader: ChunkReader, from start: Int, to end: Int)
    throws(SystemError)
  {
    var offset = start
    while offset < end {
      let length = min(1 << 16, end - offset)
      guard let view = try reader.view(offset, length) else { return }
      if !view.isZero(0, length) {
        return fault(
          .padding, offset, length, first: 0, last: 0, "bytes behind the footer are not zero")
      }
      offset += length
    }
  }

  private mutating func examineTrailer(_ reader: ChunkReader, footer: ScannedBlock)
    throws(SystemError)
  {
    let offset = plan.size - SegmentTrailer.byteCount
    guard let view = try reader.view(offset, SegmentTrailer.byteCount) else { return }
    let trailer = SegmentTrailer(view)
    let isRight =
      trailer?.salt == plan.salt && trailer?.footerOffset == UInt64(footer.offset)
      && trailer?.footerLength == UInt64(footer.length) && view.isZero(48, 12)
    if !isRight {
      fault(
        .trailer, offset, SegmentTrailer.byteCount, first: 0, last: 0,
        "it does not name the footer at offset \(footer.offset)")
    }
  }

  private mutating func examineFooter(_ reader: ChunkReader, _ footer: ScannedBlock)
    throws(SystemError)
  {
    guard let view = try reader.view(footer.offset, footer.length),
      let header = BlockHeader(view), let tables = BlockParts(header, view).tables
    else { return }
    if let problem = FooterCheck(tables, gaps: plan.gaps, listed: listed).problem {
      fault(.footer, footer, problem)
    }
  }

  // MARK: Checkpoints and what is missing

  mutating func examineCheckpoints() {
    for finding in inspector.findings { take(finding) }
    let run = inspector.run
    verdict.checkpoints = run.checkpoints.count
    for checkpoint in run.checkpoints {
      if let problem = checkpoint.problem {
        add(
          .checkpoint, inspector.layout.checkpoint(checkpoint.ordinal), 0, 0, checkpoint.sequence,
          checkpoint.sequence, problem)
      }
    }
    if let newest = run.checkpoints.last, inspector.refusal != nil {
      let end = inspector.lastSequence
      add(
        .checkpointAhead, inspector.layout.checkpoint(newest.ordinal), 0, 0, end + 1,
        newest.syncedThrough,
        "the log ends at block \(end), the checkpoint covers block \(newest.syncedThrough)")
    }
  }

  /// Takes over what only recovery's own pass finds.
  private mutating func take(_ finding: RecoveryFinding) {
    let offset = Int(finding.offset)
    let length = Int(finding.length)
    let first = finding.firstSequence
    let last = finding.lastSequence
    switch finding.kind {
    case .foreignFile, .leftover: verdict.notes.append(finding.text)
    case .damagedCheckpoint:
      add(.checkpoint, finding.path, offset, length, first, last, "it can't be read")
    case .missingSegment:
      add(
        .missingSegment, finding.path, offset, length, first, last,
        "the file is gone; deliveries of its events were pending")
    case .corruption:
      if inspector.plans.contains(where: { $0.path == finding.path }) {
        // Blocks that a checkpoint saw and nothing in the log speaks of any more.
        let isKnown = verdict.faults.contains {
          $0.firstSequence <= first && last <= $0.lastSequence
        }
        if !isKnown {
          add(.sequence, finding.path, offset, length, first, last, "durable blocks are missing")
        }
      } else {
        add(.segmentHeader, finding.path, offset, length, first, last, "nothing in it can be read")
      }
    case .tornTail, .unknownAudience: break
    }
  }

  // MARK: Faults

  mutating func fault(_ check: JournalFault.Check, _ block: ScannedBlock, _ detail: String)
  {
    fault(
      check, block.offset, block.length, first: block.sequence, last: block.sequence, detail)
  }

  private mutating func fault(
    _ check: JournalFault.Check, _ offset: Int, _ length: Int, first: UInt64, last: UInt64,
    _ detail: String
  ) {
    // What is being written beside us is not whole yet.
    if inspector.isLive, isLast, first == 0 || first > plan.durableThrough { return }
    add(check, plan.path, offset, length, first, last, detail)
  }

  mutating func add(
    _ check: JournalFault.Check, _ path: String, _ offset: Int, _ length: Int, _ first: UInt64,
    _ last: UInt64, _ detail: String
  ) {
    verdict.faults.append(
      JournalFault(
        check: check, path: path, offset: UInt64(max(0, offset)),
        length: UInt64(max(0, length)), firstSequence: first, lastSequence: last, detail: detail))
  }
}
