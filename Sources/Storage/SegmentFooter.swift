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
      header.kind == .footer, header.salt == salt,
      let section = block.slice(BlockHeader.byteCount, header.headerLength),
      section.crc == header.headerCRC
    else { return nil }
    return BlockTables(section, count: header.tableCount)
  }

  /// The blocks in which a lane that is behind may wait for something, by the posting lists.
  /// - Returns: their sequences; `nil` when the lists contradict each other.
  static func awaited(_ tables: BlockTables, _ pending: PendingMap, through last: UInt64)
    -> Set<UInt64>?
  {
    let (places, postings) = (tables.places, tables.postings)
    var result: Set<UInt64> = []
    var offset = 0
    while offset + 8 <= postings.count {
      let audience = AudienceNumber(postings.u32(offset))
      let count = Int(postings.u32(offset + 4))
      guard let blocks = postings.slice(offset + 8, count * 4) else { return nil }
      if pending.isAwaited(audience, through: last) {
        for index in 0..<count {
          let place = Int(blocks.u32(index * 4)) * 16
          guard place + 16 <= places.count else { return nil }
          result.insert(places.u64(place))
        }
      }
      offset += 8 + count * 4
    }
    return offset == postings.count ? result : nil
  }
}
