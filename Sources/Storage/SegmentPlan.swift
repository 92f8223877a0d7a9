internal import Platform

/// A segment file as recovery sees it.
struct SegmentPlan {
  let number: UInt64
  let path: String
  /// `nil` when the header is damaged.
  var header: SegmentHeader?
  var size: Int
  var salt: UInt64 = 0
  var first: UInt64 = 0
  /// The first sequence that a later segment holds: what stands here from it on is superseded.
  var limit: UInt64 = .max
  /// Its blocks, ascending; only those with events when they come from the footer.
  var blocks: [ScannedBlock] = []
  var gaps: [ScanGap] = []
  var durableThrough: UInt64 = 0
  /// The byte after the last block that counts.
  var end = SegmentHeader.byteCount
  var isScanned = false
  /// Whether it has a trailer: it was closed in an orderly way.
  var isClosed = false
  /// What the trailer says that it holds.
  var closedUsage = LogUsage.zero

  init(number: UInt64, path: String, header: SegmentHeader?, size: Int) {
    self.number = number
    self.path = path
    self.header = header
    self.size = size
    salt = header?.salt ?? 0
    first = header?.firstSequence ?? 0
  }

  /// A later segment holds everything from `sequence` on.
  mutating func supersede(from sequence: UInt64) {
    limit = min(limit, sequence)
    blocks.removeAll { $0.sequence >= sequence }
    gaps.removeAll { $0.sequence >= sequence }
  }

  /// The last sequence that counts here, or the one before the first.
  var last: UInt64 { blocks.last.map(\.sequence) ?? (first == 0 ? 0 : first - 1) }

  /// What counts of it. A segment that is read by its footer counts as a whole: no later one
  /// supersedes a part of it but at its torn end, and such a one has no footer.
  var usage: LogUsage {
    if isClosed && !isScanned { return closedUsage }
    var sum = LogUsage.zero
    for block in blocks { sum += block.usage }
    return sum
  }

  /// Where the blocks with events are.
  var entries: [SegmentIndex.Entry] {
    blocks.compactMap { block in
      guard block.kind == .events else { return nil }
      return SegmentIndex.Entry(
        sequence: block.sequence, offset: block.offset, length: block.length)
    }
  }
}

/// Finds the blocks of one segment: by its footer where that is enough, else header by header.
struct SegmentSurvey {
  let disk: any Disk

  /// Fills `plan` with its blocks.
  /// - Parameters:
  ///   - footerIsEnough: recovery needs only the places of its event blocks.
  ///   - direct: read around the page cache, which proves nothing about an unsynced tail.
  func fill(_ plan: inout SegmentPlan, footerIsEnough: Bool, direct: Bool) throws(StorageError) {
    let mode = direct ? OpenMode.readDirect : .read
    var result = plan
    try ChunkReader.reading(plan.path, on: disk, as: mode) { (reader) throws(SystemError) in
      let footer = try readFooter(reader, plan: result)
      result.isClosed = footer != nil
      if let footer { result.closedUsage = footer.usage }
      if footerIsEnough, let footer {
        result.blocks = footer.blocks.filter { $0.sequence < result.limit }
      } else {
        try scan(reader, &result)
      }
    }
    plan = result
  }

  private func scan(_ reader: ChunkReader, _ plan: inout SegmentPlan) throws(SystemError) {
    let scan = try SegmentScan.run(reader, salt: plan.header?.salt, first: plan.first)
    plan.isScanned = true
    plan.salt = scan.salt ?? 0
    if plan.header == nil { plan.first = scan.blocks.first?.sequence ?? 0 }
    let limit = plan.limit
    plan.blocks = scan.blocks.filter { $0.sequence < limit }
    plan.gaps = scan.gaps.filter { $0.sequence < limit }
    plan.durableThrough = scan.durableThrough
    plan.end = scan.end
  }

  /// The event blocks that the footer lists and what the trailer counts, if both are whole.
  private func readFooter(_ reader: ChunkReader, plan: SegmentPlan) throws(SystemError)
    -> (blocks: [ScannedBlock], usage: LogUsage)?
  {
    guard let (tables, usage) = try SegmentFooter.read(reader, salt: plan.salt) else { return nil }
    return (tables.entries.map { ScannedBlock($0, kind: .events) }, usage)
  }
}
