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
    let end = plans.last?.last ?? 0
    try refuseIfBehind(end: end, watermark: watermark)
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
      if plan.header == nil, !plan.blocks.isEmpty {
        note(
          .corruption, plan, offset: 0, end: SegmentHeader.byteCount, first: plan.first,
          last: plan.first)
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

  /// Whether damage in the last segment explains that the log ends before the watermark.
  private var tailIsDamaged: Bool {
    plans.last?.gaps.contains { $0.nextSequence == nil && $0.end > $0.offset } ?? false
  }

  private func refuseIfBehind(end: UInt64, watermark: UInt64) throws(StorageError) {
    guard let checkpoint, end < checkpoint.syncedThrough, !tailIsDamaged else { return }
    throw .checkpointAhead(
      path: layout.checkpoint(checkpoint.ordinal), checkpoint: checkpoint.syncedThrough, log: end)
  }

  /// The first damage beyond the watermark ends the log: what follows was never acknowledged before
  /// it, and a sequence must not be missing in the middle of what is.
  private func cutTornTail(after watermark: UInt64) throws(StorageError) {
    guard let plan = plans.last else { return }
    var cut = plan.gaps.first { $0.sequence > watermark }.map { ($0.offset, $0.sequence) }
    try withReader(plan) { (reader) throws(SystemError) in
      for block in plan.blocks where block.sequence > watermark {
        if let cut, block.sequence >= cut.1 { break }
        if try !Self.isWhole(reader, block) {
          cut = (block.offset, block.sequence)
          break
        }
      }
    }
    guard let (offset, sequence) = cut else { return }
    let index = plans.count - 1
    let lastEnd = plan.gaps.map(\.end).reduce(plan.end) { max($0, $1) }
    note(.tornTail, plan, offset: offset, end: lastEnd, first: sequence, last: sequence)
    plans[index].blocks.removeAll { $0.sequence >= sequence }
    plans[index].gaps.removeAll { $0.sequence >= sequence }
    plans[index].end = offset
  }

  /// Whether every byte of a block is as it was written.
  private static func isWhole(_ reader: ChunkReader, _ block: ScannedBlock) throws(SystemError)
    -> Bool
  {
    guard let view = try reader.view(block.offset, block.length), let header = BlockHeader(view),
      let section = view.slice(BlockHeader.byteCount, header.headerLength),
      let packed = view.slice(BlockHeader.byteCount + header.headerLength, header.packedLength)
    else { return false }
    return section.crc == header.headerCRC && packed.crc == header.packedCRC
      && BlockTables(section, count: header.tableCount) != nil
  }

  private func noteMissingSegments() {
    guard let checkpoint else { return }
    let cover = CheckpointCover(checkpoint)
    for facts in checkpoint.segments
    where !plans.contains(where: { $0.number == facts.number })
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
      guard let plan = plans.first(where: { $0.path == report[index].path }) else { continue }
      let target = layout.quarantined(
        segment: plan.number, offset: report[index].offset,
        torn: report[index].kind == .tornTail)
      try copy(plan, report[index], to: target)
      report[index].quarantine = target
    }
  }

  private func copy(_ plan: SegmentPlan, _ finding: RecoveryFinding, to target: String)
    throws(StorageError)
  {
    var failure: SystemError?
    try withReader(plan) { (reader) throws(SystemError) in
      do throws(SystemError) {
        try? disk.remove(target)
        let file = try disk.open(target, .create)
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
