internal import Base
internal import Flow
internal import Platform

/// The fresh segment that every start begins with: an old tail is never appended to.
extension RecoveryRun {
  struct Beginning {
    var active: ActiveSegment
    var ledger: SegmentLedger
    var facts: SegmentFacts
    var entries: [SegmentIndex.Entry]
  }

  /// Makes the segment under a temporary name, copies what lies beyond the watermark into it,
  /// syncs, and only then gives it its name: from then on it supersedes the old tail.
  func beginSegment(_ tail: Tail) throws(StorageError) -> Beginning {
    let number = freshNumber
    let first = tail.isClean ? tail.last + 1 : tail.watermark + 1
    let header = SegmentHeader(
      number: number, firstSequence: first, createdAt: now.unix.value,
      segmentBytes: UInt64(segmentBytes))
    let temporary = layout.segmentTemporary(number)
    let ledger = SegmentLedger()
    ledger.begin()
    let buffer = GatherBuffer(capacity: 1 << 16)
    header.append(to: buffer)
    try copyTail(from: first, salt: header.salt, tail, ledger, buffer)
    let file = try freshFile(temporary)
    try SegmentFile.publish(
      file, beginning: buffer.view, number: number, layout: layout, disk: disk)
    trimOldTail()
    let active = ActiveSegment(
      header: header, file: file, offset: buffer.count, path: layout.segment(number))
    var facts = SegmentFacts(
      number: number, salt: header.salt, firstSequence: first, lastSequence: tail.last,
      bytes: UInt64(segmentBytes), createdAt: header.createdAt, sealedAt: nil)
    for block in plans.last?.blocks ?? [] where block.sequence >= first {
      facts.usage += block.usage
    }
    return Beginning(active: active, ledger: ledger, facts: facts, entries: ledger.entries)
  }

  /// Zeros under a temporary name; on a full disk the reserved segment.
  private func freshFile(_ temporary: String) throws(StorageError) -> FileHandle {
    do throws(StorageError) {
      return try SegmentFile.zeroed(temporary, bytes: segmentBytes, disk: disk)
    } catch {
      guard error.isOutOfSpace, let file = reservedFile(temporary) else { throw error }
      return file
    }
  }

  /// The reserved segment under a temporary name. That it can't be had is told, but what ends the
  /// start is the want of space.
  private func reservedFile(_ temporary: String) -> FileHandle? {
    let reserve = Reserve(layout: layout, disk: disk, segmentBytes: segmentBytes, workBytes: 1)
    do throws(StorageError) { return try reserve.takeSegment(to: temporary) } catch {
      var finding = RecoveryFinding(kind: .leftover, path: layout.reserve)
      finding.reason = "\(error)"
      report.append(finding)
      return nil
    }
  }

  /// Lays down every block from `first` on, and an empty one for each that is lost: no sequence is
  /// missing in the fresh segment.
  private func copyTail(
    from first: UInt64, salt: UInt64, _ tail: Tail, _ ledger: SegmentLedger,
    _ buffer: GatherBuffer
  ) throws(StorageError) {
    guard let plan = plans.last, first <= tail.last else { return }
    let blocks = plan.blocks.filter { $0.sequence >= first }
    let total = blocks.reduce(0) { $0 + $1.length }
    guard total <= segmentBytes - (1 << 20) else {
      throw .tailTooLarge(path: plan.path, bytes: UInt64(total))
    }
    try withReader(plan) { (reader) throws(SystemError) in
      var next = blocks[...]
      for sequence in first...tail.last {
        let start = buffer.count
        let block = next.first?.sequence == sequence ? next.popFirst() : nil
        try Self.lay(block, sequence: sequence, reader, buffer)
        BlockHeader.seal(in: buffer, at: start, salt: salt, durableThrough: tail.watermark)
        if let block, block.kind == .events, let tables = try Self.tables(reader, block) {
          for index in 0..<tables.eventCount where tables.audience(index) != 0 {
            _ = ledger.note(tables.audience(index))
          }
          ledger.add(sequence: sequence, offset: start, length: block.length)
        }
      }
    }
    ledger.forgetDefinitions()
  }

  /// Appends a block as it is; of a torn one, its definitions and outcomes. The footer of the old
  /// segment means nothing here.
  private static func lay(
    _ block: ScannedBlock?, sequence: UInt64, _ reader: ChunkReader, _ buffer: GatherBuffer
  ) throws(SystemError) {
    if let block, block.kind != .footer, try isAsStored(block, reader),
      let view = try reader.view(block.offset, block.length)
    {
      return buffer.append(view)
    }
    var writer = BlockWriter(buffer, kind: .tables, sequence: sequence)
    if let block, block.kind == .tables, let tables = try tables(reader, block) {
      tables.withoutEvents.write(&writer)
    }
    _ = writer.finish()
  }

  /// Whether its kind is still what its header says: not that of a torn block.
  private static func isAsStored(_ block: ScannedBlock, _ reader: ChunkReader)
    throws(SystemError) -> Bool
  {
    guard let view = try reader.view(block.offset, BlockHeader.byteCount) else { return false }
    return BlockHeader(view)?.kind == block.kind
  }

  /// Gives back the old tail's unused space, or restarts in a row would fill the disk with zeros.
  /// What is cut off is zero, in quarantine, or in the fresh segment, all synced. Failure is
  /// harmless.
  private func trimOldTail() {
    guard let plan = plans.last, plan.header != nil, !plan.isClosed, plan.isScanned,
      plan.end < plan.size
    else { return }
    tidy(plan.path) { () throws(SystemError) in
      let file = try disk.open(plan.path, .readWrite)
      defer { disk.close(file) }
      try disk.truncate(file, to: UInt64(plan.end))
      plans[plans.count - 1].size = plan.end
      try disk.syncData(file)
    }
  }
}
