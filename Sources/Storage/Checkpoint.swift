internal import Base
public import Flow

/// All that recovery needs beside the log after `sequence`.
public final class Checkpoint: Sendable {
  /// Counts up with each checkpoint; part of the file's name.
  public let ordinal: UInt64
  /// Outcomes in blocks up to this one are in the images; it was synced before this was written.
  public let sequence: UInt64
  /// When it was asked for, Unix milliseconds.
  public let createdAt: UInt64
  /// Counters as of `sequence`.
  public let counters: LifetimeCounters
  /// One image a reactor, in order.
  public let images: [ReactorImage]
  /// Publisher-given ids.
  public let remembered: [RememberedID]
  /// Dead and expired deliveries and removed endpoints since the checkpoint before, newest last:
  /// the control plane may not have stored them yet.
  public let settled: [Outcome]
  /// Audience definitions, by number.
  public let audiences: [(AudienceNumber, [EndpointNumber])]
  /// Segments that were live.
  public let segments: [SegmentFacts]
  /// The highest endpoint number ever given.
  public let endpointHighWater: UInt32
  /// Spool ranges that counted, oldest first.
  public let spool: [SpoolRange]
  /// Releases up to this one are done: a record of one in the log is old.
  public let releaseOrdinal: UInt64

  /// States a checkpoint.
  package init(
    ordinal: UInt64, sequence: UInt64, createdAt: UInt64, counters: LifetimeCounters,
    images: [ReactorImage], remembered: [RememberedID], settled: [Outcome],
    audiences: [(AudienceNumber, [EndpointNumber])], segments: [SegmentFacts],
    endpointHighWater: UInt32, spool: [SpoolRange] = [], releaseOrdinal: UInt64 = 0
  ) {
    self.ordinal = ordinal
    self.sequence = sequence
    self.createdAt = createdAt
    self.counters = counters
    self.images = images
    self.remembered = remembered
    self.settled = settled
    self.audiences = audiences
    self.segments = segments
    self.endpointHighWater = endpointHighWater
    self.spool = spool
    self.releaseOrdinal = releaseOrdinal
  }

  /// Recovery reads the log from after this block on.
  package var replayAfter: UInt64 { images.reduce(sequence) { min($0, $1.walkedThrough) } }

  /// Everything up to this block is synced, or the checkpoint could not have been written.
  package var syncedThrough: UInt64 { images.reduce(sequence) { max($0, $1.walkedThrough) } }
}

/// A durable checkpoint, as the cleaner keeps it.
struct DurableCheckpoint {
  let cover: CheckpointCover
  let pending: PendingMap
  let createdAt: UnixMilliseconds
  /// When it became durable; 0 for one from before the start.
  let savedAt: Instant

  init(
    _ checkpoint: Checkpoint, audiences: AudienceTable,
    savedAt: Instant = Instant(nanoseconds: 0)
  ) {
    createdAt = UnixMilliseconds(checkpoint.createdAt)
    self.savedAt = savedAt
    cover = CheckpointCover(checkpoint)
    pending = PendingMap(images: checkpoint.images, audiences: audiences)
  }
}

/// What the cleaner needs of a durable checkpoint.
public struct CheckpointCover: Sendable, Equatable {
  /// The log is read again from after this block on.
  public var replayAfter: UInt64
  /// The first block that a lane has not walked, of all lanes that are behind.
  public var cursorFloor: UInt64
  /// Blocks before the cursors that hold unsettled deliveries, ascending.
  public var holeSequences: [UInt64]

  /// States a cover.
  public init(replayAfter: UInt64, cursorFloor: UInt64, holeSequences: [UInt64]) {
    self.replayAfter = replayAfter
    self.cursorFloor = cursorFloor
    self.holeSequences = holeSequences
  }

  init(_ checkpoint: Checkpoint) {
    replayAfter = checkpoint.replayAfter
    var floor = UInt64.max
    var holes: [UInt64] = []
    for image in checkpoint.images {
      for lane in image.lanes {
        if lane.behind > 0 { floor = min(floor, lane.cursor.sequence) }
        for hole in lane.holes { holes.append(hole.position.sequence) }
      }
    }
    cursorFloor = floor
    holes.sort()
    var distinct: [UInt64] = []
    for hole in holes where distinct.last != hole { distinct.append(hole) }
    holeSequences = distinct
  }

  /// Whether a delivery may still need an event in these blocks.
  func isPending(first: UInt64, last: UInt64) -> Bool {
    if last >= cursorFloor { return true }
    let index = SegmentIndex.partition(holeSequences.count) { holeSequences[$0] < first }
    return index < holeSequences.count && holeSequences[index] <= last
  }
}
