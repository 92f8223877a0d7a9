internal import Base
internal import Flow

/// Gathers events that are still pending into one spool block.
///
/// Whole blocks of the log go in, never parts: the events of one sequence then stand side by side,
/// and one read gives them all. Blocks are taken while they fit into 256 KiB; a large event gets a
/// spool block of its own.
final class SpoolBlockBuilder {
  private(set) var events: [SpooledEvent] = []
  private let payload = GatherBuffer(capacity: BlockLimits.payloadBytes)

  var isEmpty: Bool { events.isEmpty }
  var plainBytes: Int { payload.count }
  var lastSequence: UInt64 { events.last?.position.sequence ?? 0 }

  /// Whether a block of the log with so much in it still fits.
  func fits(events count: Int, bytes: Int) -> Bool {
    events.isEmpty
      || (events.count + count <= BlockLimits.events
        && payload.count + bytes <= BlockLimits.payloadBytes)
  }

  /// Adds one event; positions ascend.
  func add(_ header: EventHeader, position: Position, bytes: RawView) {
    events.append(SpooledEvent(header, position: position))
    payload.append(bytes)
  }

  /// Lays the block down at the end of `buffer` and begins the next one.
  /// - Parameter define: audiences that are used here for the first time in the range.
  /// - Returns: the block's sequence, the last of the log's it holds, and its length.
  func write(
    into buffer: GatherBuffer, salt: UInt64, define: [AudienceNumber], audiences: AudienceTable
  ) -> (sequence: UInt64, length: Int) {
    let start = buffer.count
    let sequence = lastSequence
    var writer = BlockWriter(buffer, kind: .spool, sequence: sequence)
    let table = writer.beginTable(TableTag.spooled)
    SpoolColumns.append(events, to: buffer)
    writer.endTable(table, count: events.count)
    writer.define(define, in: audiences)
    let length = writer.finish(payload: payload.view, hard: true)
    BlockHeader.seal(in: buffer, at: start, salt: salt, durableThrough: 0)
    reset()
    return (sequence, length)
  }

  /// Forgets what was gathered.
  func reset() {
    events.removeAll(keepingCapacity: true)
    payload.removeAll()
    payload.shrink(to: BlockLimits.payloadBytes)
  }
}
