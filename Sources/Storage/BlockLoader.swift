internal import Base
internal import Flow
internal import Platform

/// Reads blocks back from log and spool segments: a few open files, one buffer, and the spool
/// blocks read last, for each holds several blocks of the log.
final class BlockLoader {
  /// Why a block could not be had.
  enum Failure: Error, Equatable {
    /// Its segment was freed meanwhile.
    case gone
    /// The disk does not answer now; the bytes may be well. Never a reason to pass events over.
    case unavailable(SystemError)
    /// What stands there is not what was written; the text says which check failed.
    case damaged(String)
  }

  private struct OpenFile {
    var segment: UInt64
    var isSpool: Bool
    var handle: FileHandle
  }

  private static let filesMax = 4
  /// Spool blocks kept unpacked: 256 KiB each.
  private static let spoolBlocksMax = 4
  private let layout: DirectoryLayout
  private let disk: any Disk
  private let index: SegmentIndex
  private let buffer = GatherBuffer(capacity: 1 << 19)
  private let plain = GatherBuffer(capacity: 1 << 12)
  private let scratch = GatherBuffer(capacity: 1 << 12)
  /// The most recently used last.
  private var files: [OpenFile] = []
  private var spoolBlocks: [(place: BlockPlace, block: SpoolBlock)] = []
  private(set) var header = BlockHeader(kind: .tables, sequence: 0)
  /// Whether the last read of a block of the log came as far as a good header section, whatever it
  /// threw then.
  private(set) var hasSection = false
  /// What was read, if it stood in the spool.
  private(set) var spool: SpoolBlock?
  /// Blocks unpacked since start, for the measure of blocks decoded per delivery.
  private(set) var spoolBlocksRead: UInt64 = 0

  init(layout: DirectoryLayout, disk: any Disk, index: SegmentIndex) {
    self.layout = layout
    self.disk = disk
    self.index = index
  }

  deinit { for file in files { disk.close(file.handle) } }

  /// Reads a block's bytes and checks all but the plain payload of a block of the log; `header`
  /// then describes it.
  func read(_ place: BlockPlace) throws(Failure) {
    spool = nil
    hasSection = false
    if place.isSpool, takeKept(place) { return }
    do throws(Failure) {
      try attempt(place)
      if place.isSpool { try openSpool(place) }
    } catch {
      drop(place)
      if !index.contains(place) { throw .gone }
      throw error
    }
  }

  /// Reads no more of a block than its header section and checks that; `header` then describes it.
  func readSection(_ place: BlockPlace) throws(Failure) {
    spool = nil
    do throws(Failure) { return try attemptSection(place) } catch {
      drop(place)
      if !index.contains(place) { throw .gone }
      throw error
    }
  }

  /// When events were accepted that stand in the block whose section was read; `nil` for one that
  /// does not.
  func times(at positions: [Position]) -> [UnixMilliseconds?] {
    guard let tables else { return positions.map { _ in nil } }
    if header.kind == .spool {
      let events = tables.spooledEvents() ?? []
      return positions.map { position in
        let place = SegmentIndex.partition(events.count) { events[$0].position < position }
        return place < events.count && events[place].position == position ? events[place].time : nil
      }
    }
    return positions.map { position in
      position.sequence == header.sequence && position.index < tables.eventCount
        ? tables.event(position.index).time : nil
    }
  }

  private func attempt(_ place: BlockPlace) throws(Failure) {
    begin()
    try fill(place, upTo: place.length)
    try checkHeader(place)
    guard parts.hasPayload else {
      throw .damaged("the payload's checksum is wrong")
    }
  }

  /// Most header sections are shorter: then it is one read.
  private static let sectionBytesUsual = 16 << 10

  private func attemptSection(_ place: BlockPlace) throws(Failure) {
    begin()
    try fill(place, upTo: min(place.length, Self.sectionBytesUsual))
    guard let header = BlockHeader(buffer.view) else {
      throw .damaged("the block header is damaged")
    }
    try fill(place, upTo: min(place.length, BlockHeader.byteCount + header.headerLength))
    try checkHeader(place)
  }

  private func begin() {
    hasSection = false
    buffer.removeAll()
    buffer.shrink(to: 1 << 21)
  }

  /// Reads on until the first `length` bytes of the block are there.
  private func fill(_ place: BlockPlace, upTo length: Int) throws(Failure) {
    let start = buffer.count
    if start >= length { return }
    let file = try open(place)
    let filled: Int
    do throws(SystemError) {
      filled = try unsafe buffer.fill(length - start) { (target) throws(SystemError) in
        try unsafe disk.readAll(file, into: target, at: place.offset + UInt64(start))
      }
    } catch { throw .unavailable(error) }
    guard filled == length - start else { throw .damaged("the file ends inside the block") }
  }

  private func checkHeader(_ place: BlockPlace) throws(Failure) {
    guard let header = BlockHeader(buffer.view) else {
      throw .damaged("the block header is damaged")
    }
    guard header.salt == place.salt, header.sequence == place.sequence,
      header.blockLength == place.length, (header.kind == .spool) == place.isSpool
    else { throw .damaged("another block stands here") }
    self.header = header
    guard parts.hasSection else {
      throw .damaged("the header section's checksum is wrong")
    }
    hasSection = !place.isSpool
  }

  private var parts: BlockParts { BlockParts(header, buffer.view) }

  /// The tables of the block that was read, unless it was one of the kept spool blocks.
  var tables: BlockTables? {
    // Its checksum was looked at when it was read.
    parts.section.flatMap { BlockTables($0, count: header.tableCount) }
  }

  // MARK: Spool blocks

  private func takeKept(_ place: BlockPlace) -> Bool {
    guard let index = spoolBlocks.firstIndex(where: { $0.place == place }) else { return false }
    let kept = spoolBlocks.remove(at: index)
    spoolBlocks.append(kept)
    spool = kept.block
    return true
  }

  private func openSpool(_ place: BlockPlace) throws(Failure) {
    guard let events = tables?.spooledEvents() else {
      throw .damaged("the spool block's table of events is damaged")
    }
    let bytes = GatherBuffer(capacity: header.plainLength)
    guard parts.unpack(into: bytes) != nil,
      let block = SpoolBlock(sequence: header.sequence, events: events, plain: bytes)
    else { throw .damaged("the payload does not unpack to what was stored") }
    spoolBlocksRead += 1
    if spoolBlocks.count == Self.spoolBlocksMax { spoolBlocks.removeFirst() }
    spoolBlocks.append((place, block))
    spool = block
  }

  // MARK: What was read, as blocks of the log

  /// A block of the log among what was read, and what it takes in memory.
  struct Found {
    var sequence: UInt64
    var plainLength: Int
    /// One more than the index of its last event.
    var eventCount: Int
  }

  /// The first block of the log at or after `sequence` in what was read.
  /// - Returns: `nil` when there is none.
  func block(atOrAfter sequence: UInt64) -> Found? {
    guard let spool else {
      guard header.sequence >= sequence else { return nil }
      return Found(
        sequence: header.sequence, plainLength: header.plainLength,
        eventCount: tables?.eventCount ?? 0)
    }
    return spool.run(atOrAfter: sequence).map { run in
      let last = spool.events[run.upperBound - 1].position
      return Found(
        sequence: last.sequence, plainLength: spool.plainLength(run), eventCount: last.index + 1)
    }
  }

  /// Fills `target` with the block of the log that has this sequence and checks it.
  /// - Returns: `false` when it does not fit or is damaged.
  func unpack(_ sequence: UInt64, into target: Block) -> Bool {
    if let spool {
      guard let run = spool.run(atOrAfter: sequence) else { return false }
      return spool.load(run, into: target, scratch: scratch)
    }
    guard header.sequence == sequence, let tables else { return false }
    return unsafe target.load(
      sequence: header.sequence, headers: tables.events.bytes, payloadLength: header.plainLength
    ) { plain in
      unsafe parts.unpack(into: plain)
    }
  }

  /// Fills `target` with the headers of a block whose payload is damaged.
  /// - Parameter salvages: whether what can be unpacked of the payload goes along, unchecked; else
  ///   it is zeros.
  /// - Returns: `false` when the header section was damaged too.
  func unpackHeaders(into target: Block, salvages: Bool = false) -> Bool {
    guard hasSection, let tables else { return false }
    return unsafe target.load(
      sequence: header.sequence, headers: tables.events.bytes, payloadLength: header.plainLength
    ) { plain in
      unsafe plain.initializeMemory(as: UInt8.self, repeating: 0)
      if salvages { _ = unsafe parts.unpack(into: plain) }
      return true
    }
  }

  /// The payload that was read, unpacked; valid until the next read.
  /// - Returns: `nil` when it is damaged.
  func plainPayload() -> RawView? {
    if let spool { return spool.plain.view }
    plain.removeAll()
    plain.shrink(to: 1 << 19)
    return parts.unpack(into: plain)
  }

  // MARK: Files

  /// Whether files are open, so that `closeFreed` is worth calling.
  var hasFiles: Bool { !files.isEmpty }

  /// Closes the files of segments that were freed: their space comes back only then.
  func closeFreed() {
    for file in files where !index.contains(file.segment, isSpool: file.isSpool) {
      disk.close(file.handle)
    }
    files.removeAll { !index.contains($0.segment, isSpool: $0.isSpool) }
  }

  /// Closes every file.
  func closeAll() {
    for file in files { disk.close(file.handle) }
    files.removeAll()
  }

  private func position(_ place: BlockPlace) -> Int? {
    files.firstIndex { $0.segment == place.segment && $0.isSpool == place.isSpool }
  }

  private func open(_ place: BlockPlace) throws(Failure) -> FileHandle {
    if let position = position(place) {
      let found = files.remove(at: position)
      files.append(found)
      return found.handle
    }
    let path = layout.file(of: place)
    do throws(SystemError) {
      let handle = try disk.open(path, .read)
      if files.count == Self.filesMax { disk.close(files.removeFirst().handle) }
      files.append(OpenFile(segment: place.segment, isSpool: place.isSpool, handle: handle))
      return handle
    } catch { throw .unavailable(error) }
  }

  private func drop(_ place: BlockPlace) {
    guard let position = position(place) else { return }
    disk.close(files.remove(at: position).handle)
  }
}
