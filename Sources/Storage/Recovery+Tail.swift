internal import Base
internal import Flow
internal import Platform

/// Where the log ends, and what is damaged before it.
extension RecoveryRun {
  struct Tail {
    /// The last sequence that is taken or lost for good: the next block comes after it.
    var last: UInt64
    /// Everything up to here is known to be synced.
    var watermark: UInt64
    /// Whether nothing with content lay beyond the watermark.
    var isClean: Bool
  }

  /// Tells corruption from a torn tail, cuts the latter off the plans, and notes both.
  func judgeTail() throws(StorageError) -> Tail {
    var watermark = checkpoint?.syncedThrough ?? 0
    for plan in plans {
      watermark = max(watermark, plan.durableThrough)
      // A segment is begun only when the one before it is synced to its end.
      if plan.number != plans[0].number, plan.first > 0 {
        watermark = max(watermark, plan.first - 1)
      }
    }
    noteDamage(upTo: watermark)
    try cutTornTail(after: watermark)
    let end = plans.reduce(0) { max($0, $1.last) }
    try judgeEnd(end, watermark: watermark)
    try applyReleases()
    noteMissingSegments()
    let beyond = plans.last?.blocks.contains { $0.sequence > watermark && !isStatement($0) }
    return Tail(
      last: max(end, watermark), watermark: watermark, isClean: beyond != true)
  }

  /// A block without tables or payload: it says nothing but the watermark.
  private func isStatement(_ block: ScannedBlock) -> Bool {
    block.kind == .tables && block.length == BlockHeader.byteCount
  }

  private func noteDamage(upTo watermark: UInt64) {
    for (position, plan) in plans.enumerated() where plan.isScanned {
      for gap in plan.gaps where gap.sequence <= watermark {
        note(
          .corruption, plan, offset: gap.offset, end: gap.end, first: gap.sequence,
          last: (gap.nextSequence ?? min(plan.limit, watermark + 1)) - 1)
      }
      if plan.header == nil {
        let end = plan.blocks.map(\.offset).min() ?? SegmentHeader.byteCount
        note(.corruption, plan, offset: 0, end: end, first: plan.first, last: plan.first)
      }
      let isLast = position == plans.count - 1
      if !isLast, plan.limit != .max, plan.last + 1 < plan.limit,
        !plan.gaps.contains(where: { $0.nextSequence == nil }), plan.limit - 1 > replayAfter
      {
        note(
          .corruption, plan, offset: plan.end, end: plan.end, first: plan.last + 1,
          last: plan.limit - 1)
      }
    }
    if let first = plans.first, checkpoint != nil, first.first > replayAfter + 1 {
      note(
        .corruption, first, offset: 0, end: 0, first: replayAfter + 1, last: first.first - 1)
    }
  }

  /// The log ends before what a checkpoint saw durable: the end of the segment that held it is
  /// damaged, which is reported, or the files are not those that the checkpoint was taken of.
  private func judgeEnd(_ end: UInt64, watermark: UInt64) throws(StorageError) {
    guard end < watermark else { return }
    var short = plans.last
    if let checkpoint, end < checkpoint.syncedThrough {
      let held = checkpoint.segments.last { $0.firstSequence <= checkpoint.syncedThrough }
      short = plans.first { $0.number == held?.number }
      guard let held, numbersSeen.contains(held.number), short == nil || short?.salt == held.salt
      else {
        throw .checkpointAhead(
          path: layout.checkpoint(checkpoint.ordinal), checkpoint: checkpoint.syncedThrough,
          log: end)
      }
    }
    guard let short, !short.gaps.contains(where: { $0.nextSequence == nil }) else { return }
    note(.corruption, short, offset: short.end, end: short.end, first: end + 1, last: watermark)
  }

  /// What was never known to be synced and is not whole any more goes to quarantine. Whole blocks
  /// behind it stay: the disk may have damaged it later, and then they were acknowledged.
  private func cutTornTail(after watermark: UInt64) throws(StorageError) {
    guard let plan = plans.last else { return }
    for gap in plan.gaps where gap.sequence > watermark {
      note(
        .tornTail, plan, offset: gap.offset, end: gap.end, first: gap.sequence,
        last: (gap.nextSequence ?? gap.sequence + 1) - 1)
    }
    var kept: [ScannedBlock] = []
    var wholeCount = 0
    try withReader(plan) { (reader) throws(SystemError) in
      for block in plan.blocks {
        let isDurable = block.sequence <= watermark
        let isWhole = try isDurable ? true : Self.isWhole(reader, block)
        if isWhole {
          kept.append(block)
          wholeCount = kept.count
          continue
        }
        note(
          .tornTail, plan, offset: block.offset, end: block.end, first: block.sequence,
          last: block.sequence)
        // Its events are lost; definitions and outcomes may still stand in its header section.
        if try Self.tables(reader, block) != nil {
          kept.append(
            ScannedBlock(
              sequence: block.sequence, offset: block.offset, length: block.length, kind: .tables))
        }
      }
    }
    let index = plans.count - 1
    plans[index].blocks = Array(kept[..<wholeCount])
    plans[index].end = plans[index].blocks.reduce(SegmentHeader.byteCount) { max($0, $1.end) }
  }

  private static func isWhole(_ reader: ChunkReader, _ block: ScannedBlock) throws(SystemError)
    -> Bool
  {
    guard let view = try reader.view(block.offset, BlockHeader.byteCount),
      let header = BlockHeader(view)
    else { return false }
    return try SegmentScan.isWhole(reader, header, at: block.offset)
  }

  private func noteMissingSegments() {
    guard let checkpoint else { return }
    let cover = CheckpointCover(checkpoint)
    for facts in checkpoint.segments
    where !plans.contains(where: { $0.number == facts.number })
      && !ranges.contains(where: { $0.range.covers(facts.firstSequence, facts.firstSequence) })
      && facts.firstSequence <= facts.lastSequence
      && cover.isPending(first: facts.firstSequence, last: facts.lastSequence)
    {
      report.append(
        RecoveryFinding(
          kind: .missingSegment, path: layout.segment(facts.number),
          firstSequence: facts.firstSequence, lastSequence: facts.lastSequence))
    }
  }

  private func note(
    _ kind: RecoveryFinding.Kind, _ plan: SegmentPlan, offset: Int, end: Int, first: UInt64,
    last: UInt64
  ) {
    report.append(
      RecoveryFinding(
        kind: kind, path: plan.path, offset: UInt64(offset), length: UInt64(max(0, end - offset)),
        firstSequence: first, lastSequence: last))
  }

  /// Damage that showed only when the header section was read.
  func noteCorruption(_ plan: SegmentPlan, _ block: ScannedBlock) {
    note(
      .corruption, plan, offset: block.offset, end: block.offset + block.length,
      first: block.sequence, last: block.sequence)
  }

  // MARK: Quarantine

  /// Copies the bytes of every finding that has some, once.
  func quarantineFindings() throws(StorageError) {
    for index in report.indices
    where report[index].length > 0 && report[index].quarantine == nil {
      let finding = report[index]
      guard case .segment(let number) = layout.entry(path: finding.path) else { continue }
      let target = layout.quarantined(
        segment: number, offset: finding.offset, torn: finding.kind == .tornTail)
      try copy(finding, to: target)
      report[index].quarantine = target
    }
  }

  private func copy(_ finding: RecoveryFinding, to target: String) throws(StorageError) {
    var failure: SystemError?
    try withReader(finding.path) { (reader) throws(SystemError) in
      do throws(SystemError) {
        let file = try disk.createAnew(target)
        defer { disk.close(file) }
        var done = 0
        while done < Int(finding.length) {
          let length = min(1 << 16, Int(finding.length) - done)
          guard let bytes = try reader.view(Int(finding.offset) + done, length) else { break }
          try unsafe disk.writeAll(file, bytes.bytes, at: UInt64(done))
          done += length
        }
        try disk.syncData(file)
        try disk.syncDirectory(layout.quarantine)
      } catch { failure = error }
    }
    if let failure { throw .system(path: target, failure) }
  }
}
