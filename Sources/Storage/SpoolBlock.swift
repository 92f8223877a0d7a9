internal import Base
internal import Flow

/// A spool block as read: its events and their bytes, unpacked and checked.
final class SpoolBlock {
  let sequence: UInt64
  let events: [SpooledEvent]
  /// Where each event's bytes begin in `plain`; one more entry at the end.
  private let offsets: [Int]
  let plain: GatherBuffer

  /// - Returns: `nil` when the events do not fill the payload exactly.
  init?(sequence: UInt64, events: [SpooledEvent], plain: GatherBuffer) {
    var offsets = [0]
    offsets.reserveCapacity(events.count + 1)
    for event in events { offsets.append(offsets[offsets.count - 1] + event.payloadLength) }
    guard offsets[events.count] == plain.count, events.last?.position.sequence == sequence,
      events.allSatisfy({ $0.position.index < BlockLimits.largeEvents })
    else { return nil }
    self.sequence = sequence
    self.events = events
    self.offsets = offsets
    self.plain = plain
  }

  /// The events of the first block of the log at or after `sequence` that has some here.
  func run(atOrAfter sequence: UInt64) -> Range<Int>? {
    let first = SegmentIndex.partition(events.count) {
      events[$0].position.sequence < sequence
    }
    guard first < events.count else { return nil }
    let found = events[first].position.sequence
    let end = SegmentIndex.partition(events.count) { events[$0].position.sequence <= found }
    return first..<end
  }

  /// Payload bytes of a run.
  func plainLength(_ run: Range<Int>) -> Int { offsets[run.upperBound] - offsets[run.lowerBound] }

  /// An event's header, its offset counted in `plain`.
  func header(_ index: Int) -> EventHeader { events[index].header(payloadOffset: offsets[index]) }

  /// Fills `target` as the log's block that a run came from: every event at its old index, and
  /// nothing, for nobody, where the others stood.
  /// - Returns: `false` when it does not fit.
  func load(_ run: Range<Int>, into target: Block, scratch: GatherBuffer) -> Bool {
    guard let last = events[run].last,
      let bytes = plain.view.slice(offsets[run.lowerBound], plainLength(run))
    else { return false }
    scratch.removeAll()
    for index in run {
      // The indices ascend: fill up to this one.
      let missing = events[index].position.index - scratch.count / BlockTables.eventBytes
      scratch.appendZeros(missing * BlockTables.eventBytes)
      scratch.append(whole(index, offset: offsets[index] - offsets[run.lowerBound]))
    }
    return unsafe target.load(
      sequence: last.position.sequence, headers: scratch.view.bytes, payloadLength: bytes.count
    ) { plain in
      if bytes.count > 0 { unsafe plain.copyMemory(from: bytes.bytes) }
      return true
    }
  }

  /// An event's header with its hashes.
  private func whole(_ index: Int, offset: Int) -> EventHeader {
    let event = events[index]
    var header = event.header(payloadOffset: offset)
    let typeLength = Int(event.typeLength)
    if let type = plain.view.slice(offsets[index], typeLength) {
      header.typeHash = unsafe Hash64.of(type.bytes)
    }
    if let id = plain.view.slice(offsets[index] + typeLength, Int(event.idLength)) {
      header.idHash = unsafe Hash64.of(id.bytes)
    }
    return header
  }
}
