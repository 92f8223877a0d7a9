internal import Base
package import Platform

/// A block that recovery found, by its header.
package struct ScannedBlock: BitwiseCopyable {
  package var sequence: UInt64
  package var offset: Int
  package var length: Int
  package var kind: BlockKind
  /// What it holds.
  package var usage = LogUsage.zero

  /// The byte after it.
  package var end: Int { offset + length }
}

extension ScannedBlock {
  /// A block that a footer lists.
  init(_ entry: SegmentIndex.Entry, kind: BlockKind) {
    self.init(
      sequence: entry.sequence, offset: entry.offset, length: entry.length, kind: kind)
  }
}

/// Bytes of a segment that are no block, and the sequences that stood there.
package struct ScanGap: Equatable {
  package var offset: Int
  /// First byte that is good, or only zero, again.
  package var end: Int
  /// First missing sequence.
  package var sequence: UInt64
  /// The first sequence after the gap; `nil` when nothing valid follows in the segment.
  package var nextSequence: UInt64?
}

/// What one pass over a segment's headers found.
package struct SegmentScan {
  /// Ascending by sequence; each sequence once.
  package var blocks: [ScannedBlock] = []
  package var gaps: [ScanGap] = []
  /// The highest watermark that a header states.
  package var durableThrough: UInt64 = 0
  /// The byte after the last valid block.
  package var end = SegmentHeader.byteCount
  /// The salt that was used: the header's, or with a damaged header that of most blocks.
  package var salt: UInt64?

  private var first: UInt64
  /// The byte after the last one that is neither zero nor part of a block or trailer.
  private var junkEnd = 0

  private init(salt: UInt64?, first: UInt64) {
    self.salt = salt
    self.first = first
  }

  /// Hops from header to header while each block stands right behind the one before. Where that
  /// ends, it looks at every 64th byte for blocks of the same salt, in whatever order they stand:
  /// so a damaged length ends nothing, and pieces that changed places hide nothing between them.
  /// - Parameters:
  ///   - salt: the segment's; `nil` takes that of most blocks.
  ///   - first: the segment's first sequence; 0 when it is not known.
  package static func run(_ reader: ChunkReader, salt: UInt64?, first: UInt64) throws(SystemError)
    -> SegmentScan
  {
    var scan = SegmentScan(salt: salt, first: first)
    if salt == nil { scan.salt = try dominantSalt(reader) }
    let chainEnd = try scan.followChain(reader)
    try scan.search(reader, from: chainEnd)
    scan.noteGaps()
    return scan
  }

  // MARK: Blocks

  /// - Returns: where the chain ends.
  private mutating func followChain(_ reader: ChunkReader) throws(SystemError) -> Int {
    var offset = SegmentHeader.byteCount
    var expected = first
    while let header = try header(reader, offset), expected == 0 || header.sequence == expected {
      add(header, at: offset, events: try Self.events(reader, header, at: offset))
      offset += header.blockLength
      expected = header.sequence + 1
    }
    return offset
  }

  private mutating func search(_ reader: ChunkReader, from start: Int) throws(SystemError) {
    var seen: Set<UInt64> = []
    var isAscending = true
    var offset = start
    while offset < reader.size {
      let length = min(1 << 16, reader.size - offset)
      guard let chunk = try reader.view(offset, length) else { break }
      if chunk.isZero(0, length) {
        offset += length
        continue
      }
      // Filled only here: most segments end with their chain.
      if seen.isEmpty { for block in blocks { seen.insert(block.sequence) } }
      let chunkEnd = offset + length
      while offset < chunkEnd {
        let cell = min(Format.alignment, reader.size - offset)
        guard let header = try header(reader, offset), seen.insert(header.sequence).inserted else {
          try noteJunk(reader, offset, cell)
          offset += cell
          continue
        }
        isAscending = isAscending && header.sequence > blocks.last?.sequence ?? 0
        add(header, at: offset, events: try Self.events(reader, header, at: offset))
        // The length of a block that is not whole may span others.
        offset += try Self.isWhole(reader, header, at: offset) ? header.blockLength : cell
      }
    }
    if !isAscending { blocks.sort { $0.sequence < $1.sequence } }
  }

  /// Events of a block: the count of its first table.
  private static func events(_ reader: ChunkReader, _ header: BlockHeader, at offset: Int)
    throws(SystemError) -> UInt64
  {
    guard header.kind == .events, header.headerLength >= BlockTables.tableHeaderBytes,
      let table = try reader.view(
        offset + BlockHeader.byteCount, BlockTables.tableHeaderBytes),
      table.u16(0) == TableTag.events
    else { return 0 }
    return UInt64(table.u32(4))
  }

  private mutating func add(_ header: BlockHeader, at offset: Int, events: UInt64) {
    let block = ScannedBlock(
      sequence: header.sequence, offset: offset, length: header.blockLength, kind: header.kind,
      usage: header.usage(events: events))
    blocks.append(block)
    durableThrough = max(durableThrough, header.durableThrough)
    end = max(end, block.end)
  }

  /// The valid header of a block of this segment at `offset`.
  private func header(_ reader: ChunkReader, _ offset: Int) throws(SystemError) -> BlockHeader? {
    guard let header = try Self.anyHeader(reader, offset), header.salt == salt,
      header.sequence >= max(first, 1)
    else { return nil }
    return header
  }

  /// A valid header at `offset`, of whatever segment, whose block lies within the file.
  private static func anyHeader(_ reader: ChunkReader, _ offset: Int) throws(SystemError)
    -> BlockHeader?
  {
    guard let view = try reader.view(offset, BlockHeader.byteCount),
      view.u32(0) == BlockHeader.magic, let header = BlockHeader(view),
      header.blockLength <= reader.size - offset
    else { return nil }
    return header
  }

  /// Whether every byte that a block's checksums cover is as it was written.
  static func isWhole(_ reader: ChunkReader, _ header: BlockHeader, at offset: Int)
    throws(SystemError) -> Bool
  {
    guard let view = try reader.view(offset, header.blockLength) else { return false }
    return BlockParts(header, view).isWhole
  }

  /// The salt of the blocks that take the most bytes: a piece of another segment may stand where
  /// the first block was.
  static func dominantSalt(_ reader: ChunkReader) throws(SystemError) -> UInt64? {
    var bytes: [(salt: UInt64, bytes: Int)] = []
    var offset = SegmentHeader.byteCount
    while offset + BlockHeader.byteCount <= reader.size {
      let length = min(1 << 16, reader.size - offset)
      if let chunk = try reader.view(offset, length), chunk.isZero(0, length) {
        offset += length
        continue
      }
      guard let header = try anyHeader(reader, offset) else {
        offset += Format.alignment
        continue
      }
      if let index = bytes.firstIndex(where: { $0.salt == header.salt }) {
        bytes[index].bytes += header.blockLength
      } else {
        bytes.append((header.salt, header.blockLength))
      }
      offset += try isWhole(reader, header, at: offset) ? header.blockLength : Format.alignment
    }
    return bytes.max { $0.bytes < $1.bytes }?.salt
  }

  // MARK: What is no block

  private mutating func noteJunk(_ reader: ChunkReader, _ offset: Int, _ cell: Int)
    throws(SystemError)
  {
    guard let bytes = try reader.view(offset, cell), !bytes.isZero(0, cell) else { return }
    let isLast = offset + SegmentTrailer.byteCount == reader.size
    if isLast, let trailer = SegmentTrailer(bytes), salt == nil || trailer.salt == salt { return }
    if isLast, let mark = SegmentMark(bytes), salt == nil || mark.salt == salt {
      durableThrough = max(durableThrough, mark.durableThrough)
      return
    }
    junkEnd = offset + cell
  }

  private mutating func noteGaps() {
    var expected = first
    var place = SegmentHeader.byteCount
    for block in blocks {
      if expected > 0, block.sequence > expected {
        gaps.append(
          ScanGap(
            offset: place, end: max(place, block.offset), sequence: expected,
            nextSequence: block.sequence))
      }
      expected = block.sequence + 1
      place = block.end
    }
    if junkEnd > end {
      gaps.append(ScanGap(offset: end, end: junkEnd, sequence: expected, nextSequence: nil))
    }
  }
}
