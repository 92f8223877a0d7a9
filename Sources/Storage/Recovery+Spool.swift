internal import Base
internal import Flow
internal import Platform

/// A spool range as recovery reads it.
struct RangePlan {
  var range: SpoolRange
  var entries: [SegmentIndex.Entry]
  /// `nil`: too many to keep, or not known.
  var audiences: [AudienceNumber]?
}

/// What stands in the spool, and what it stands for.
extension RecoveryRun {
  /// Lists the spool segments that are there.
  func surveySpool() throws(StorageError) {
    let buffer = GatherBuffer(capacity: SegmentHeader.byteCount)
    for name in try disk.names(in: layout.spool) ?? [] {
      let path = layout.spool + "/" + name
      if case .segment(let number) = DirectoryLayout.entry(name) {
        try Recovery.refuseNewerSegment(path, disk, buffer)
        spoolFiles.append(number)
      } else {
        report.append(RecoveryFinding(kind: .foreignFile, path: path))
      }
    }
  }

  /// Applies the releases: the checkpoint's ranges, then the records that came after it.
  ///
  /// A record beyond the watermark counts as well: its range was durable before it was written.
  func applyReleases() throws(StorageError) {
    releaseOrdinal = checkpoint?.releaseOrdinal ?? 0
    var ranges = checkpoint?.spool ?? []
    for range in try recordedReleases() where range.ordinal > releaseOrdinal {
      ranges.release(range)
      releaseOrdinal = range.ordinal
    }
    for range in ranges { try load(range) }
    removeReleased()
  }

  private func recordedReleases() throws(StorageError) -> [SpoolRange] {
    var records: [SpoolRange] = []
    for plan in plans where plan.blocks.contains(where: { $0.kind == .releases }) {
      try withReader(plan) { (reader) throws(SystemError) in
        for block in plan.blocks where block.kind == .releases {
          // A damaged one is reported when the log is read: the segments it released are there
          // still, or their loss shows as missing blocks.
          try Self.tables(reader, block)?.forEachRelease { records.append($0) }
        }
      }
    }
    return records.sorted { $0.ordinal < $1.ordinal }
  }

  /// Segments that were released and are there still: the crash came before they were removed.
  private func removeReleased() {
    let released = plans.filter { plan in
      ranges.contains { $0.range.covers(plan.first, plan.first) }
    }
    plans.removeAll { plan in released.contains { $0.number == plan.number } }
    self.released += released.map(\.path)
    // One whose header and blocks are damaged does not know its place: it has nothing to give up.
    for index in plans.indices where plans[index].first > 0 {
      let first = plans[index].first
      if let next = ranges.first(where: { $0.range.firstSequence > first }) {
        let (path, limit) = (plans[index].path, next.range.firstSequence)
        plans[index].supersede(from: limit)
        // A later segment, spooled since, held it whole: an old tear there is no damage.
        report.removeAll { $0.kind == .corruption && $0.path == path && $0.firstSequence >= limit }
      }
    }
  }

  // MARK: One range

  private func load(_ range: SpoolRange) throws(StorageError) {
    let path = layout.spoolSegment(range.file)
    guard spoolFiles.contains(range.file) else { return noteMissing(range, path) }
    var plan: RangePlan?
    try withReader(path) { (reader) throws(SystemError) in
      plan = try Self.footer(reader, range)
      if plan != nil { return }
      plan = try Self.hop(reader, range)
      if plan != nil { noteFooter(of: range, path) }
    }
    guard let plan else { return noteMissing(range, path) }
    ranges.append(plan)
  }

  /// Without its footer nobody knows whether blocks of the range are missing.
  private func noteFooter(of range: SpoolRange, _ path: String) {
    report.append(
      RecoveryFinding(
        kind: .corruption, path: path, offset: range.offset + range.length - range.footerLength,
        length: range.footerLength, firstSequence: range.firstSequence,
        lastSequence: range.lastSequence))
  }

  private func noteMissing(_ range: SpoolRange, _ path: String) {
    guard let checkpoint,
      CheckpointCover(checkpoint).isPending(first: range.firstSequence, last: range.lastSequence)
    else { return }
    report.append(
      RecoveryFinding(
        kind: .missingSegment, path: path, offset: range.offset, length: 0,
        firstSequence: range.firstSequence, lastSequence: range.lastSequence))
  }

  private static func footer(_ reader: ChunkReader, _ range: SpoolRange) throws(SystemError)
    -> RangePlan?
  {
    guard range.footerLength <= range.length, range.offset + range.length <= UInt64(reader.size)
    else { return nil }
    let offset = Int(range.offset + range.length - range.footerLength)
    guard
      let tables = try SegmentFooter.read(
        reader, salt: range.salt, offset: offset, length: Int(range.footerLength))
    else { return nil }
    return RangePlan(range: range, entries: tables.entries, audiences: audiences(tables))
  }

  private static func audiences(_ tables: BlockTables) -> [AudienceNumber]? {
    var numbers: [AudienceNumber] = []
    let isWhole = tables.forEachPosting { audience, _ in numbers.append(audience) }
    return isWhole && numbers.count <= SpoolRange.audiencesKeptMax ? numbers : nil
  }

  /// Finds the blocks of a range whose footer is damaged, header by header.
  private static func hop(_ reader: ChunkReader, _ range: SpoolRange) throws(SystemError)
    -> RangePlan?
  {
    var entries: [SegmentIndex.Entry] = []
    var offset = Int(range.offset)
    let end = min(reader.size, Int(range.offset + range.length - range.footerLength))
    while offset + BlockHeader.byteCount <= end {
      guard let view = try reader.view(offset, BlockHeader.byteCount),
        let header = BlockHeader(view), header.kind == .spool, header.salt == range.salt,
        header.blockLength <= end - offset
      else {
        // Look for the next one: a damaged header costs only its own block.
        offset += Format.alignment
        continue
      }
      entries.append(
        SegmentIndex.Entry(
          sequence: header.sequence, offset: offset, length: header.blockLength))
      offset += header.blockLength
    }
    return entries.isEmpty ? nil : RangePlan(range: range, entries: entries, audiences: nil)
  }

  // MARK: Events

  /// The events of a range, by their old places.
  func eventTable(_ plan: RangePlan) -> SegmentEvents {
    let table = SegmentEvents(table: audiences)
    let path = layout.spoolSegment(plan.range.file)
    do throws(StorageError) {
      try withReader(path) { (reader) throws(SystemError) in
        for entry in plan.entries {
          let block = ScannedBlock(entry, kind: .spool)
          // A damaged one is reported when it is read for delivery.
          guard let tables = try Self.tables(reader, block), let events = tables.spooledEvents()
          else { continue }
          define(tables)
          Self.add(events, to: table)
        }
      }
    } catch { noteTable(error) }
    return table
  }

  private static func add(_ events: [SpooledEvent], to table: SegmentEvents) {
    var first = 0
    while first < events.count {
      let sequence = events[first].position.sequence
      var audiences: [UInt32] = []
      while first < events.count, events[first].position.sequence == sequence {
        let missing = events[first].position.index - audiences.count
        audiences.append(contentsOf: repeatElement(0, count: missing))
        audiences.append(events[first].audience.value)
        first += 1
      }
      table.add(sequence: sequence, audiences: audiences)
    }
  }

  // MARK: Tidying

  /// Removes what no record speaks of: the range of a job that did not end.
  func tidySpool() {
    for number in spoolFiles {
      let path = layout.spoolSegment(number)
      let ends = ranges.filter { $0.range.file == number }.map {
        $0.range.offset + $0.range.length
      }
      guard let end = ends.max() else {
        tidy(path) { () throws(SystemError) in try disk.remove(path) }
        continue
      }
      tidy(path) { () throws(SystemError) in
        let file = try disk.open(path, .readWrite)
        defer { disk.close(file) }
        if try disk.size(file) > end { try disk.truncate(file, to: end) }
      }
    }
  }

  /// A number that no spool segment here ever had.
  var spoolFileNext: UInt64 {
    max(spoolFiles.max() ?? 0, ranges.map(\.range.file).max() ?? 0) + 1
  }
}
