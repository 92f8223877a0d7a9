public import Flow
internal import Platform

/// Something that recovery found and did not hide.
public struct RecoveryFinding: Sendable, Equatable {
  /// What kind.
  public enum Kind: String, Sendable {
    /// Bytes after the last known sync that are no whole block: possibly acknowledged with
    /// durability `os` or by a disk that lied.
    case tornTail
    /// A damaged block that was durable. Its events are lost to delivery; nothing else was cut.
    case corruption
    /// A segment that the checkpoint still needs is gone.
    case missingSegment
    /// Events whose audience was defined in a block that is lost: nobody knows whom they are for.
    case unknownAudience
    /// A file that is no part of the log; left alone.
    case foreignFile
    /// A file that was to be removed or shortened and stays as it is until the next start.
    case leftover
    /// A checkpoint that can't be read; the one before, or the whole log, was used.
    case damagedCheckpoint
  }
  /// What kind.
  public var kind: Kind
  /// Which file.
  public var path: String
  /// Where in it, bytes.
  public var offset: UInt64 = 0
  /// How many bytes.
  public var length: UInt64 = 0
  /// The first sequence concerned; 0 when none is known.
  public var firstSequence: UInt64 = 0
  /// The last.
  public var lastSequence: UInt64 = 0
  /// The system's word, for a leftover.
  public var reason: String?
  /// Where the bytes were copied to.
  public var quarantine: String?

  /// One line for the log.
  public var text: String {
    switch kind {
    case .tornTail:
      "torn tail: \(path) at offset \(offset), \(length) bytes, blocks \(firstSequence) to "
        + "\(lastSequence) were never known to be synced and are possibly acknowledged; kept in "
        + "\(quarantine ?? "-")"
    case .corruption:
      "corruption: \(path) at offset \(offset), \(length) bytes, blocks \(firstSequence) to "
        + "\(lastSequence) were durable and can't be read; kept in \(quarantine ?? "place")"
    case .missingSegment:
      "missing segment: \(path), blocks \(firstSequence) to \(lastSequence), "
        + "with deliveries still pending"
    case .unknownAudience:
      "unknown audience: \(path) at offset \(offset), block \(firstSequence): events whose "
        + "audience was defined in a lost block; they are kept and sent to nobody"
    case .foreignFile: "ignored: \(path) is no part of the log"
    case .leftover: "left over: \(path): \(reason ?? "-")"
    case .damagedCheckpoint: "damaged checkpoint: \(path), not used"
    }
  }
}

/// The log as recovery found it, ready to go on.
public struct RecoveredLog {
  /// The sequence that the next block gets.
  public let nextSequence: UInt64
  /// Every lane known, ascending by endpoint; exact as of `walkedThrough`.
  public let lanes: [LaneImage]
  /// The end of the log: what the reactors are restored with.
  public var walkedThrough: UInt64 { nextSequence - 1 }
  /// Every audience that the log or the checkpoint defines.
  public let audiences: AudienceTable
  /// Publisher-given ids, oldest first, at most 1,000,000.
  public let remembered: [RememberedID]
  /// Counters from first start.
  public let counters: LifetimeCounters
  /// Dead and expired deliveries that the control plane may not have stored; oldest first. Storing
  /// one twice must be harmless.
  public let deadSinceCheckpoint: [Outcome]
  /// Endpoints whose tombstone is in the log and that the catalogue may still have.
  public let removedEndpoints: [EndpointNumber]
  /// No endpoint number up to this one may be given again.
  public let endpointHighWater: UInt32
  /// Live segments and where their blocks are.
  public let index: SegmentIndex
  /// Whether the last stop was clean, or the directory is fresh.
  public let wasClean: Bool
  /// Blocks that were read again after the checkpoint.
  public let replayedBlocks: UInt64
  /// What was found damaged, torn or missing.
  public let report: [RecoveryFinding]

  let active: ActiveSegment
  let ledger: SegmentLedger
  let durable: [DurableCheckpoint]
  let releaseOrdinal: UInt64
  let spoolFileNext: UInt64
  let checkpointOrdinal: UInt64
  let settledSinceCheckpoint: [Outcome]
}
