internal import Base
internal import Flow
internal import Glibc
internal import Platform
internal import Storage

extension MicroCase {
  /// Events copied into a block, the block packed, written to a real file and made known; every sync
  /// ends at once, for the disk is measured by `fanfare bench`.
  static func journalAppend() -> MicroCase {
    let log = MicroLog()
    return MicroCase(
      name: "journal", event: "an event of 512 B from block to file, \(MicroLog.perBlock) to a block",
      eventsMax: MicroLog.eventsMax, eventsPerAllocation: 2_000
    ) { events in
      for _ in 0..<(events / MicroLog.perBlock) { log.append() }
      return log.through
    }
  }
}

/// A journal on a folder of its own, which goes away with it.
private final class MicroLog {
  static let perBlock = 400
  private static let segmentBytes = 128 << 20
  /// What fits into the first segment, whatever it packs to: no segment is prepared meanwhile.
  static let eventsMax = segmentBytes / 4 * 3 / 640

  private let directory: String
  private let window: LogWindow
  private let journal: Journal
  private let sealed = Ring<BlockRef>(capacity: 64)
  private let committed = Ring<BlockRef>(capacity: 64)
  private var now = RealClock().now()

  init() {
    directory = "\(Self.temporaryFolder)/fanfare-micro-\(getpid())"
    let disk = RealDisk()
    let configuration = JournalConfiguration(
      directory: directory, segmentBytes: Self.segmentBytes, bytesMax: 1 << 40)
    do {
      try disk.makeDirectory(directory)
      let recovered = try Recovery.open(
        directory: directory, disk: disk, now: now, segmentBytes: Self.segmentBytes)
      window = LogWindow(
        arena: BlockArena(ordinary: 16, large: 2), audiences: recovered.audiences,
        reactorCount: 1, through: recovered.walkedThrough)
      let keeper = SegmentKeeper(
        configuration: configuration, recovered: recovered, disk: disk, wakeup: Wakeup(),
        journalWakeup: Wakeup())
      journal = Journal(
        configuration: configuration, recovered: recovered, disk: disk, sync: NoSync(),
        keeper: keeper, window: window, sealed: sealed, committed: committed,
        outcomes: [Ring(capacity: 64)], settledSink: Mailbox(owner: Wakeup()),
        counters: JournalCounters(recovered.counters))
    } catch {
      fatalError("fanfare-micro: \(directory): \(error)")
    }
  }

  deinit {
    let disk = RealDisk()
    for name in (try? disk.list(directory)) ?? [] { _ = unsafe unlink("\(directory)/\(name)") }
    _ = unsafe rmdir(directory)
  }

  private static var temporaryFolder: String {
    guard let path = unsafe getenv("TMPDIR") else { return "/var/tmp" }
    return unsafe String(cString: path)
  }

  var through: UInt64 { window.committedThrough }

  /// One block, from its first event until it is committed.
  func append() {
    guard let ref = window.arena.take(large: false) else {
      invariantBroken("a block was not given back")
    }
    let block = window.arena[ref]
    for ordinal in 0..<Self.perBlock { Sample.append(to: block, ordinal: ordinal) }
    require(sealed.push(ref), "the ring of sealed blocks is full")
    while committed.count == 0 {
      now.instant = now.instant + .microseconds(250)
      _ = journal.turn(now: now)
      if let failure = journal.failure { fatalError("fanfare-micro: \(failure)") }
    }
    _ = committed.pop()
    window.setWalked(reactor: 0, through: through)
    require(window.arena.evict(ref), "a committed block was held")
  }
}

/// Every sync has ended when it is asked after.
private final class NoSync: SyncQueue, @unchecked Sendable {
  private var token: UInt64?

  var hasCompletion: Bool { token != nil }

  func submit(_ file: FileHandle, token: UInt64) -> Bool {
    guard self.token == nil else { return false }
    self.token = token
    return true
  }

  func completion() -> SyncCompletion? {
    guard let done = token else { return nil }
    token = nil
    return SyncCompletion(token: done, code: 0)
  }
}
