public import Base
public import Flow
public import Platform
internal import Synchronization

/// Owns the log's end: packs sealed blocks, writes them, syncs, and lets them be known.
///
/// A state machine: `turn` never waits. One sync is under way at a time; what is sealed meanwhile
/// is packed and goes with the next write, so that under load many blocks share a sync. Outcomes
/// are written within 5 ms and synced with the next events, or within 100 ms.
///
/// A failed write or sync sets `failure`; nothing more is committed then, for after it the page
/// cache proves nothing: the process must end (exit 70) and recover from the disk.
///
/// > Runs on: the ingest thread, all of it, but for `durableOutcomes` and the counters.
public final class Journal {
  /// Bytes gathered before packing waits for the write.
  static let gatherBytesMax = 4 << 20
  static let commitInterval = Nanoseconds.microseconds(200)
  static let outcomeDelay = Nanoseconds.milliseconds(4)
  /// Outcomes that wait for a segment so long stop the reactors.
  package static let stallLimit = Nanoseconds.milliseconds(50)
  static let syncDelay = Nanoseconds.milliseconds(90)
  static let idleDelay = Nanoseconds.milliseconds(100)
  /// Without a sync for so long nobody is taken to publish beside the one who does.
  static let quietTime = Nanoseconds.milliseconds(5)

  let configuration: JournalConfiguration
  let layout: DirectoryLayout
  let disk: any Disk
  let sync: any SyncQueue
  let keeper: SegmentKeeper
  let window: LogWindow
  let sealed: Ring<BlockRef>
  let committed: Ring<BlockRef>
  let index: SegmentIndex
  let counters: JournalCounters
  let ledger: SegmentLedger
  let outcomes: OutcomeIntake
  let tap: AttemptTap?
  /// The time of the turn.
  var unix = UnixMilliseconds(0)

  var active: ActiveSegment
  let buffer = GatherBuffer(capacity: 1 << 20)
  /// Laid down in `buffer`, not written.
  var pending: [PendingBlock] = []
  /// Written, not committed.
  var written: [PendingBlock] = []
  /// Bytes at the buffer's start that are no block: a new segment's header.
  var prefixBytes = 0
  var nextSequence: UInt64
  var writtenThrough: UInt64
  var syncedThrough: UInt64
  /// The last sequence that the sync under way covers.
  var syncTarget: UInt64?
  var syncStarted = Instant(nanoseconds: 0)
  /// When the last one ended.
  var lastSync = Instant(nanoseconds: 0)
  var lastWrite = Instant(nanoseconds: 0)
  var lastActivity: Instant?
  /// When the oldest written, unsynced outcome came.
  var unsyncedSince: Instant?
  /// Something was written that no durable header speaks of yet.
  var needsStatement = false
  /// Event blocks packed and synced, for the checkpoint's barrier.
  var eventBlocksPacked: UInt64 = 0
  var eventBlocksSynced: UInt64 = 0

  var roll = Roll.none
  var prepared: (number: UInt64, file: FileHandle)?
  /// Audiences of the block at the head of `sealed` that stand in blocks of their own.
  var definitionQueue: [AudienceNumber] = []
  var headIsDefined = false
  var fresh: [AudienceNumber] = []

  /// Releases to be written, and those written and not synced, by their block.
  var releases: [SpoolRange] = []
  var releasesWritten: [(sequence: UInt64, ordinal: UInt64)] = []

  var checkpoint: CheckpointRequest?
  var checkpointPending = false
  var settledRecently = SettledLog()
  var endpointHighWater: UInt32
  var finishing = Finishing.no

  /// Set by a failed write or sync: end the process.
  public internal(set) var failure: SystemError?
  /// What failed, with its path.
  public internal(set) var failurePath: String?

  enum Roll { case none, closing, waiting }
  enum Finishing { case no, draining, checkpoint, statement, done }

  /// A journal that goes on after what recovery found.
  /// - Parameters:
  ///   - sealed: full blocks from ingest, in order.
  ///   - committed: the same, once durable; its capacity is at least the arena's slot count.
  ///   - outcomes: one ring a reactor, by index.
  ///   - settledSink: gets `dead` and `expired` outcomes once they are durable.
  ///   - tap: sees all outcomes, durable or not yet.
  public init(
    configuration: JournalConfiguration, recovered: RecoveredLog, disk: any Disk,
    sync: any SyncQueue, keeper: SegmentKeeper, window: LogWindow, sealed: Ring<BlockRef>,
    committed: Ring<BlockRef>, outcomes: [Ring<Outcome>], settledSink: Mailbox<Outcome>,
    tap: AttemptTap? = nil, counters: JournalCounters
  ) {
    require(
      configuration.segmentBytes >= 2 << 20, "a segment must have room for the largest event")
    require(
      committed.capacity >= window.arena.slotCount,
      "the ring of committed blocks is smaller than the arena")
    self.configuration = configuration
    self.disk = disk
    self.sync = sync
    self.keeper = keeper
    self.window = window
    self.sealed = sealed
    self.committed = committed
    self.counters = counters
    self.tap = tap
    layout = DirectoryLayout(root: configuration.directory)
    index = recovered.index
    active = recovered.active
    ledger = recovered.ledger
    self.outcomes = OutcomeIntake(rings: outcomes, sink: settledSink)
    nextSequence = recovered.nextSequence
    writtenThrough = recovered.nextSequence - 1
    syncedThrough = recovered.nextSequence - 1
    endpointHighWater = recovered.endpointHighWater
    checkpointPending = recovered.replayedBlocks > 0
    for outcome in recovered.settledSinceCheckpoint { settledRecently.add(outcome) }
    keeper.post(.prepare(recovered.active.header.number + 1))
  }

  /// Whether a turn would do something now.
  public var hasWork: Bool {
    if failure != nil { return false }
    return sync.hasCompletion || keeper.notices.hasMessages
      || (sealed.count > 0 && roll == .none && buffer.count < Self.gatherBytesMax
        && syncTarget == nil)
      || outcomes.hasUnnoticed
  }

  /// Whether outcomes wait for a time that is set: that more of them come changes nothing.
  public var hasNoticedOutcomes: Bool { outcomes.oldest != nil }

  /// How many outcomes of a reactor's ring are durable: all that it pushed before that many.
  /// > Runs on: any thread.
  public func durableOutcomes(reactor: Int) -> UInt64 { outcomes.durable(reactor) }

  /// Does what is due.
  /// - Returns: when to call again at the latest.
  public func turn(now: Now) -> Instant {
    if failure != nil { return .distantFuture }
    takeNotices(now)
    takeCompletion(now)
    outcomes.notice(now.instant)
    unix = now.unix
    packEvents(now)
    packOutcomes(now)
    packReleases(now)
    tap?.wake()
    if mayWrite(now) { write(now) }
    if failure == nil { submitSyncIfDue(now) }
    stateWatermarkIfIdle(now)
    advanceCheckpoint(now)
    advanceFinish(now)
    window.journalIsFree.store(isFree, ordering: .releasing)
    window.takesOutcomes = takesOutcomes(now.instant)
    return failure == nil ? deadline(now) : .distantFuture
  }

  /// Whether an event sealed now would be written at once.
  var isFree: Bool { failure == nil && syncTarget == nil && pending.isEmpty && roll == .none }

  func fail(_ error: SystemError, path: String) {
    failure = error
    failurePath = path
    window.journalIsFree.store(false, ordering: .releasing)
    window.takesOutcomes = false
  }

  /// When the oldest outcome came that could not be written yet.
  package var unwrittenSince: Instant? { outcomes.oldest }

  /// Whether outcomes are written, or were until a moment ago: without a segment they wait.
  private func takesOutcomes(_ now: Instant) -> Bool {
    guard roll == .waiting, let since = outcomes.oldest else { return failure == nil }
    return now < since + Self.stallLimit
  }

  private func takeNotices(_ now: Now) {
    guard keeper.notices.hasMessages else { return }
    for notice in keeper.notices.drain() {
      switch notice {
      case .prepared(let number, let file): prepared = (number, file)
      case .checkpoint(let sequence, let durable): checkpointEnded(sequence, durable: durable)
      case .release(let range): releases.append(range)
      case .checkpointWanted: if checkpoint == nil { checkpointPending = true }
      }
    }
    if roll == .waiting { activate(now) }
  }

  private func deadline(_ now: Now) -> Instant {
    var result = Instant.distantFuture
    if !pending.isEmpty, syncTarget == nil { result = lastWrite + Self.commitInterval }
    if let since = outcomes.oldest {
      // Without a segment nothing can be written: the keeper wakes this thread when there is one.
      let due = since + (roll == .waiting ? Self.stallLimit : Self.outcomeDelay)
      if roll != .waiting || now.instant < due { result = min(result, due) }
    }
    if syncTarget == nil, let since = unsyncedSince { result = min(result, since + Self.syncDelay) }
    if needsStatement, syncTarget == nil, let last = lastActivity {
      result = min(result, last + Self.idleDelay)
    }
    let waitsForCover = checkpoint.map { $0.isComplete && !$0.isSent } ?? false
    if waitsForCover || (finishing != .no && finishing != .done) {
      result = min(result, now.instant + .milliseconds(1))
    }
    return result
  }
}
