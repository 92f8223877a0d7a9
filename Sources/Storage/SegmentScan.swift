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
}

/// Bytes of a segment that are no block, and the sequences that stood there.
package struct ScanGap: Equatable {
  var offset: Int
  /// First byte that is good, or only zero, again.
  var end: Int
  /// First missing sequence.
  var sequence: UInt64
  /// The first sequence after the gap; `nil` when nothing valid follows in the segment.
  var nextSequence: UInt64?
}

/// What one pass over a segment's headers found.
package struct SegmentScan {
  package var blocks: [ScannedBlock] = []
  package var gaps: [ScanGap] = []
  /// The highest watermark that a header states.
  package var durableThrough: UInt64 = 0
  /// The byte after the last valid block.
  package var end = SegmentHeader.byteCount
  /// The salt that was used: the header's, or with a damaged header that of the first block.
  package var salt: UInt64?

  /// Hops from header to header; after damage it looks at every 64th byte for the next block of the
  /// same salt, so that a damaged length ends nothing.
  /// - Parameters:
  ///   - salt: the segment's; `nil` takes the first block's.
  ///   - first: the segment's first sequence.
  package static func run(_ reader: ChunkReader, salt: UInt64?, first: UInt64) throws(SystemError)
    -> SegmentScan
  {
    var scan = SegmentScan()
    scan.salt = salt
    var offset = SegmentHeader.byteCount
    var expected = first
    while offset + BlockHeader.byteCount <= reader.size {
      if let header = try scan.header(reader, offset, expected: expected) {
        if header.sequence > expected, expected > 0 {
          scan.noteGap(offset, offset, expected, header.sequence)
        }
        scan.add(header, at: offset, events: try Self.events(reader, header, at: offset))
        offset += header.blockLength
        expected = header.sequence + 1
        continue
      }
      let search = try scan.resume(reader, from: offset, expected: expected)
      if search.nonZeroEnd == offset && search.next == nil { break }
      scan.noteGap(offset, search.next ?? search.nonZeroEnd, expected, search.sequence)
      guard let next = search.next else { break }
      offset = next
      expected = search.sequence ?? expected
    }
    return scan
  }

  private mutating func noteGap(_ offset: Int, _ end: Int, _ sequence: UInt64, _ next: UInt64?) {
    gaps.append(ScanGap(offset: offset, end: end, sequence: sequence, nextSequence: next))
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
    blocks.append(
      ScannedBlock(
        sequence: header.sequence, offset: offset, length: header.blockLength, kind: header.kind,
        usage: header.usage(events: events)))
    durableThrough = max(durableThrough, header.durableThrough)
    end = offset + header.blockLength
  }

  /// The valid header at `offset`, if there is one that can follow what came before.
  private mutating func header(_ reader: ChunkReader, _ offset: Int, expected: UInt64)
    throws(SystemError) -> BlockHeader?
  {
    guard let view = try reader.view(offset, BlockHeader.byteCount),
      view.u32(0) == BlockHeader.magic, let header = BlockHeader(view),
      salt == nil || header.salt == salt, header.sequence >= expected,
      header.blockLength <= reader.size - offset
    else { return nil }
    if salt == nil { salt = header.salt }
    return header
  }

  private mutating func resume(_ reader: ChunkReader, from start: Int, expected: UInt64)
    throws(SystemError) -> (next: Int?, sequence: UInt64?, nonZeroEnd: Int)
  {
    var nonZeroEnd = start
    var offset = start
    while offset < reader.size {
      let length = min(1 << 16, reader.size - offset)
      guard let chunk = try reader.view(offset, length) else { break }
      if chunk.isZero(0, length) {
        offset += length
        continue
      }
      for place in stride(from: offset, to: offset + length, by: Format.alignment) {
        let cell = min(Format.alignment, reader.size - place)
        guard let bytes = try reader.view(place, cell) else { continue }
        if bytes.isZero(0, cell) { continue }
        if place > start, let header = try header(reader, place, expected: expected) {
          return (place, header.sequence, nonZeroEnd)
        }
        if !isTrailer(bytes, at: place, size: reader.size) { nonZeroEnd = place + cell }
      }
      offset += length
    }
    return (nil, nil, nonZeroEnd)
  }

  private func isTrailer(_ bytes: RawView, at place: Int, size: Int) -> Bool {
    place + SegmentTrailer.byteCount == size && SegmentTrailer(bytes) != nil
  }
}
