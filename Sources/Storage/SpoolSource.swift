internal import Flow

/// A block that was read, of the log or of the spool, as the cleaner looks at it.
struct SpoolSource {
  /// One block of the log, and what of it has to stay.
  struct Block {
    /// The index after its last event.
    var end: Int
    /// Indices of those that stay.
    var events: [Int] = []
    /// Their payload.
    var bytes = 0
  }

  private let tables: BlockTables?
  private let spool: SpoolBlock?
  private let sequence: UInt64
  let eventCount: Int

  /// - Returns: `nil` when the event table can't be read.
  init?(_ loader: BlockLoader) {
    spool = loader.spool
    tables = spool == nil ? loader.tables : nil
    sequence = loader.header.sequence
    guard let count = spool?.events.count ?? tables?.eventCount else { return nil }
    eventCount = count
  }

  func position(_ index: Int) -> Position {
    spool?.events[index].position ?? Position(sequence: sequence, index: index)
  }

  /// The header, its offset counted in the whole payload that was read.
  func header(_ index: Int) -> EventHeader {
    if let spool { return spool.header(index) }
    guard let tables else { preconditionFailure("a source without events") }
    return tables.event(index)
  }

  private func audience(_ index: Int) -> AudienceNumber {
    spool?.events[index].audience ?? AudienceNumber(tables?.audience(index) ?? 0)
  }

  /// The block of the log that begins at `first`.
  /// - Returns: `nil` at the end.
  func block(from first: Int, _ pending: PendingMap) -> Block? {
    guard first < eventCount else { return nil }
    let sequence = position(first).sequence
    var block = Block(end: first)
    while block.end < eventCount, position(block.end).sequence == sequence {
      if pending.needs(position(block.end), audience(block.end)) {
        block.events.append(block.end)
        block.bytes += header(block.end).payloadLength
      }
      block.end += 1
    }
    return block
  }
}
