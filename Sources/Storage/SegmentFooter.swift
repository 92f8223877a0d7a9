internal import Flow
internal import Platform

/// The footer of a closed segment: where its event blocks are, and which audiences they are for.
enum SegmentFooter {
  /// The footer's tables, if trailer and footer are whole, and what the trailer counts; valid until
  /// the reader's next view.
  static func read(_ reader: ChunkReader, salt: UInt64) throws(SystemError)
    -> (tables: BlockTables, usage: LogUsage)?
  {
    let place = reader.size - SegmentTrailer.byteCount
    guard place > SegmentHeader.byteCount,
      let trailer = try reader.view(place, SegmentTrailer.byteCount).flatMap(SegmentTrailer.init),
      trailer.salt == salt, trailer.footerOffset < UInt64(reader.size),
      trailer.footerLength < UInt64(reader.size)
    else { return nil }
    let tables = try read(
      reader, salt: salt, offset: Int(trailer.footerOffset), length: Int(trailer.footerLength))
    return tables.map { ($0, trailer.usage) }
  }

  /// The tables of the footer block that stands at `offset`.
  static func read(_ reader: ChunkReader, salt: UInt64, offset: Int, length: Int)
    throws(SystemError) -> BlockTables?
  {
    guard let block = try reader.view(offset, length), let header = BlockHeader(block),
      header.kind == .footer, header.salt == salt
    else { return nil }
    return BlockParts(header, block).tables
  }

  /// The blocks in which a lane that is behind may wait for something, by the posting lists.
  /// - Returns: their sequences; `nil` when the lists contradict each other.
  static func awaited(_ tables: BlockTables, _ pending: PendingMap, through last: UInt64)
    -> Set<UInt64>?
  {
    let entries = tables.entries
    var result: Set<UInt64> = []
    var isRight = true
    let isWhole = tables.forEachPosting { audience, blocks in
      guard pending.isAwaited(audience, through: last) else { return }
      for place in 0..<(blocks.count / 4) {
        let index = Int(blocks.u32(place * 4))
        if index < entries.count { result.insert(entries[index].sequence) } else { isRight = false }
      }
    }
    return isWhole && isRight ? result : nil
  }
}
