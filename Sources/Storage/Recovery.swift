public import Base
internal import Flow
public import Platform

/// Opens a data directory: reads what a stop, clean or not, left, and makes it ready to go on.
///
/// The newest whole checkpoint plus the header sections after it. Bytes past the last watermark
/// were never known to be synced: what is whole of them is copied to a fresh segment and synced
/// before anybody may act on it, what is torn goes to quarantine. Damage below the watermark is
/// reported by position and cuts nothing else. Payloads are checked when they are read.
public enum Recovery {
  /// Recovers the log in `directory`; makes it if there is none.
  /// - Parameters:
  ///   - directory: the data directory; the caller holds its `DirectoryLock`.
  ///   - now: for time stamps.
  ///   - segmentBytes: length of the fresh segment, bytes.
  ///   - log: gets a line for each thing of note, also when the start is refused.
  /// - Throws: `StorageError`; with `newerFormat` and `checkpointAhead` nothing was written.
  /// > Runs on: one thread, before every stage; may take seconds after an unclean stop.
  public static func open(
    directory: String, disk: any Disk, now: Now,
    segmentBytes: Int = JournalConfiguration.segmentBytesDefault, log: (String) -> Void = { _ in }
  ) throws(StorageError) -> RecoveredLog {
    let run = RecoveryRun(
      layout: DirectoryLayout(root: directory), disk: disk, now: now, segmentBytes: segmentBytes)
    defer { for finding in run.report { log(finding.text) } }
    return try run.recover()
  }
}

/// One recovery: survey, judge, fold, begin anew.
final class RecoveryRun {
  let layout: DirectoryLayout
  let disk: any Disk
  let now: Now
  let segmentBytes: Int
  let audiences = AudienceTable()

  /// Whether every segment is read block by block, also where its footer says enough: to verify.
  var readsEveryBlock = false
  var plans: [SegmentPlan] = []
  var report: [RecoveryFinding] = []
  /// Segments by number, whatever is in them.
  var numbersSeen: Set<UInt64> = []
  /// Every checkpoint that can be read, oldest first.
  private(set) var checkpoints: [Checkpoint] = []
  /// Unfinished files, and segments that were prepared and not used: removed at the start.
  private(set) var temporaries: [String] = []
  /// Segments in which nothing can be read: removed once what they hold is in quarantine.
  private var unreadable: [String] = []
  /// Spool segments that are there, and the ranges that count, oldest first.
  var spoolFiles: [UInt64] = []
  var ranges: [RangePlan] = []
  var releaseOrdinal: UInt64 = 0
  /// Segments that were released, to be removed once the record that says so is durable again.
  var released: [String] = []
  /// Segments whose header is all zero: prepared and not used, unless blocks follow.
  private var unused: [SegmentPlan] = []
  /// Whether an earlier start made the directories and came no further.
  private var wasLeftEmpty = false
  private var numberHighest: UInt64 = 0
  private var ordinalHighest: UInt64 = 0
  /// Loaded event tables, the most recently used last.
  private var events: [(source: EventTableKey, events: SegmentEvents)] = []
  private struct EventTableKey: Equatable {
    var number: UInt64
    var isRange: Bool
  }
  private static let eventSegmentsMax = 8
  /// An event table that could not be loaded whole: what the fold made of it counts for nothing.
  private var tableFailure: StorageError?
  static let rememberedMax = 1_000_000

  init(layout: DirectoryLayout, disk: any Disk, now: Now, segmentBytes: Int) {
    self.layout = layout
    self.disk = disk
    self.now = now
    self.segmentBytes = segmentBytes
  }

  var checkpoint: Checkpoint? { checkpoints.last }
  /// Blocks up to here need not be read again.
  var replayAfter: UInt64 { checkpoint?.replayAfter ?? 0 }

  func recover() throws(StorageError) -> RecoveredLog {
    let tail = try assess()
    // Nothing was written up to here, so that a refusal leaves everything as it was.
    try makeDirectories()
    try quarantineFindings()
    for path in temporaries + unreadable {
      tidy(path) { () throws(SystemError) in try disk.remove(path) }
    }
    tidySpool()
    let first = plans.first.map(\.first) ?? 1
    let fold = RecoveryFold(
      checkpoint: checkpoint, first: max(first, 1), audiences: audiences, source: self)
    let replayed: UInt64
    // What failed first is what to look at.
    do throws(StorageError) { replayed = try replay(fold) } catch { throw tableFailure ?? error }
    let lanes = fold.finish(end: tail.last)
    if let tableFailure { throw tableFailure }
    noteUnknownAudiences(fold)
    reserveAudiences(through: fold.audienceHighest)
    let beginning = try beginSegment(tail)
    // Not before: the record may have stood beyond the watermark.
    for path in released { tidy(path) { () throws(SystemError) in try disk.remove(path) } }
    if let last = plans.indices.last { plans[last].supersede(from: beginning.facts.firstSequence) }
    let index = makeIndex()
    index.begin(beginning.facts, entries: beginning.entries)
    return RecoveredLog(
      nextSequence: tail.last + 1, lanes: lanes, audiences: audiences,
      remembered: fold.uniqueRemembered(countMax: Self.rememberedMax), counters: fold.counters,
      deadSinceCheckpoint: fold.settled.filter { $0.kind != .endpointRemoved },
      removedEndpoints: fold.settled.filter { $0.kind == .endpointRemoved }.map(\.endpoint),
      endpointHighWater: fold.highWater, index: index,
      wasClean: tail.isClean && report.allSatisfy { $0.kind == .leftover },
      replayedBlocks: replayed, report: report,
      active: beginning.active, ledger: beginning.ledger,
      durable: checkpoints.map { DurableCheckpoint($0, audiences: audiences) },
      releaseOrdinal: releaseOrdinal, spoolFileNext: spoolFileNext,
      checkpointOrdinal: ordinalHighest,
      settledSinceCheckpoint: fold.settled)
  }

  /// Reads what is there and concludes what of it is the log; writes nothing.
  func assess() throws(StorageError) -> Tail {
    try survey()
    try readBlocks()
    return try judgeTail()
  }

  // MARK: What is there

  func survey() throws(StorageError) {
    // None: a fresh data directory.
    guard let names = try disk.names(in: layout.journal) else { return }
    var ordinals: [UInt64] = []
    for name in names {
      switch DirectoryLayout.entry(name) {
      case .segment(let number): try surveySegment(number)
      case .checkpoint(let ordinal): ordinals.append(ordinal)
      case .temporary: temporaries.append(layout.journal + "/" + name)
      case .foreign:
        report.append(RecoveryFinding(kind: .foreignFile, path: layout.journal + "/" + name))
      }
    }
    wasLeftEmpty = numbersSeen.isEmpty && ordinals.isEmpty
    plans.sort { $0.number < $1.number }
    try loadCheckpoints(ordinals.sorted())
    try surveySpool()
  }

  private func surveySegment(_ number: UInt64) throws(StorageError) {
    let path = layout.segment(number)
    numberHighest = max(numberHighest, number)
    numbersSeen.insert(number)
    var size = 0
    var reading = SegmentHeader.Reading.damaged
    var isAnother = false
    try withReader(path) { (reader) throws(SystemError) in
      size = reader.size
      if let view = try reader.view(0, SegmentHeader.byteCount) {
        reading = SegmentHeader.read(view)
      }
      // Either the file has another one's name, or only its first piece comes from elsewhere.
      if case .valid(let header) = reading, header.number != number {
        isAnother = try SegmentScan.dominantSalt(reader) ?? header.salt == header.salt
        reading = .damaged
      }
    }
    if isAnother {
      report.append(RecoveryFinding(kind: .foreignFile, path: path))
      return
    }
    switch reading {
    case .newer(let found):
      throw .newerFormat(path: path, found: found, supported: Int(Format.version))
    case .valid(let header):
      plans.append(SegmentPlan(number: number, path: path, header: header, size: size))
    case .zero:
      unused.append(SegmentPlan(number: number, path: path, header: nil, size: size))
    case .damaged: plans.append(SegmentPlan(number: number, path: path, header: nil, size: size))
    }
  }

  private func loadCheckpoints(_ ordinals: [UInt64]) throws(StorageError) {
    let store = CheckpointStore(layout: layout, disk: disk)
    ordinalHighest = ordinals.last ?? 0
    for ordinal in ordinals {
      switch try store.load(ordinal) {
      case .valid(let checkpoint): checkpoints.append(checkpoint)
      case .newer(let found):
        throw .newerFormat(
          path: layout.checkpoint(ordinal), found: found,
          supported: Int(CheckpointCoding.version))
      case .damaged:
        report.append(
          RecoveryFinding(kind: .damagedCheckpoint, path: layout.checkpoint(ordinal)))
      }
    }
  }

  // MARK: Where its blocks are

  func readBlocks() throws(StorageError) {
    let survey = SegmentSurvey(disk: disk)
    var blank: [SegmentPlan] = []
    for plan in unused {
      var scanned = plan
      try survey.fill(&scanned, footerIsEnough: false, direct: true)
      // All zero: prepared, never used. Else its first page was lost and later ones were not.
      if scanned.blocks.isEmpty && scanned.gaps.isEmpty {
        blank.append(scanned)
        temporaries.append(plan.path)
      } else {
        plans.append(plan)
      }
    }
    plans.sort { $0.number < $1.number }
    // From the newest back: a segment's blocks count up to the first one of the segment after it.
    var limit = UInt64.max
    var isLast = true
    for index in plans.indices.reversed() {
      plans[index].limit = limit
      let enough =
        !readsEveryBlock && limit != .max && limit - 1 <= replayAfter && plans[index].header != nil
      try survey.fill(&plans[index], footerIsEnough: enough, direct: isLast)
      if plans[index].first > 0 {
        limit = min(limit, plans[index].first)
        isLast = false
      }
    }
    dropUnreadable()
    for plan in blank { noteIfUsed(plan) }
  }

  /// A segment without a single block and without a header says nothing about the log.
  private func dropUnreadable() {
    for plan in plans where plan.header == nil && plan.first == 0 {
      let end = plan.gaps.map(\.end).reduce(min(SegmentHeader.byteCount, plan.size)) { max($0, $1) }
      noteUnreadable(plan, end: end)
      unreadable.append(plan.path)
    }
    plans.removeAll { $0.header == nil && $0.first == 0 }
  }

  /// Reports a segment that is all zero though blocks were known to stand in it.
  private func noteIfUsed(_ plan: SegmentPlan) {
    let wasUsed = checkpoints.contains { checkpoint in
      checkpoint.segments.contains { facts in
        facts.number == plan.number && facts.firstSequence <= facts.lastSequence
      }
    }
    // Sequences are missing where it stands. Else it is one that an earlier start could not remove.
    let before = plans.last { $0.number < plan.number }
    let after = plans.first { $0.number > plan.number }
    var isMissed = false
    if let after {
      isMissed = before.map { $0.isScanned && $0.last + 1 < after.first }
        ?? (checkpoint == nil && after.first > 1)
    }
    if wasUsed || isMissed { noteUnreadable(plan, end: min(plan.size, SegmentHeader.byteCount)) }
  }

  private func noteUnreadable(_ plan: SegmentPlan, end: Int) {
    var facts: SegmentFacts?
    for checkpoint in checkpoints {
      facts = checkpoint.segments.last { $0.number == plan.number } ?? facts
    }
    report.append(
      RecoveryFinding(
        kind: .corruption, path: plan.path, offset: 0, length: UInt64(end),
        firstSequence: facts?.firstSequence ?? 0, lastSequence: facts?.lastSequence ?? 0))
  }

  private func makeDirectories() throws(StorageError) {
    try onPath(layout.root) { () throws(SystemError) in
      try disk.makeDirectory(layout.root)
      try disk.makeDirectory(layout.journal)
      try disk.makeDirectory(layout.spool)
      try disk.makeDirectory(layout.quarantine)
      try syncNames(in: layout.root)
      do throws(SystemError) {
        // A data directory that was just made is lost with all in it if its own name is.
        try syncNames(in: layout.parent)
      } catch {
        // EACCES, EPERM, EROFS: a parent that may not be opened or changed; then somebody else made
        // the name.
        if ![13, 1, 30].contains(error.code) { throw error }
      }
    }
  }

  /// Makes the names in a directory durable, also after a start whose sync of it failed: to the
  /// kernel it may look clean since, and then only a new change has it written.
  private func syncNames(in directory: String) throws(SystemError) {
    if wasLeftEmpty {
      let path = (directory == "/" ? "" : directory) + "/.fanfare-sync"
      disk.close(try disk.createAnew(path))
      try disk.remove(path)
    }
    try disk.syncDirectory(directory)
  }

  /// Does what may fail without harm, but not without a word.
  func tidy(_ path: String, _ body: () throws(SystemError) -> Void) {
    do throws(SystemError) { try body() } catch {
      var finding = RecoveryFinding(kind: .leftover, path: path)
      finding.reason = "\(error)"
      report.append(finding)
    }
  }

  // MARK: What it says

  /// Reads the header sections after the checkpoint into `fold`.
  private func replay(_ fold: RecoveryFold) throws(StorageError) -> UInt64 {
    var count: UInt64 = 0
    for plan in plans where (plan.blocks.last?.sequence ?? 0) > replayAfter {
      try withReader(plan) { (reader) throws(SystemError) in
        for block in plan.blocks where block.sequence > replayAfter && block.kind != .footer {
          count += 1
          guard let tables = try Self.tables(reader, block),
            fold.fold(
              sequence: block.sequence,
              tables: block.kind == .events ? tables : tables.withoutEvents)
          else {
            noteCorruption(plan, block)
            continue
          }
        }
      }
    }
    try quarantineFindings()
    return count
  }

  func withReader(_ plan: SegmentPlan, _ body: (ChunkReader) throws(SystemError) -> Void)
    throws(StorageError)
  {
    try withReader(plan.path, body)
  }

  func withReader(_ path: String, _ body: (ChunkReader) throws(SystemError) -> Void)
    throws(StorageError)
  {
    try ChunkReader.reading(path, on: disk, body)
  }

  /// Damage took definitions along: whom these events were accepted for is not known any more.
  private func noteUnknownAudiences(_ fold: RecoveryFold) {
    for sequence in fold.unknownAudiences {
      guard let plan = plans.last(where: { $0.first <= sequence && sequence < $0.limit }),
        let block = plan.blocks.first(where: { $0.sequence == sequence })
      else { continue }
      report.append(
        RecoveryFinding(
          kind: .unknownAudience, path: plan.path, offset: UInt64(block.offset),
          firstSequence: sequence, lastSequence: sequence))
    }
  }

  /// A block's tables, if its header section is whole.
  static func tables(_ reader: ChunkReader, _ block: ScannedBlock) throws(SystemError)
    -> BlockTables?
  {
    guard let start = try reader.view(block.offset, BlockHeader.byteCount),
      let header = BlockHeader(start),
      let view = try reader.view(block.offset, BlockHeader.byteCount + header.headerLength)
    else { return nil }
    return BlockParts(header, view).tables
  }

  /// Damage may have taken a definition whose number later events carry: it must not be given
  /// again.
  private func reserveAudiences(through highest: UInt32) {
    if Int(highest) >= audiences.count { audiences.insert([], at: AudienceNumber(highest)) }
  }

  private func makeIndex() -> SegmentIndex {
    let index = SegmentIndex()
    for position in plans.indices {
      let plan = plans[position]
      let next = position + 1 < plans.count ? plans[position + 1] : nil
      var facts = SegmentFacts(
        number: plan.number, salt: plan.salt, firstSequence: plan.first,
        lastSequence: plan.limit - 1, bytes: UInt64(plan.size),
        createdAt: plan.header?.createdAt ?? now.unix.value,
        sealedAt: next?.header?.createdAt ?? now.unix.value)
      facts.usage = plan.usage
      index.begin(facts, entries: plan.entries)
    }
    for plan in ranges {
      index.release(plan.range, entries: plan.entries, audiences: plan.audiences)
    }
    return index
  }

  /// A number that no segment here ever had, gone ones included: a checkpoint may speak of them.
  var freshNumber: UInt64 {
    checkpoints.reduce(numberHighest) { highest, checkpoint in
      checkpoint.segments.reduce(highest) { max($0, $1.number) }
    } + 1
  }
}

extension RecoveryRun: EventSource {
  func matches(_ endpoint: EndpointNumber, from lower: Position, to upper: Position) -> [Position] {
    var result: [Position] = []
    for plan in ranges
    where plan.range.lastSequence >= lower.sequence && plan.range.firstSequence <= upper.sequence {
      let key = EventTableKey(number: plan.range.ordinal, isRange: true)
      let table = kept(key) { eventTable(plan) }
      result.append(contentsOf: table.matches(endpoint, from: lower, to: upper))
    }
    for plan in plans {
      guard let last = plan.blocks.last?.sequence, last >= lower.sequence,
        plan.first <= upper.sequence
      else { continue }
      let table = kept(EventTableKey(number: plan.number, isRange: false)) { eventTable(plan) }
      result.append(contentsOf: table.matches(endpoint, from: lower, to: upper))
    }
    // Segments that nobody waited for may lie between ranges, and the other way round.
    if !ranges.isEmpty { result.sort() }
    return result
  }

  private func kept(_ key: EventTableKey, _ make: () -> SegmentEvents) -> SegmentEvents {
    if let index = events.firstIndex(where: { $0.source == key }) {
      let found = events[index]
      if index != events.count - 1 {
        events.remove(at: index)
        events.append(found)
      }
      return found.events
    }
    let table = make()
    if events.count == Self.eventSegmentsMax { events.removeFirst() }
    events.append((key, table))
    return table
  }

  /// An event table could not be loaded.
  func noteTable(_ error: StorageError) { tableFailure = tableFailure ?? error }

  private func eventTable(_ plan: SegmentPlan) -> SegmentEvents {
    let table = SegmentEvents(table: audiences)
    do throws(StorageError) {
      try withReader(plan) { (reader) throws(SystemError) in
        for block in plan.blocks where block.kind != .footer {
          // A damaged block has been reported, or will be when it is read for delivery.
          guard let tables = try Self.tables(reader, block) else { continue }
          define(tables)
          if block.kind == .events { table.add(sequence: block.sequence, tables: tables) }
        }
      }
    } catch { noteTable(error) }
    return table
  }

  /// A table is loaded whole, further than the fold has come: so are its definitions.
  func define(_ tables: BlockTables) {
    _ = tables.forEachAudience { number, set in
      guard unsafe audiences.endpoints(of: number).isEmpty else { return }
      audiences.insert((0..<(set.count / 4)).map { EndpointNumber(set.u32($0 * 4)) }, at: number)
    }
  }
}
