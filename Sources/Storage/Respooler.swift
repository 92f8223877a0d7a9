internal import Base
internal import Flow
internal import Platform

/// Copies what is still pending or kept of segments, or of older spool ranges, into the spool, once.
///
/// | Step | On disk after it | A crash now |
/// | --- | --- | --- |
/// | copy | blocks of a range that nobody knows | the range is ignored, the segments count |
/// | sync | the same, durable | the same |
/// | release | a synced `SpoolRange` in the log | the range counts, the segments are removed at start |
/// | free | the segments are gone | the range counts |
///
/// `step` does a few milliseconds of work, so that the keeper's other duties wait for no more. The
/// keeper sees to the record and to the freeing.
///
/// > Runs on: the keeper's thread.
final class Respooler: @unchecked Sendable {
  /// How far the present job is.
  enum Stage { case idle, copying, awaiting }

  /// What a step came to.
  enum Progress {
    case more
    /// Nobody waits for anything in the sources: they may just go.
    case nothingPending
    /// The range is durable; it wants its record in the log.
    case written(SpoolRange)
  }

  private struct Job {
    var sources: [SegmentIndex.Segment]
    var places: [BlockPlace]
    var next = 0
    var pending: PendingMap
    var range: SpoolRange
    /// Where the next block goes in the file.
    var end: UInt64
  }

  /// Source blocks looked at in one step when none of them is copied.
  private static let blocksPerStep = 8

  private let layout: DirectoryLayout
  private let disk: any Disk
  private let audiences: AudienceTable
  private let loader: BlockLoader
  private let builder = SpoolBlockBuilder()
  private let ledger = SegmentLedger()
  private let buffer = GatherBuffer(capacity: 1 << 16)
  private var file: SpoolFile?
  private var fileNext: UInt64
  private var ordinal: UInt64
  private var job: Job?
  private(set) var stage = Stage.idle
  private var untidied: StorageError?

  init(
    layout: DirectoryLayout, disk: any Disk, index: SegmentIndex, audiences: AudienceTable,
    fileNext: UInt64, ordinal: UInt64
  ) {
    self.layout = layout
    self.disk = disk
    self.audiences = audiences
    self.fileNext = fileNext
    self.ordinal = ordinal
    loader = BlockLoader(layout: layout, disk: disk, index: index)
  }

  deinit { if let file { disk.close(file.handle) } }

  /// The file that ranges are added to now.
  var fileInUse: UInt64? { file?.number }

  /// Begins a job over `sources`, neighbours in the index, oldest first.
  func begin(_ sources: [SegmentIndex.Segment], pending: PendingMap, now: UInt64)
    throws(StorageError)
  {
    guard let first = sources.first, let last = sources.last else { return }
    if let full = file, full.end >= SpoolFile.bytesMax { close(full) }
    if file == nil {
      file = try SpoolFile.create(number: fileNext, now: now, layout: layout, disk: disk)
      fileNext += 1
    }
    guard let file else { return }
    var range = SpoolRange(
      ordinal: ordinal + 1, firstSequence: first.facts.firstSequence,
      lastSequence: last.facts.lastSequence, file: file.number, salt: file.salt, offset: file.end)
    range.sealedAt = last.facts.sealedAt ?? now
    ledger.begin()
    var places: [BlockPlace] = []
    for source in sources { places += try self.places(source, pending) }
    job = Job(
      sources: sources, places: places, pending: pending, range: range, end: file.end)
    stage = .copying
  }

  /// The blocks of a source that may hold something pending: by the footer's posting lists and the
  /// holes, or all of them when the footer can't be read.
  private func places(_ source: SegmentIndex.Segment, _ pending: PendingMap)
    throws(StorageError) -> [BlockPlace]
  {
    if source.isSpool { return source.places }
    guard let awaited = try awaited(source, pending) else { return source.places }
    return source.places.filter { place in
      awaited.contains(place.sequence)
        || pending.hasHole(first: place.sequence, last: place.sequence)
        || pending.hasKept(first: place.sequence, last: place.sequence)
    }
  }

  private func awaited(_ source: SegmentIndex.Segment, _ pending: PendingMap)
    throws(StorageError) -> Set<UInt64>?
  {
    let path = layout.segment(source.facts.number)
    return try ChunkReader.reading(path, on: disk) { (reader) throws(SystemError) in
      guard let (tables, _) = try SegmentFooter.read(reader, salt: source.facts.salt) else {
        return nil
      }
      return SegmentFooter.awaited(tables, pending, through: source.facts.lastSequence)
    }
  }

  /// Goes on copying.
  /// - Throws: what the disk said, or which block can't be read; then call `abandon`.
  func step() throws(StorageError) -> Progress {
    var left = Self.blocksPerStep
    while let job, job.next < job.places.count, left > 0 {
      left -= 1
      self.job?.next += 1
      if try take(job.places[job.next], job.pending) { return .more }
    }
    guard let job, job.next == job.places.count else { return .more }
    try flush()
    return try finish()
  }

  /// The record is durable: what the job's sources held stands in the range now.
  /// - Returns: the sources, which may go now.
  func complete(_ index: SegmentIndex) -> [SegmentIndex.Segment] {
    guard let job, stage == .awaiting else { return [] }
    index.release(job.range, entries: ledger.entries, audiences: rangeAudiences)
    self.job = nil
    stage = .idle
    loader.closeFreed()
    return job.sources
  }

  /// The sources of a job that found nothing pending; the job is over.
  func discard() -> [SegmentIndex.Segment] {
    defer { reset() }
    return job?.sources ?? []
  }

  /// Gives a job up after a failure. Its file takes no more: nobody knows what it holds now.
  func abandon() {
    reset()
    if let file { close(file) }
  }

  /// What could not be tidied up since this was asked last: no harm, but worth a word.
  func takeUntidied() -> StorageError? {
    defer { untidied = nil }
    return untidied
  }

  /// The segments of the log that the job under way is about.
  var segmentNumbers: [UInt64] {
    job?.sources.compactMap { $0.isSpool ? nil : $0.facts.number } ?? []
  }

  /// What the last step was about, by its first sequence: no two sources share that.
  var sourceUnderWay: UInt64? {
    guard let job, job.next > 0, job.next <= job.places.count else { return nil }
    let sequence = job.places[job.next - 1].sequence
    return job.sources.last { $0.facts.firstSequence <= sequence }?.facts.firstSequence
  }

  private func reset() {
    job = nil
    builder.reset()
    stage = .idle
    loader.closeAll()
  }

  private func close(_ old: SpoolFile) {
    // Gives back what no range counts; failure is harmless.
    do throws(StorageError) {
      try onPath(old.path) { () throws(SystemError) in
        try disk.truncate(old.handle, to: old.end)
      }
    } catch { untidied = error }
    disk.close(old.handle)
    file = nil
  }

  // MARK: Copying

  /// Copies what is pending of one source block.
  /// - Returns: whether anything was.
  private func take(_ place: BlockPlace, _ pending: PendingMap) throws(StorageError) -> Bool {
    let path = layout.file(of: place)
    do throws(BlockLoader.Failure) { try loader.read(place) } catch {
      switch error {
      case .damaged(let reason): throw .damaged(path: path, offset: place.offset, reason: reason)
      case .unavailable(let error): throw .system(path: path, error)
      case .gone:
        // ENOENT. Only the keeper frees, and not what a job is about: the next job will see.
        throw .system(path: path, SystemError(code: 2, operation: "freed while it was copied"))
      }
    }
    guard let source = SpoolSource(loader) else {
      throw .damaged(path: path, offset: place.offset, reason: "the event table is damaged")
    }
    var plain: RawView?
    var first = 0
    while let block = source.block(from: first, pending) {
      first = block.end
      if block.events.isEmpty { continue }
      if plain == nil { plain = loader.plainPayload() }
      guard let bytes = plain else {
        throw .damaged(path: path, offset: place.offset, reason: "the payload does not unpack")
      }
      if !builder.fits(events: block.events.count, bytes: block.bytes) { try flush() }
      try add(block, source, bytes, path)
    }
    return plain != nil
  }

  private func add(
    _ block: SpoolSource.Block, _ source: SpoolSource, _ plain: RawView, _ path: String
  ) throws(StorageError) {
    for index in block.events {
      let header = source.header(index)
      guard let bytes = plain.slice(Int(header.payloadOffset), header.payloadLength) else {
        throw .damaged(path: path, offset: 0, reason: "an event reaches past its block")
      }
      builder.add(header, position: source.position(index), bytes: bytes)
    }
  }

  /// Writes the gathered block behind the ones before.
  private func flush() throws(StorageError) {
    guard !builder.isEmpty, let job, let file else { return }
    var define: [AudienceNumber] = []
    var last = AudienceNumber.empty
    for event in builder.events where event.audience != last {
      last = event.audience
      if ledger.note(last.value) { define.append(last) }
    }
    self.job?.range.events += UInt64(builder.events.count)
    self.job?.range.plainBytes += UInt64(builder.plainBytes)
    buffer.removeAll()
    let (sequence, length) = builder.write(
      into: buffer, salt: file.salt, define: define, audiences: audiences)
    try write(file, at: job.end)
    ledger.add(sequence: sequence, offset: Int(job.end), length: length)
    self.job?.end = job.end + UInt64(length)
  }

  private func write(_ file: SpoolFile, at offset: UInt64) throws(StorageError) {
    try onPath(file.path) { () throws(SystemError) in
      try unsafe disk.writeAll(file.handle, buffer.view.bytes, at: offset)
    }
    buffer.shrink(to: 1 << 20)
  }

  private func finish() throws(StorageError) -> Progress {
    guard var range = job?.range, let end = job?.end, var file else { return .nothingPending }
    if ledger.entries.isEmpty { return .nothingPending }
    // Twice, for the range in the footer says how long the footer is.
    for _ in 0..<2 {
      buffer.removeAll()
      let length = ledger.writeFooter(buffer, sequence: range.lastSequence, range: range)
      range.footerLength = UInt64(length)
      range.length = end + UInt64(length) - range.offset
    }
    BlockHeader.seal(in: buffer, at: 0, salt: file.salt, durableThrough: 0)
    try write(file, at: end)
    try file.sync(layout: layout, disk: disk)
    file.end = range.offset + range.length
    self.file = file
    ordinal = range.ordinal
    job?.range = range
    stage = .awaiting
    return .written(range)
  }

  private var rangeAudiences: [AudienceNumber]? {
    let numbers = ledger.audiences
    return numbers.count <= SpoolRange.audiencesKeptMax ? numbers : nil
  }
}
