internal import Flow

/// Which deliveries were pending when a checkpoint was taken; later ones are never fewer, for blocks
/// that every reactor had walked then: settled deliveries do not come back.
///
/// A lane that is behind waits for everything of its audiences from its cursor on; besides, every
/// lane has its holes. 12 bytes a lane behind, 16 a hole, 12 an audience.
///
/// > Runs on: the keeper's thread.
final class PendingMap: @unchecked Sendable {
  /// A delivery that was tried and not settled.
  struct Hole: BitwiseCopyable, Comparable {
    var position: UInt64
    var endpoint: UInt32
    static func < (a: Self, b: Self) -> Bool {
      (a.position, a.endpoint) < (b.position, b.endpoint)
    }
  }

  /// Entries of `known` before it is forgotten.
  private static let knownMax = 1 << 20
  private let audiences: AudienceTable
  private var cursors: [UInt32: UInt64] = [:]
  private var holes: [Hole] = []
  /// Where the first lane of an audience is, of those that were asked for; `UInt64.max`: none is behind.
  private var known: [UInt32: UInt64] = [:]
  /// Events that have to stay though nobody waits for them, of the job under way; ascending.
  var kept: [Position] = []

  init(images: [ReactorImage], audiences: AudienceTable) {
    self.audiences = audiences
    for image in images {
      for lane in image.lanes {
        if lane.behind > 0 { cursors[lane.endpoint.value] = lane.cursor.packed }
        for hole in lane.holes {
          holes.append(Hole(position: hole.position.packed, endpoint: lane.endpoint.value))
        }
      }
    }
    holes.sort()
  }

  /// Whether the event at `position` has to stay: somebody waits for it, or it is kept.
  /// - Complexity: O(log holes), once the audience is known.
  func needs(_ position: Position, _ audience: AudienceNumber) -> Bool {
    if firstCursor(of: audience) <= position.packed { return true }
    let place = SegmentIndex.partition(holes.count) { holes[$0].position < position.packed }
    if place < holes.count, holes[place].position == position.packed { return true }
    return hasKept(from: position, through: position)
  }

  /// Whether a lane that is behind may wait for an event of `audience` in blocks up to `last`.
  func isAwaited(_ audience: AudienceNumber, through last: UInt64) -> Bool {
    let first = firstCursor(of: audience)
    return first != .max && first >> 16 <= last
  }

  /// Whether a delivery in these blocks was tried and is not settled.
  func hasHole(first: UInt64, last: UInt64) -> Bool {
    let place = SegmentIndex.partition(holes.count) { holes[$0].position >> 16 < first }
    return place < holes.count && holes[place].position >> 16 <= last
  }

  /// Whether an event in these blocks is kept.
  func hasKept(first: UInt64, last: UInt64) -> Bool {
    hasKept(
      from: Position(sequence: first, index: 0), through: Position(sequence: last, index: 0xFFFF))
  }

  private func hasKept(from first: Position, through last: Position) -> Bool {
    let place = SegmentIndex.partition(kept.count) { kept[$0] < first }
    return place < kept.count && kept[place] <= last
  }

  /// The cursor of the audience's lane that is furthest behind; `UInt64.max`: none is.
  private func firstCursor(of audience: AudienceNumber) -> UInt64 {
    if let found = known[audience.value] { return found }
    var first = UInt64.max
    for unsafe member in unsafe audiences.endpoints(of: audience) {
      first = min(first, cursors[member.value] ?? .max)
    }
    if known.count == Self.knownMax { known.removeAll() }
    known[audience.value] = first
    return first
  }
}
