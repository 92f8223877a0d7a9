internal import Base
internal import Flow
internal import Platform

/// Reads blocks back from their segments: a few open files and one buffer, kept.
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

  private static let filesMax = 4
  private let layout: DirectoryLayout
  private let disk: any Disk
  private let index: SegmentIndex
  private let buffer = GatherBuffer(capacity: 1 << 19)
  /// The most recently used last.
  private var files: [(segment: UInt64, handle: FileHandle)] = []
  private(set) var header = BlockHeader(kind: .tables, sequence: 0)
  /// Whether the last read came as far as a good header section, whatever it threw then.
  private(set) var hasSection = false

  init(layout: DirectoryLayout, disk: any Disk, index: SegmentIndex) {
    self.layout = layout
    self.disk = disk
    self.index = index
  }

  deinit { for file in files { disk.close(file.handle) } }

  /// Reads a block's bytes and checks all but the plain payload; `header` then describes it.
  func read(_ place: BlockPlace) throws(Failure) {
    do throws(Failure) { return try attempt(place) } catch {
      drop(segment: place.segment)
      if !index.contains(segment: place.segment) { throw .gone }
      throw error
    }
  }

  /// Reads no more of a block than its header section and checks that; `header` then describes it.
  func readSection(_ place: BlockPlace) throws(Failure) {
    do throws(Failure) { return try attemptSection(place) } catch {
      drop(segment: place.segment)
      if !index.contains(segment: place.segment) { throw .gone }
      throw error
    }
  }

  private func attempt(_ place: BlockPlace) throws(Failure) {
    begin()
    try fill(place, upTo: place.length)
    try checkHeader(place)
    guard packed?.crc == header.packedCRC else {
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
    let file = try open(place.segment)
    var failure: SystemError?
    let filled = unsafe buffer.fill(length - start) { target in
      do throws(SystemError) {
        return try unsafe disk.readAll(file, into: target, at: place.offset + UInt64(start))
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw .unavailable(failure) }
    guard filled == length - start else { throw .damaged("the file ends inside the block") }
  }

  private func checkHeader(_ place: BlockPlace) throws(Failure) {
    guard let header = BlockHeader(buffer.view) else {
      throw .damaged("the block header is damaged")
    }
    guard header.salt == place.salt, header.sequence == place.sequence,
      header.blockLength == place.length
    else { throw .damaged("another block stands here") }
    self.header = header
    guard section?.crc == header.headerCRC else {
      throw .damaged("the header section's checksum is wrong")
    }
    hasSection = true
  }

  private var section: RawView? {
    buffer.view.slice(BlockHeader.byteCount, header.headerLength)
  }
  private var packed: RawView? {
    buffer.view.slice(BlockHeader.byteCount + header.headerLength, header.packedLength)
  }

  /// The tables of the block that was read.
  var tables: BlockTables? {
    section.flatMap { BlockTables($0, count: header.tableCount) }
  }

  /// Events of the block that was read.
  var eventCount: Int { tables?.eventCount ?? 0 }

  /// Unpacks the block that was read into `target` and checks it.
  /// - Returns: `false` when it does not fit or is damaged.
  func unpack(into target: Block) -> Bool {
    guard let tables else { return false }
    return unsafe target.load(
      sequence: header.sequence, headers: tables.events.bytes, payloadLength: header.plainLength
    ) { plain in
      unsafe unpackPayload(into: plain)
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
      if salvages { _ = unsafe unpackPayload(into: plain) }
      return true
    }
  }

  private func unpackPayload(into plain: UnsafeMutableRawBufferPointer) -> Bool {
    guard let packed else { return false }
    if header.isPacked {
      guard unsafe Packing.unpack(packed, into: plain) else { return false }
    } else {
      guard packed.count == plain.count else { return false }
      if packed.count > 0 { unsafe plain.copyMemory(from: packed.bytes) }
    }
    return unsafe RawView(UnsafeRawBufferPointer(plain)).crc == header.plainCRC
  }

  private func open(_ segment: UInt64) throws(Failure) -> FileHandle {
    if let place = files.firstIndex(where: { $0.segment == segment }) {
      let found = files.remove(at: place)
      files.append(found)
      return found.handle
    }
    do throws(SystemError) {
      let handle = try disk.open(layout.segment(segment), .read)
      if files.count == Self.filesMax { disk.close(files.removeFirst().handle) }
      files.append((segment, handle))
      return handle
    } catch { throw .unavailable(error) }
  }

  private func drop(segment: UInt64) {
    guard let place = files.firstIndex(where: { $0.segment == segment }) else { return }
    disk.close(files.remove(at: place).handle)
  }
}
