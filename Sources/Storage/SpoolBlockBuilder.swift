internal import Base
internal import Flow

/// Gathers events that are still pending into one spool block.
///
/// Whole blocks of the log go in, never parts: the events of one sequence then stand side by side,
/// and one read gives them all. Blocks are taken while they fit into 256 KiB; a large event gets a
/// spool block of its own.
final class SpoolBlockBuilder {
  private struct SetKey: Hashable {
    var audience: UInt32
    var behind: Int
  }

  private(set) var events: [SpooledEvent] = []
  private let payload = GatherBuffer(capacity: BlockLimits.payloadBytes)
  /// Pending sets of this block that are not whole audiences, by their number less one.
  private var sets: [[UInt32]] = []
  private var setsByKey: [SetKey: UInt32] = [:]
  private var setsByContent: [[UInt32]: UInt32] = [:]

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
  func add(
    _ header: EventHeader, position: Position, bytes: RawView, waiting: PendingMap.Waiting,
    in map: PendingMap
  ) {
    let set = waiting.isWhole ? 0 : number(of: waiting, header.audience, map)
    events.append(SpooledEvent(header, position: position, pendingSet: set))
    payload.append(bytes)
  }

  private func number(
    of waiting: PendingMap.Waiting, _ audience: AudienceNumber, _ map: PendingMap
  ) -> UInt32 {
    let key = SetKey(audience: audience.value, behind: waiting.behind)
    // Without holes the lanes behind are the set; consecutive events mostly share it.
    if waiting.holes.isEmpty, let known = setsByKey[key] { return known }
    let endpoints = map.endpoints(waiting, audience)
    let number = setsByContent[endpoints] ?? UInt32(sets.count + 1)
    if number > sets.count {
      sets.append(endpoints)
      setsByContent[endpoints] = number
    }
    if waiting.holes.isEmpty { setsByKey[key] = number }
    return number
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
    writeSets(&writer, buffer)
    writer.define(define, in: audiences)
    let length = writer.finish(payload: payload.view, hard: true)
    BlockHeader.seal(in: buffer, at: start, salt: salt, durableThrough: 0)
    reset()
    return (sequence, length)
  }

  private func writeSets(_ writer: inout BlockWriter, _ buffer: GatherBuffer) {
    if sets.isEmpty { return }
    let table = writer.beginTable(TableTag.pendingSets)
    for (index, set) in sets.enumerated() {
      buffer.append(UInt32(index + 1).littleEndian)
      buffer.append(UInt32(set.count).littleEndian)
      for endpoint in set { buffer.append(endpoint.littleEndian) }
    }
    writer.endTable(table, count: sets.count)
  }

  /// Forgets what was gathered.
  func reset() {
    events.removeAll(keepingCapacity: true)
    payload.removeAll()
    payload.shrink(to: BlockLimits.payloadBytes)
    sets.removeAll()
    setsByKey.removeAll()
    setsByContent.removeAll()
  }
}
