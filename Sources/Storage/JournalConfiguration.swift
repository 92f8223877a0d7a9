public import Base
public import Flow

/// When an event counts as stored.
public enum Durability: String, Sendable, CaseIterable {
  /// After fdatasync.
  case fsync
  /// After write: survives a crash of the process, not of the machine.
  case os
}

/// How much of the log is kept; may change while it runs.
public struct JournalLimits: BitwiseCopyable, Sendable, Equatable {
  /// How long a settled segment is kept, seconds.
  public var retentionSeconds: UInt64
  /// As the log comes near this, the oldest segments go early: what is pending of them moves to the
  /// spool. When that does not help, publishing stops. Bytes.
  public var bytesMax: UInt64
  /// Above this nothing more moves to the spool, so that the log fills. Bytes.
  public var spoolBytesMax: UInt64

  /// Makes limits; see the properties for units.
  public init(retentionSeconds: UInt64, bytesMax: UInt64, spoolBytesMax: UInt64) {
    self.retentionSeconds = retentionSeconds
    self.bytesMax = bytesMax
    self.spoolBytesMax = spoolBytesMax
  }
}

/// How the log is kept.
public struct JournalConfiguration: Sendable {
  /// The data directory.
  public var directory: String
  /// When a publisher is answered.
  public var durability: Durability
  /// A segment file's length, bytes; a multiple of 64 KiB, at least 4 MiB.
  public var segmentBytes: Int
  /// How much is kept, to begin with.
  public var limits: JournalLimits
  /// Space written ahead for a full disk, beside one segment; 0: none. Bytes.
  public var reserveBytes: Int

  /// The default length of a segment.
  public static let segmentBytesDefault = 64 << 20

  /// Makes a configuration; see the properties for units.
  public init(
    directory: String, durability: Durability = .fsync,
    segmentBytes: Int = segmentBytesDefault, retentionSeconds: UInt64 = 7 * 86_400,
    bytesMax: UInt64, spoolBytesMax: UInt64 = .max,
    reserveBytes: Int = 0
  ) {
    self.directory = directory
    self.durability = durability
    self.segmentBytes = segmentBytes
    limits = JournalLimits(
      retentionSeconds: retentionSeconds, bytesMax: bytesMax, spoolBytesMax: spoolBytesMax)
    self.reserveBytes = reserveBytes
  }
}

/// What the journal counts; written by its thread, read by anybody.
public final class JournalCounters: Sendable {
  /// Events written, from first start.
  public let accepted: Counter
  /// Outcomes by kind, from first start.
  public let delivered: Counter
  public let retried: Counter
  public let dead: Counter
  public let expired: Counter
  public let removed: Counter
  /// Since this start: writes, syncs, bytes written, payload bytes before packing.
  public let writes = Counter()
  public let syncs = Counter()
  public let bytes = Counter()
  public let plainBytes = Counter()
  /// From the submission of a sync to its end.
  public let syncDuration = Histogram()

  /// Goes on from the counts that recovery found.
  public init(_ lifetime: LifetimeCounters) {
    accepted = Counter(lifetime.accepted)
    delivered = Counter(lifetime.delivered)
    retried = Counter(lifetime.retried)
    dead = Counter(lifetime.dead)
    expired = Counter(lifetime.expired)
    removed = Counter(lifetime.removed)
  }

  /// The counts that outlive the process.
  public var lifetime: LifetimeCounters {
    var result = LifetimeCounters()
    result.accepted = accepted.value
    result.delivered = delivered.value
    result.retried = retried.value
    result.dead = dead.value
    result.expired = expired.value
    result.removed = removed.value
    return result
  }

  func count(_ outcome: Outcome) {
    switch outcome.kind {
    case .delivered: delivered.add()
    case .retry: if !outcome.isRedelivery { retried.add() }
    case .dead: dead.add(outcome.deliveries)
    case .expired: expired.add()
    case .removed: removed.add()
    case .endpointRemoved: removed.add(outcome.dropped)
    default: break
    }
  }
}
