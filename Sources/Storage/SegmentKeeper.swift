public import Base
internal import Flow
public import Platform
internal import Synchronization

/// What the journal asks of the keeper.
enum KeeperCommand: Sendable {
  /// Prepare the segment with this number.
  case prepare(UInt64)
  /// Make this checkpoint durable. The keeper gives it its ordinal and the segment list.
  case checkpoint(CheckpointParts)
  /// The record of the release with this ordinal is durable.
  case released(UInt64)
  /// Keep so much from now on.
  case limit(JournalLimits)
}

/// A checkpoint as the journal gathered it.
struct CheckpointParts: Sendable {
  var sequence: UInt64
  var createdAt: UInt64
  var counters: LifetimeCounters
  var images: [ReactorImage]
  var remembered: [RememberedID]
  var settled: [Outcome]
  var audienceCount: Int
  var endpointHighWater: UInt32
}

/// What the keeper tells the journal.
enum KeeperNotice: Sendable {
  /// The segment is zeroed, synced, under its name.
  case prepared(UInt64, FileHandle)
  /// The checkpoint at this sequence is durable, or could not be written.
  case checkpoint(UInt64, durable: Bool)
  /// The range is durable: write its record.
  case release(SpoolRange)
  /// Only a newer checkpoint lets segments go.
  case checkpointWanted
}

/// Does what may take long beside the log: prepares segments, writes checkpoints, moves what is
/// pending to the spool, frees segments.
///
/// | Duty | When | On a full disk |
/// | --- | --- | --- |
/// | prepare the next segment | the journal asks | the reserved one is taken; publishing stops |
/// | write a checkpoint | at each roll; when space is short | the reserve's space is given up |
/// | clean | after each checkpoint, each minute, each second when space is short | likewise |
/// | write the reserve again | each second until it is whole | publishing goes on after it |
///
/// > Runs on: `turn` on one thread, `keeper`; the rest on any.
public final class SegmentKeeper: Sendable {
  /// Bytes of all segment files of the log, the prepared one included.
  public let bytes = Counter()
  /// Bytes of all spool ranges, and of their payload before packing.
  public let spoolBytes = Counter()
  public let spoolPlainBytes = Counter()
  /// Checkpoints made durable since start.
  public let checkpoints = Counter()
  /// Checkpoints, segments and spool ranges that could not be written since start.
  public let failures = Counter()
  /// What could not be written, removed or synced: for the log.
  public let trouble = TroubleList()
  /// Segments freed since start.
  public let segmentsFreed = Counter()
  /// What of the history went since start, because it was old enough or for want of space.
  public let expiredByAge = JournalExpiry()
  public let expiredBySpace = JournalExpiry()
  /// Events copied to the spool since start, and releases that were recorded.
  public let eventsSpooled = Counter()
  public let releases = Counter()

  let notices: Mailbox<KeeperNotice>
  private let commands: Mailbox<KeeperCommand>
  let layout: DirectoryLayout
  let disk: any Disk
  let configuration: JournalConfiguration
  let index: SegmentIndex
  let kept: (any KeptEvents)?
  private let audiences: AudienceTable
  let respooler: Respooler
  let reserve: Reserve
  private let full = Atomic<Bool>(false)
  private let state: Mutex<State>

  struct State {
    /// The newest two durable checkpoints, oldest first.
    var durable: [DurableCheckpoint]
    var ordinal: UInt64
    var releaseOrdinal: UInt64
    var wanted: UInt64?
    var retryAt = Instant(nanoseconds: 0)
    var cleanAt = Instant(nanoseconds: 0)
    var preparedBytes: UInt64 = 0
    /// The disk took no more; until the reserve is whole again nothing is accepted.
    var isShort = false
    /// Looked up at each refill, so that it need not be at each turn.
    var isReserveWhole = false
    /// Whether it ever was: a file system too small for it must do without.
    var hadReserve = false
    var refillAt = Instant(nanoseconds: 0)
    var wantedCheckpointAt = Instant(nanoseconds: 0)
    /// Segments and spool ranges with a block that can't be read, by their first sequence: they stay
    /// until nobody waits for them.
    var unreadable: Set<UInt64> = []
    /// Checkpoints made durable since start, after which only the newest two were left.
    var saved: UInt64 = 0
    /// Files that count no more, and how many checkpoints must be durable before they go: until
    /// then one that names them may be used, and would miss them.
    var doomed: [String: UInt64] = [:]
    var lastError: StorageError?
    var limits: JournalLimits

    /// What decides about freeing: the older one, so that it stays usable should the newer turn
    /// out damaged.
    var deciding: DurableCheckpoint? { durable.first }
  }

  /// A keeper for the recovered log.
  /// - Parameters:
  ///   - wakeup: the keeper's own thread sleeps on it.
  ///   - journalWakeup: the journal's thread sleeps on it.
  ///   - kept: events that have to stay though nobody waits for them; `nil`: there are none.
  public init(
    configuration: JournalConfiguration, recovered: RecoveredLog, disk: any Disk, wakeup: Wakeup,
    journalWakeup: Wakeup, kept: (any KeptEvents)? = nil
  ) {
    self.configuration = configuration
    self.kept = kept
    self.disk = disk
    layout = DirectoryLayout(root: configuration.directory)
    index = recovered.index
    audiences = recovered.audiences
    commands = Mailbox(owner: wakeup)
    notices = Mailbox(owner: journalWakeup)
    respooler = Respooler(
      layout: layout, disk: disk, index: recovered.index, audiences: recovered.audiences,
      fileNext: recovered.spoolFileNext, ordinal: recovered.releaseOrdinal)
    reserve = Reserve(
      layout: layout, disk: disk, segmentBytes: configuration.segmentBytes,
      workBytes: configuration.reserveBytes)
    state = Mutex(
      State(
        durable: recovered.durable, ordinal: recovered.checkpointOrdinal,
        releaseOrdinal: recovered.releaseOrdinal, limits: configuration.limits))
    bytes.set(recovered.index.byteCount)
    countSpool()
  }

  /// Whether the log is at its limit with nothing left to free, or the disk is full: the broker
  /// refuses publishes while this is so.
  /// > Runs on: any thread.
  public var isFull: Bool { full.load(ordering: .relaxed) }

  /// The last thing that went wrong, for `status`; `nil` once it went well again.
  public var lastError: StorageError? { state.withLock { $0.lastError } }

  /// Whether the hand-over of a segment to the spool has begun and is not done.
  /// > Runs on: the keeper's thread.
  package var isHandingOver: Bool { respooler.stage != .idle }

  /// Whether a command waits.
  public var hasWork: Bool { commands.hasMessages }

  func post(_ command: KeeperCommand) { commands.post(command) }

  /// Changes how much of the log is kept.
  /// > Runs on: any thread.
  public func setLimits(_ limits: JournalLimits) { post(.limit(limits)) }

  /// Works off what is asked; may take as long as writing one segment.
  /// - Returns: when to call again at the latest.
  /// > Runs on: the keeper's thread.
  public func turn(now: Now) -> Instant {
    // Only this thread uses `state` for long; others just read `lastError`.
    var local = state.withLock { $0 }
    for command in commands.drain() {
      switch command {
      case .prepare(let number): local.wanted = number
      case .checkpoint(let parts): save(parts, &local, now)
      case .released(let ordinal): released(ordinal, &local, now)
      case .limit(let limits):
        local.limits = limits
        local.cleanAt = now.instant
      }
    }
    prepare(&local, now)
    refill(&local, now)
    advanceSpool(&local, now)
    if now.instant >= local.cleanAt { clean(&local, now) }
    bytes.set(index.byteCount + local.preparedBytes)
    updateFull(local)
    if isFull { wantCheckpoint(&local, now) }
    let deadline = deadline(local, now)
    state.withLock { $0 = local }
    return deadline
  }

  private func deadline(_ local: State, _ now: Now) -> Instant {
    if respooler.stage == .copying { return now.instant }
    var result = local.cleanAt
    if local.wanted != nil { result = min(result, local.retryAt) }
    if local.isShort || !local.isReserveWhole { result = min(result, local.refillAt) }
    if isFull { result = min(result, local.wantedCheckpointAt + .seconds(1)) }
    return result
  }

  func note(_ error: StorageError, _ local: inout State) {
    local.lastError = error
    trouble.note(error)
    failures.add()
  }

  private func updateFull(_ local: State) {
    let total = index.byteCount + local.preparedBytes
    full.store(local.isShort || total > local.limits.bytesMax, ordering: .relaxed)
  }

  // MARK: Segments ahead of need

  private func prepare(_ local: inout State, _ now: Now) {
    guard let number = local.wanted, now.instant >= local.retryAt else { return }
    do throws(StorageError) {
      let file = try SegmentFile.prepare(
        number: number, bytes: configuration.segmentBytes, layout: layout, disk: disk)
      local.lastError = nil
      trouble.clear()
      prepared(file, number, &local)
    } catch {
      // Outcomes go on: into what is left of the active segment, then into the reserved one.
      note(error, &local)
      local.retryAt = now.instant + .seconds(1)
      local.cleanAt = now.instant
      if error.isOutOfSpace { becomeShort(&local, now) }
      takeReserved(number, &local)
    }
  }

  private func takeReserved(_ number: UInt64, _ local: inout State) {
    guard local.isShort else { return }
    local.isReserveWhole = false
    do throws(StorageError) {
      guard let file = try reserve.takeSegment(to: layout.segmentTemporary(number)) else { return }
      try SegmentFile.publish(file, number: number, layout: layout, disk: disk)
      prepared(file, number, &local)
    } catch { note(error, &local) }
  }

  private func prepared(_ file: FileHandle, _ number: UInt64, _ local: inout State) {
    local.wanted = nil
    local.preparedBytes = UInt64(configuration.segmentBytes)
    notices.post(.prepared(number, file))
  }

  // MARK: A full disk

  /// The disk took no more: nothing is accepted until there is room again.
  func becomeShort(_ local: inout State, _ now: Now) {
    if local.isShort { return }
    local.isShort = true
    local.refillAt = now.instant + .seconds(1)
  }

  /// Writes the reserve, at start and whenever it was used up; with it whole, and a segment ready,
  /// publishing goes on.
  private func refill(_ local: inout State, _ now: Now) {
    guard local.isShort || !local.isReserveWhole, now.instant >= local.refillAt,
      local.wanted == nil || local.isShort
    else { return }
    local.refillAt = now.instant + .seconds(1)
    do throws(StorageError) {
      local.isReserveWhole = try reserve.fill()
      local.hadReserve = local.hadReserve || local.isReserveWhole
      if local.isReserveWhole || !local.hadReserve, local.wanted == nil { local.isShort = false }
    } catch { note(error, &local) }
  }

  // MARK: Checkpoints

  private func save(_ parts: CheckpointParts, _ local: inout State, _ now: Now) {
    local.ordinal += 1
    let checkpoint = makeCheckpoint(parts, local)
    do throws(StorageError) {
      try save(checkpoint, &local, now)
      local.durable.append(DurableCheckpoint(checkpoint, audiences: audiences, savedAt: now.instant))
      if local.durable.count > 2 { local.durable.removeFirst() }
      local.cleanAt = now.instant
      checkpoints.add()
      removeOldCheckpoints(&local)
      notices.post(.checkpoint(parts.sequence, durable: true))
    } catch {
      note(error, &local)
      notices.post(.checkpoint(parts.sequence, durable: false))
    }
  }

  /// One that stays may be used, should those after it turn out damaged: then it does not count
  /// towards what is removed because no checkpoint names it. Tried again after the next one.
  private func removeOldCheckpoints(_ local: inout State) {
    do throws(StorageError) {
      try CheckpointStore(layout: layout, disk: disk).removeOld()
      local.saved += 1
    } catch { note(error, &local) }
  }

  private func save(_ checkpoint: Checkpoint, _ local: inout State, _ now: Now)
    throws(StorageError)
  {
    let store = CheckpointStore(layout: layout, disk: disk)
    do throws(StorageError) { try store.save(checkpoint) } catch {
      guard error.isOutOfSpace else { throw error }
      note(error, &local)
      becomeShort(&local, now)
      local.isReserveWhole = false
      guard try reserve.giveSpace() else { throw error }
      try store.save(checkpoint)
    }
  }

  private func makeCheckpoint(_ parts: CheckpointParts, _ local: State) -> Checkpoint {
    var sets: [(AudienceNumber, [EndpointNumber])] = []
    for number in 1..<max(parts.audienceCount, 1) {
      let audience = AudienceNumber(UInt32(number))
      let set = unsafe Array(audiences.endpoints(of: audience))
      if !set.isEmpty { sets.append((audience, set)) }
    }
    return Checkpoint(
      ordinal: local.ordinal, sequence: parts.sequence, createdAt: parts.createdAt,
      counters: parts.counters, images: parts.images, remembered: parts.remembered,
      settled: parts.settled, audiences: sets, segments: index.facts,
      endpointHighWater: parts.endpointHighWater, spool: index.ranges,
      releaseOrdinal: local.releaseOrdinal)
  }

  /// Asks for a checkpoint, at most once a second.
  func wantCheckpoint(_ local: inout State, _ now: Now) {
    guard now.instant >= local.wantedCheckpointAt + .seconds(1) else { return }
    local.wantedCheckpointAt = now.instant
    notices.post(.checkpointWanted)
  }

  func countSpool() {
    let ranges = index.ranges
    spoolBytes.set(ranges.reduce(0) { $0 + $1.length })
    spoolPlainBytes.set(ranges.reduce(0) { $0 + $1.plainBytes })
  }
}
