internal import Base
package import Flow
internal import Platform

/// The audience of every event in one segment, for recovery's questions "which events between these
/// two places are for this endpoint?".
///
/// 4 bytes an event. Short ranges are searched directly; for long ones posting lists are built
/// once: a lane that takes one event in 100,000 would else read the segment from end to end.
package final class SegmentEvents {
  private static let directMax = 512

  package private(set) var sequences: [UInt64] = []
  /// By block: where its events begin in `audiences`; one more entry at the end.
  private var starts: [Int] = [0]
  private var audiences: [UInt32] = []
  private let table: AudienceTable
  private var postings: Postings?

  private struct Postings {
    /// By ordinal: event indices, ascending.
    var events: [[UInt32]] = []
    /// By endpoint: ordinals of the audiences that it belongs to.
    var ordinals: [UInt32: [UInt32]] = [:]
  }

  package init(table: AudienceTable) { self.table = table }

  /// Adds the next block.
  package func add(sequence: UInt64, tables: BlockTables) {
    sequences.append(sequence)
    for index in 0..<tables.eventCount { audiences.append(tables.audience(index)) }
    starts.append(audiences.count)
  }

  /// Adds the next block: an audience for each index, 0 where no event is left.
  func add(sequence: UInt64, audiences block: [UInt32]) {
    sequences.append(sequence)
    audiences.append(contentsOf: block)
    starts.append(audiences.count)
  }

  /// The index of the first event at or after `position`.
  private func index(of position: Position) -> Int {
    let block = SegmentIndex.partition(sequences.count) { sequences[$0] < position.sequence }
    guard block < sequences.count, sequences[block] == position.sequence else {
      return starts[block]
    }
    return min(starts[block] + position.index, starts[block + 1])
  }

  private func position(of event: Int) -> Position {
    let block = SegmentIndex.partition(sequences.count) { starts[$0 + 1] <= event }
    return Position(sequence: sequences[block], index: event - starts[block])
  }

  /// Events for `endpoint` in `lower..<upper`, ascending.
  package func matches(
    _ endpoint: EndpointNumber, from lower: Position, to upper: Position
  ) -> [Position] {
    let first = index(of: lower)
    let last = index(of: upper)
    if last - first > Self.directMax { return listed(endpoint, first, last) }
    var result: [Position] = []
    var known: (audience: UInt32, isMember: Bool) = (0, false)
    for event in first..<max(first, last) {
      let audience = audiences[event]
      if audience != known.audience {
        known = (audience, table.contains(endpoint, in: AudienceNumber(audience)))
      }
      if known.isMember { result.append(position(of: event)) }
    }
    return result
  }

  private func listed(_ endpoint: EndpointNumber, _ first: Int, _ last: Int) -> [Position] {
    if postings == nil { postings = makePostings() }
    guard let postings else { return [] }
    var found: [UInt32] = []
    for ordinal in postings.ordinals[endpoint.value] ?? [] {
      let events = postings.events[Int(ordinal)]
      var index = SegmentIndex.partition(events.count) { Int(events[$0]) < first }
      while index < events.count, Int(events[index]) < last {
        found.append(events[index])
        index += 1
      }
    }
    found.sort()
    return found.map { position(of: Int($0)) }
  }

  private func makePostings() -> Postings {
    var result = Postings()
    var ordinals: [UInt32: Int] = [:]
    for event in 0..<audiences.count {
      let audience = audiences[event]
      let ordinal: Int
      if let known = ordinals[audience] {
        ordinal = known
      } else {
        ordinal = result.events.count
        ordinals[audience] = ordinal
        result.events.append([])
        for unsafe endpoint in unsafe table.endpoints(of: AudienceNumber(audience)) {
          result.ordinals[endpoint.value, default: []].append(UInt32(ordinal))
        }
      }
      result.events[ordinal].append(UInt32(event))
    }
    return result
  }
}
