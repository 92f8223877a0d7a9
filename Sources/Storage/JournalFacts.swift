public import Base
public import Flow

/// A segment as `JournalInspector` lists it.
public struct SegmentSummary: Sendable, Equatable {
  /// What became of a segment.
  public enum State: String, Sendable {
    /// It ends with a footer; nothing is written to it any more.
    case closed
    /// The log's end, or where it ended before a restart.
    case open
    /// Its header can't be read; its blocks were found one by one.
    case damaged
  }
  /// Its number, as in the file's name.
  public let number: UInt64
  /// The file.
  public let path: String
  /// Its length.
  public let bytes: UInt64
  /// What became of it.
  public let state: State
  /// The first sequence that may stand in it.
  public let firstSequence: UInt64
  /// The last that does.
  public let lastSequence: UInt64
  /// When it was begun, Unix milliseconds; 0 when its header is damaged.
  public let createdAt: UInt64
  /// The highest watermark that its blocks state.
  public let durableThrough: UInt64
  /// Blocks that count.
  public let blocks: Int
  /// Those of them with events.
  public let eventBlocks: Int
  /// Bytes up to the end of the last block.
  public let usedBytes: UInt64
}

/// A block as `JournalInspector` lists it.
public struct BlockSummary: Sendable, Equatable {
  /// The segment it stands in.
  public let segment: UInt64
  /// Its sequence.
  public let sequence: UInt64
  /// Where it stands, bytes.
  public let offset: UInt64
  /// Its length, padding included.
  public let length: UInt64
  /// `events`, `tables`, `releases` or `footer`.
  public let kind: String
  /// The watermark that it states.
  public let durableThrough: UInt64
  /// Events in it; 0 when its header section can't be read, as with the next two.
  public let events: Int
  /// Audience definitions.
  public let definitions: Int
  /// Outcomes of deliveries.
  public let outcomes: Int
  /// Bytes of its payload as stored.
  public let packedBytes: Int
  /// Bytes of its payload unpacked.
  public let plainBytes: Int
  /// Whether its checksums hold.
  public let isWhole: Bool
}

/// An event as `JournalInspector` lists it.
public struct EventSummary: Sendable, Equatable {
  /// Where it stands.
  public let position: Position
  /// When it was accepted, Unix milliseconds.
  public let time: UnixMilliseconds
  /// Whom it belongs to.
  public let application: ApplicationNumber
  /// Whom it was accepted for.
  public let audience: AudienceNumber
  /// The endpoints of that audience; `nil` when nothing defines it.
  public let endpoints: [EndpointNumber]?
  /// Its type.
  public let type: String
  /// Its id.
  public let id: String
  /// Bytes of its data.
  public let dataBytes: Int
}

/// A checkpoint as `JournalInspector` lists it.
public struct CheckpointSummary: Sendable, Equatable {
  /// Its ordinal, as in the file's name.
  public let ordinal: UInt64
  /// The file.
  public let path: String
  /// When it was asked for, Unix milliseconds.
  public let createdAt: UInt64
  /// Outcomes up to this block are in it.
  public let sequence: UInt64
  /// Recovery reads the log from after this block on.
  public let replayAfter: UInt64
  /// Lanes in it.
  public let lanes: Int
  /// Events that they have not looked at.
  public let behind: UInt64
  /// Deliveries that were tried and are not settled.
  public let holes: Int
  /// Publisher-given ids.
  public let remembered: Int
  /// Audience definitions.
  public let audiences: Int
  /// Segments that were live.
  public let segments: Int
  /// The highest endpoint number ever given.
  public let endpointHighWater: UInt32

  init(_ checkpoint: Checkpoint, path: String) {
    ordinal = checkpoint.ordinal
    self.path = path
    createdAt = checkpoint.createdAt
    sequence = checkpoint.sequence
    replayAfter = checkpoint.replayAfter
    let all = checkpoint.images.flatMap(\.lanes)
    lanes = all.count
    behind = all.reduce(0) { $0 &+ $1.behind }
    holes = all.reduce(0) { $0 + $1.holes.count }
    remembered = checkpoint.remembered.count
    audiences = checkpoint.audiences.count
    segments = checkpoint.segments.count
    endpointHighWater = checkpoint.endpointHighWater
  }
}
