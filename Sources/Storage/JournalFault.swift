/// Something that `JournalInspector.verify` found wrong, by position.
public struct JournalFault: Sendable, Equatable {
  /// Which check failed.
  public enum Check: String, Sendable, CaseIterable {
    /// The first 64 bytes of a segment.
    case segmentHeader = "segment header"
    /// The file's length is not that of its header.
    case length
    /// A block header, or bytes where a block should begin.
    case blockHeader = "block header"
    /// A header section's checksum.
    case headerSection = "header section"
    /// The tables in a header section: lengths, order, known values.
    case tables
    /// The checksum of a payload as stored.
    case payload
    /// A payload does not unpack to what was stored.
    case plainPayload = "plain payload"
    /// Events do not lie in their payload one behind the other.
    case events
    /// Bytes that must be zero are not.
    case padding
    /// A block does not stand right behind the one before.
    case place
    /// Sequences are missing.
    case sequence
    /// A watermark that moves back, or covers its own block.
    case durableThrough
    /// The list of blocks at a closed segment's end.
    case footer
    /// The last 64 bytes of a closed segment.
    case trailer
    /// An audience that is used before it is defined, or defined twice in different ways.
    case audience
    /// An outcome of an unknown kind, or of an event that comes later.
    case outcome
    /// A checkpoint that can't be read or contradicts itself.
    case checkpoint
    /// A checkpoint knows a later log than there is.
    case checkpointAhead = "checkpoint ahead"
    /// A segment that is still needed is gone.
    case missingSegment = "missing segment"
  }

  /// Which check failed.
  public let check: Check
  /// In which file.
  public let path: String
  /// Where in it, bytes.
  public let offset: UInt64
  /// How many bytes are concerned; 0 where something is missing.
  public let length: UInt64
  /// The first block concerned; 0 when none is known.
  public let firstSequence: UInt64
  /// The last.
  public let lastSequence: UInt64
  /// What is wrong, without the position.
  public let detail: String

  /// One line for a person.
  public var text: String {
    "\(path): offset \(offset), \(length) bytes\(blocksText): \(check.rawValue): \(detail)"
  }

  private var blocksText: String {
    if firstSequence == 0 { return "" }
    if firstSequence == lastSequence { return ", block \(firstSequence)" }
    return ", blocks \(firstSequence) to \(lastSequence)"
  }
}

/// What `JournalInspector.verify` looked at, and what it found.
public struct JournalVerdict: Sendable, Equatable {
  /// Segment files read.
  public internal(set) var segments = 0
  /// Pieces of the spool read.
  public internal(set) var spoolRanges = 0
  /// Checkpoints read.
  public internal(set) var checkpoints = 0
  /// Blocks that were checked.
  public internal(set) var blocks: UInt64 = 0
  /// Events that were checked.
  public internal(set) var events: UInt64 = 0
  /// Outcomes that were checked.
  public internal(set) var outcomes: UInt64 = 0
  /// Bytes of the segments and of the spool.
  public internal(set) var bytes: UInt64 = 0
  /// The last block of the log.
  public internal(set) var lastSequence: UInt64 = 0
  /// Everything that is wrong, in the order of the log.
  public internal(set) var faults: [JournalFault] = []
  /// Of note, and no damage: foreign files, an unclean stop, a log in use.
  public internal(set) var notes: [String] = []

  /// Whether nothing is wrong.
  public var isClean: Bool { faults.isEmpty }
}
