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
    let tailBlocks = tail.isClean ? [] : blocksBeyond(tail.watermark)
    let first = tailBlocks.first?.sequence ?? tail.last + 1
    let header = SegmentHeader(
      number: number, firstSequence: first, createdAt: now.unix.value,
      segmentBytes: UInt64(segmentBytes))
    let temporary = layout.segmentTemporary(number)
    let ledger = SegmentLedger()
    ledger.begin()
    let buffer = GatherBuffer(capacity: 1 << 16)
    header.append(to: buffer)
    let entries = try copyTail(tailBlocks, salt: header.salt, tail, ledger, buffer)
    let file = try SegmentFile.zeroed(temporary, bytes: segmentBytes, disk: disk)
    try onPath(temporary) { () throws(SystemError) in
      try unsafe disk.writeAll(file, buffer.view.bytes, at: 0)
      try disk.syncData(file)
    }
    try SegmentFile.publish(file, number: number, layout: layout, disk: disk)
    trimOldTail()
    let active = ActiveSegment(
      header: header, file: file, offset: buffer.count, path: layout.segment(number))
    var facts = SegmentFacts(
      number: number, salt: header.salt, firstSequence: first, lastSequence: tail.last,
      bytes: UInt64(segmentBytes), createdAt: header.createdAt, sealedAt: nil)
    for block in tailBlocks { facts.usage += block.usage }
    return Beginning(active: active, ledger: ledger, facts: facts, entries: entries)
  }

  private func blocksBeyond(_ watermark: UInt64) -> [ScannedBlock] {
    plans.last?.blocks.filter { $0.sequence > watermark } ?? []
  }

  private func copyTail(
    _ blocks: [ScannedBlock], salt: UInt64, _ tail: Tail, _ ledger: SegmentLedger,
    _ buffer: GatherBuffer
  ) throws(StorageError) -> [SegmentIndex.Entry] {
    guard let plan = plans.last, !blocks.isEmpty else { return [] }
    let total = blocks.reduce(0) { $0 + $1.length }
    guard total <= segmentBytes - (1 << 20) else {
      throw .tailTooLarge(path: plan.path, bytes: UInt64(total))
    }
    var entries: [SegmentIndex.Entry] = []
    try withReader(plan) { (reader) throws(SystemError) in
      for block in blocks {
        let start = buffer.count
        if block.kind == .footer {
          // The footer of the old segment means nothing here; its sequence must not be missing.
          var writer = BlockWriter(buffer, kind: .tables, sequence: block.sequence)
          _ = writer.finish()
        } else if let view = try reader.view(block.offset, block.length) {
          buffer.append(view)
        }
        BlockHeader.seal(
          in: buffer, at: start, salt: salt, durableThrough: tail.watermark)
        if block.kind == .events, let tables = try Self.tables(reader, block) {
          for index in 0..<tables.eventCount where tables.audience(index) != 0 {
            _ = ledger.note(tables.audience(index))
          }
          ledger.add(sequence: block.sequence, offset: start, length: block.length)
          entries.append(
            SegmentIndex.Entry(sequence: block.sequence, offset: start, length: block.length))
        }
      }
    }
    ledger.forgetDefinitions()
    return entries
  }

  /// Gives back the old tail's unused space, or restarts in a row would fill the disk with zeros.
  /// What is cut off is zero, in quarantine, or in the fresh segment, all synced. Failure is
  /// harmless.
  private func trimOldTail() {
    guard let plan = plans.last, plan.header != nil, !plan.isClosed, plan.isScanned,
      plan.end < plan.size
    else { return }
    plans[plans.count - 1].size = plan.end
    guard let file = try? disk.open(plan.path, .readWrite) else { return }
    defer { disk.close(file) }
    try? disk.truncate(file, to: UInt64(plan.end))
    try? disk.syncData(file)
  }
}
