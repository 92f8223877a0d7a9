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
}

/// Does what may take long beside the log: prepares segments, writes checkpoints, frees segments.
///
/// > Runs on: `turn` on one thread, `keeper`; the rest on any.
public final class SegmentKeeper: Sendable {
  /// Bytes of all segment files, the prepared one included.
  public let bytes = Counter()
  /// Checkpoints made durable since start.
  public let checkpoints = Counter()
  /// Checkpoints and segments that could not be written since start.
  public let failures = Counter()
  /// Segments freed since start.
  public let segmentsFreed = Counter()

  let notices: Mailbox<KeeperNotice>
  private let commands: Mailbox<KeeperCommand>
  private let layout: DirectoryLayout
  private let disk: any Disk
  private let configuration: JournalConfiguration
  private let index: SegmentIndex
  private let audiences: AudienceTable
  private let full = Atomic<Bool>(false)
  private let state: Mutex<State>

  private struct State {
    /// The newest two durable checkpoints' covers, oldest first.
    var covers: [CheckpointCover]
    var ordinal: UInt64
    var wanted: UInt64?
    var retryAt = Instant(nanoseconds: 0)
    var cleanAt = Instant(nanoseconds: 0)
    var preparedBytes: UInt64 = 0
    var lastError: StorageError?
  }

  /// A keeper for the recovered log.
  /// - Parameters:
  ///   - wakeup: the keeper's own thread sleeps on it.
  ///   - journalWakeup: the journal's thread sleeps on it.
  public init(
    configuration: JournalConfiguration, recovered: RecoveredLog, disk: any Disk, wakeup: Wakeup,
    journalWakeup: Wakeup
  ) {
    self.configuration = configuration
    self.disk = disk
    layout = DirectoryLayout(root: configuration.directory)
    index = recovered.index
    audiences = recovered.audiences
    commands = Mailbox(owner: wakeup)
    notices = Mailbox(owner: journalWakeup)
    state = Mutex(State(covers: recovered.covers, ordinal: recovered.checkpointOrdinal))
    bytes.set(recovered.index.byteCount)
  }

  /// Whether the log is at its limit with nothing left to free, or the disk is full: the broker
  /// refuses publishes while this is so.
  /// > Runs on: any thread.
  public var isFull: Bool { full.load(ordering: .relaxed) }

  /// The last thing that went wrong, for `status`; `nil` once it went well again.
  public var lastError: StorageError? { state.withLock { $0.lastError } }

  /// Whether a command waits.
  public var hasWork: Bool { commands.hasMessages }

  func post(_ command: KeeperCommand) { commands.post(command) }

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
      }
    }
    prepare(&local, now)
    if now.instant >= local.cleanAt { clean(&local, now) }
    bytes.set(index.byteCount + local.preparedBytes)
    let deadline = local.wanted == nil ? local.cleanAt : min(local.cleanAt, local.retryAt)
    state.withLock { $0 = local }
    return deadline
  }

  private func prepare(_ local: inout State, _ now: Now) {
    guard let number = local.wanted, now.instant >= local.retryAt else { return }
    do throws(StorageError) {
      let file = try SegmentFile.prepare(
        number: number, bytes: configuration.segmentBytes, layout: layout, disk: disk)
      local.wanted = nil
      local.preparedBytes = UInt64(configuration.segmentBytes)
      local.lastError = nil
      notices.post(.prepared(number, file))
      updateFull(&local, outOfSpace: false)
    } catch {
      // A full disk: the active segment still has room, for outcomes; try again when space may be.
      note(error, &local)
      local.retryAt = now.instant + .seconds(1)
      local.cleanAt = now.instant
      updateFull(&local, outOfSpace: true)
    }
  }

  private func note(_ error: StorageError, _ local: inout State) {
    local.lastError = error
    failures.add()
  }

  private func save(_ parts: CheckpointParts, _ local: inout State, _ now: Now) {
    local.ordinal += 1
    let checkpoint = makeCheckpoint(parts, ordinal: local.ordinal)
    do throws(StorageError) {
      try CheckpointStore(layout: layout, disk: disk).save(checkpoint)
      local.covers.append(CheckpointCover(checkpoint))
      if local.covers.count > 2 { local.covers.removeFirst() }
      local.cleanAt = now.instant
      checkpoints.add()
      notices.post(.checkpoint(parts.sequence, durable: true))
    } catch {
      note(error, &local)
      notices.post(.checkpoint(parts.sequence, durable: false))
    }
  }

  private func makeCheckpoint(_ parts: CheckpointParts, ordinal: UInt64) -> Checkpoint {
    var sets: [(AudienceNumber, [EndpointNumber])] = []
    for number in 1..<max(parts.audienceCount, 1) {
      let audience = AudienceNumber(UInt32(number))
      let set = unsafe Array(audiences.endpoints(of: audience))
      if !set.isEmpty { sets.append((audience, set)) }
    }
    return Checkpoint(
      ordinal: ordinal, sequence: parts.sequence, createdAt: parts.createdAt,
      counters: parts.counters, images: parts.images, remembered: parts.remembered,
      settled: parts.settled, audiences: sets, segments: index.facts,
      endpointHighWater: parts.endpointHighWater)
  }

  private func clean(_ local: inout State, _ now: Now) {
    local.cleanAt = now.instant + .seconds(60)
    guard let newest = local.covers.last else { return }
    var cover = newest
    // The older checkpoint must stay usable, should the newer one turn out damaged.
    for older in local.covers { cover.replayAfter = min(cover.replayAfter, older.replayAfter) }
    let numbers = Cleaner.freeable(
      index.facts, cover: cover, now: now.unix.value,
      retentionMilliseconds: configuration.retentionSeconds * 1000,
      bytesMax: configuration.bytesMax, extraBytes: local.preparedBytes)
    for number in numbers { free(number, &local) }
    if !numbers.isEmpty { syncFreed(&local) }
    updateFull(&local, outOfSpace: local.wanted != nil && full.load(ordering: .relaxed))
  }

  /// A name that comes back after a power cut is freed once more: no harm, but worth a word.
  private func syncFreed(_ local: inout State) {
    do throws(StorageError) {
      try onPath(layout.journal) { () throws(SystemError) in
        try disk.syncDirectory(layout.journal)
      }
    } catch { note(error, &local) }
  }

  private func free(_ number: UInt64, _ local: inout State) {
    // First out of the index: a reader that was about to read it looks again and finds it gone.
    index.remove(segment: number)
    do throws(StorageError) {
      try onPath(layout.segment(number)) { () throws(SystemError) in
        try disk.remove(layout.segment(number))
      }
      segmentsFreed.add()
    } catch { note(error, &local) }
  }

  private func updateFull(_ local: inout State, outOfSpace: Bool) {
    let total = index.byteCount + local.preparedBytes
    full.store(outOfSpace || total > configuration.bytesMax, ordering: .relaxed)
  }
}
