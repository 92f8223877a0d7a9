internal import Flow

/// Which deliveries were pending when a checkpoint was taken; later ones are never fewer, for blocks
/// that every reactor had walked then: settled deliveries do not come back.
///
/// A lane that is behind waits for everything of its audiences from its cursor on; besides, every
/// lane has its holes. 12 bytes a lane behind, 16 a hole.
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

  /// An audience's lanes that are behind, by cursor.
  private struct Behind {
    var cursors: [(cursor: UInt64, endpoint: UInt32)]
    var memberCount: Int
  }

  /// Who waits for one event.
  struct Waiting: Equatable {
    /// So many of the audience's lanes, counted by cursor.
    var behind: Int
    /// Those that tried.
    var holes: Range<Int>
    /// Everybody the event was accepted for.
    var isWhole: Bool
    /// Nobody need wait: it has to stay anyway.
    var isKept = false
    var isEmpty: Bool { behind == 0 && holes.isEmpty && !isKept }
  }

  /// Entries of `known` before it is forgotten.
  private static let knownMax = 1 << 20
  private let audiences: AudienceTable
  private var cursors: [UInt32: UInt64] = [:]
  private var holes: [Hole] = []
  private var known: [UInt32: Behind] = [:]
  private var knownCount = 0
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

  /// Who waits for the event at `position`.
  /// - Complexity: O(log lanes behind of the audience + log holes), once the audience is known.
  func waiting(_ position: Position, _ audience: AudienceNumber) -> Waiting {
    let behind = lanes(of: audience)
    let count = SegmentIndex.partition(behind.cursors.count) {
      behind.cursors[$0].cursor <= position.packed
    }
    let first = SegmentIndex.partition(holes.count) { holes[$0].position < position.packed }
    var end = first
    while end < holes.count, holes[end].position == position.packed { end += 1 }
    // A hole may be of an endpoint that the event was not for: it was replayed to it.
    let isWhole = count + (end - first) == behind.memberCount
      && holes[first..<end].allSatisfy { audiences.contains(EndpointNumber($0.endpoint), in: audience) }
    return Waiting(
      behind: count, holes: first..<end, isWhole: isWhole,
      isKept: hasKept(from: position, through: position))
  }

  /// The endpoints that wait, ascending.
  func endpoints(_ waiting: Waiting, _ audience: AudienceNumber) -> [UInt32] {
    var result = lanes(of: audience).cursors.prefix(waiting.behind).map(\.endpoint)
    for hole in holes[waiting.holes] { result.append(hole.endpoint) }
    return result.sorted()
  }

  /// Whether a lane that is behind may wait for an event of `audience` in blocks up to `last`.
  func isAwaited(_ audience: AudienceNumber, through last: UInt64) -> Bool {
    guard let first = lanes(of: audience).cursors.first else { return false }
    return first.cursor >> 16 <= last
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

  private func lanes(of audience: AudienceNumber) -> Behind {
    if let found = known[audience.value] { return found }
    var behind = Behind(cursors: [], memberCount: 0)
    let members = unsafe audiences.endpoints(of: audience)
    behind.memberCount = members.count
    for unsafe member in unsafe members {
      if let cursor = cursors[member.value] { behind.cursors.append((cursor, member.value)) }
    }
    behind.cursors.sort { $0 < $1 }
    knownCount += behind.cursors.count + 1
    if knownCount > Self.knownMax {
      known.removeAll()
      knownCount = behind.cursors.count + 1
    }
    known[audience.value] = behind
    return behind
  }
}
