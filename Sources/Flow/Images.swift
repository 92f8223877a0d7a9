public import Base

/// A delivery that was tried and is not settled: behind its lane's cursor.
public struct Hole: BitwiseCopyable, Sendable, Equatable {
  public var position: Position
  /// Attempts made.
  public var attempt: UInt16
  /// When the next is due; 0 for one that was in flight.
  public var due: UnixMilliseconds
  /// Whether it was asked for (again) and not tried since: what was in flight has no due time.
  public var isReplay: Bool { attempt == 0 && due.value != 0 }
  /// Makes a hole.
  public init(position: Position, attempt: UInt16, due: UnixMilliseconds) {
    self.position = position
    self.attempt = attempt
    self.due = due
  }
}

/// All that must be remembered of a lane: what a checkpoint stores and recovery gives back.
public struct LaneImage: Sendable, Equatable {
  public var endpoint: EndpointNumber
  /// The first place in the log not yet looked at: everything of the lane before it is settled or a
  /// hole.
  public var cursor: Position
  /// Events for this lane at or after `cursor`, up to the image's `walkedThrough`.
  public var behind: UInt64
  /// Unsettled deliveries before `cursor`, ascending.
  public var holes: [Hole]
  /// `EventHeader.plainBytes` of everything pending, an estimate after a recovery; 0: not known.
  public var plainBytes: UInt64
  /// Makes an image.
  public init(
    endpoint: EndpointNumber, cursor: Position, behind: UInt64, holes: [Hole],
    plainBytes: UInt64 = 0
  ) {
    self.endpoint = endpoint
    self.cursor = cursor
    self.behind = behind
    self.holes = holes
    self.plainBytes = plainBytes
  }
}

/// One reactor's part of a checkpoint. Every outcome that the reactor pushed before it made the
/// image is in the image.
public final class ReactorImage: Sendable {
  /// The reactor.
  public let reactor: Int
  /// The last block it had walked.
  public let walkedThrough: UInt64
  /// Its lanes. A lane with nothing pending may be left out: it then starts after `walkedThrough`.
  public let lanes: [LaneImage]
  /// Makes an image.
  public init(reactor: Int, walkedThrough: UInt64, lanes: [LaneImage]) {
    self.reactor = reactor
    self.walkedThrough = walkedThrough
    self.lanes = lanes
  }
}

/// A publisher-given id that is remembered.
public struct RememberedID: BitwiseCopyable, Sendable, Equatable {
  /// Hash of application and id.
  public var key: UInt64
  /// `EventHeader.contentHash` of what was accepted under it.
  public var contentHash: UInt64
  /// When, Unix milliseconds.
  public var time: UnixMilliseconds
  /// How many endpoints it was accepted for.
  public var endpoints: UInt32
  /// Makes an entry.
  public init(key: UInt64, contentHash: UInt64, time: UnixMilliseconds, endpoints: UInt32) {
    self.key = key
    self.contentHash = contentHash
    self.time = time
    self.endpoints = endpoints
  }

  /// The key of an id within its application; `idHash` is `EventHeader.idHash`.
  public static func key(application: ApplicationNumber, idHash: UInt64) -> UInt64 {
    let product = (idHash ^ 0x9E37_79B9_7F4A_7C15)
      .multipliedFullWidth(by: UInt64(application.value) &* 2 &+ 0xD1B5_4A32_D192_ED03)
    return product.high ^ product.low
  }
}

/// Counters that count from first start.
public struct LifetimeCounters: BitwiseCopyable, Sendable, Equatable {
  public var accepted: UInt64 = 0
  public var delivered: UInt64 = 0
  public var retried: UInt64 = 0
  public var dead: UInt64 = 0
  public var expired: UInt64 = 0
  public var removed: UInt64 = 0
  /// All zero.
  public init() {}
}

/// A reactor asks the Reader for the first block with events at or after a sequence.
public struct LoadRequest: BitwiseCopyable, Sendable {
  public var sequence: UInt64
  /// Makes a request.
  public init(sequence: UInt64) { self.sequence = sequence }
}

/// What the Reader found.
public struct LoadReply: BitwiseCopyable, Sendable {
  /// What was asked for.
  public var requested: UInt64
  /// The block that was found; equal to `requested` or later. 0 when the log has none up to its end.
  public var sequence: UInt64
  /// The block's memory, owned by the Reader until the reactor gives it back; `nil` when there is
  /// none or nothing of it can be read.
  public var block: Block?
  /// The block exists and can't be read. If there is one in `block`, its headers are good and its
  /// payload is zeros: enough to say which deliveries can't be made.
  public var damaged: Bool
  /// Makes a reply.
  public init(requested: UInt64, sequence: UInt64, block: Block?, damaged: Bool) {
    self.requested = requested
    self.sequence = sequence
    self.block = block
    self.damaged = damaged
  }
}
