internal import Base
internal import Delivery
internal import Flow
internal import Ingest
internal import Platform
internal import Storage
internal import Synchronization

/// The stages, the rings between them and the threads they run on: the one place where both ends of
/// a ring meet.
///
/// | Thread | Stages | Sleeps on |
/// | --- | --- | --- |
/// | `ingest` | Ingest, Journal | epoll: publishers, finished syncs, commands |
/// | `sync` | fdatasync | its eventfd |
/// | `reactor-k` | Reactor k | epoll: endpoints, commits, commands |
/// | `reader` | Reader | its eventfd |
/// | `keeper` | SegmentKeeper | its eventfd |
///
/// Ingest and Journal share a thread: together they take a sixteenth of the work at fan-out 16, and
/// an acknowledgement then needs no second wake-up. `@unchecked Sendable`: after `start`, a stage is
/// touched by its own thread only; everything else here is constant or synchronised.
final class DataPlane: @unchecked Sendable {
  let configuration: PlaneConfiguration
  /// What may change while the stages run, as it is now.
  let limits: Mutex<PlaneLimits>
  let window: LogWindow
  let counters: PlaneCounters
  let logReader: LogReader
  let notices: Mailbox<ReactorNotice>
  let settled: Mailbox<Outcome>
  /// Rung for what has no message: see `Housekeeper`.
  let bell = Bell()
  let kept: KeptDeadLetters
  let ingestMailbox: Mailbox<IngestCommand>
  let reactorMailboxes: [Mailbox<ReactorCommand>]
  /// Why events are not accepted now, by cause.
  let refusing = Mutex<[String: String]>([:])
  let keeper: SegmentKeeper
  let disk: any Disk

  let ingest: Ingest
  let journal: Journal
  let ingestPoller: Poller
  let reactors: [Reactor]
  let reactorPollers: [Poller]
  let reader: Reader
  let readerWakeup: Wakeup
  let keeperWakeup: Wakeup
  let images: Mailbox<ReactorImage>
  let pulses: Pulses
  let clock: any Clock = RealClock()
  let phase = Atomic<Phase>(.running)

  /// How far a stop has come.
  enum Phase: Int, AtomicRepresentable {
    case running, finishing, finished
  }

  /// Builds the stages over what recovery found; nothing runs yet.
  init(
    _ configuration: PlaneConfiguration, recovered: RecoveredLog, listener: Socket,
    hooks: IngestHooks, kept: KeptDeadLetters, tap: AttemptTap
  ) throws(BrokerError) {
    self.configuration = configuration
    limits = Mutex(configuration.limits)
    self.kept = kept
    let count = configuration.reactor.reactorCount
    let disk = RealDisk()
    let network = Network()
    let pollers = (0..<count).map { _ in Poller() }
    let ingestPoller = Poller()
    let readerWakeup = Wakeup()
    let keeperWakeup = Wakeup()
    let window = LogWindow(
      arena: BlockArena(ordinary: configuration.blocks, large: PlaneConfiguration.largeBlocks),
      audiences: recovered.audiences, reactorCount: count, through: recovered.nextSequence - 1)
    let counters = PlaneCounters(
      ingest: IngestCounters(), journal: JournalCounters(recovered.counters),
      reactors: pollers.map { _ in ReactorCounters() })
    let rings = Rings(reactors: count)
    var random = SeededRandom(seed: configuration.seed)

    notices = Mailbox(owner: bell.wakeup)
    settled = Mailbox(owner: bell.wakeup)
    images = Mailbox(owner: ingestPoller.wakeup)
    ingestMailbox = Mailbox(owner: ingestPoller.wakeup)
    reactorMailboxes = pollers.map { Mailbox(owner: $0.wakeup) }
    keeper = SegmentKeeper(
      configuration: configuration.journal, recovered: recovered, disk: disk,
      wakeup: keeperWakeup, journalWakeup: ingestPoller.wakeup, kept: kept)
    let sync = SyncThread(disk: disk, submitter: ingestPoller.wakeup)
    pulses = Pulses(
      ingest: Pulse(name: "ingest", wakeup: ingestPoller.wakeup), sync: sync.pulse,
      reactors: pollers.enumerated().map { Pulse(name: "reactor-\($0)", wakeup: $1.wakeup) },
      reader: Pulse(name: "reader", wakeup: readerWakeup),
      keeper: Pulse(name: "keeper", wakeup: keeperWakeup))
    journal = Journal(
      configuration: configuration.journal, recovered: recovered, disk: disk,
      sync: sync, keeper: keeper,
      window: window, sealed: rings.sealed, committed: rings.committed, outcomes: rings.outcomes,
      settledSink: settled, tap: tap, counters: counters.journal)
    ingest = Ingest(
      configuration: configuration.ingest, window: window, network: network,
      poller: ingestPoller, listener: listener, sealed: rings.sealed, committed: rings.committed,
      mailbox: ingestMailbox, remembered: recovered.remembered,
      random: SeededRandom(seed: random.next()), counters: counters.ingest, hooks: hooks)
    reader = Reader(
      index: recovered.index, directory: configuration.journal.directory, disk: disk, requests: rings.loadRequests, replies: rings.loadReplies,
      returns: rings.loadReturns, reactorWakeups: pollers.map(\.wakeup))
    logReader = LogReader(
      index: recovered.index, directory: configuration.journal.directory, disk: disk)
    var reactors: [Reactor] = []
    for index in 0..<count {
      reactors.append(
        Reactor(
          index: index, configuration: configuration.reactor, window: window, network: network,
          poller: pollers[index], resolver: try Self.resolver(pollers[index]),
          outcomes: rings.outcomes[index], loadRequests: rings.loadRequests[index],
          loadReplies: rings.loadReplies[index], loadReturns: rings.loadReturns[index],
          journalWakeup: ingestPoller.wakeup, readerWakeup: readerWakeup,
          mailbox: reactorMailboxes[index], notices: notices,
          random: SeededRandom(seed: random.next()), counters: counters.reactors[index]))
    }
    for (index, reactor) in reactors.enumerated() {
      let mine = recovered.lanes.filter { Int($0.endpoint.value) % count == index }
      reactor.restore(lanes: mine, walkedThrough: recovered.nextSequence - 1, now: RealClock().now())
    }
    self.reactors = reactors
    self.disk = disk
    self.window = window
    self.counters = counters
    self.ingestPoller = ingestPoller
    self.readerWakeup = readerWakeup
    self.keeperWakeup = keeperWakeup
    reactorPollers = pollers
  }

  private static func resolver(_ poller: Poller) throws(BrokerError) -> any NameResolver {
    do throws(SystemError) {
      return try CAresResolver(poller: poller)
    } catch {
      throw .failed("name resolver: \(error)")
    }
  }

  /// What shows that each thread goes round.
  struct Pulses: Sendable {
    let ingest: Pulse
    let sync: Pulse
    let reactors: [Pulse]
    let reader: Pulse
    let keeper: Pulse

    var all: [Pulse] { [ingest, sync] + reactors + [reader, keeper] }
  }

  /// The rings of the data plane; sizes are bounds, not tuning.
  private struct Rings {
    let sealed = Ring<BlockRef>(capacity: 1024)
    let committed = Ring<BlockRef>(capacity: 1024)
    let outcomes: [Ring<Outcome>]
    let loadRequests: [Ring<LoadRequest>]
    let loadReplies: [Ring<LoadReply>]
    let loadReturns: [Ring<LoadReply>]

    init(reactors: Int) {
      outcomes = (0..<reactors).map { _ in Ring(capacity: 1 << 16) }
      loadRequests = (0..<reactors).map { _ in Ring(capacity: 64) }
      loadReplies = (0..<reactors).map { _ in Ring(capacity: 64) }
      loadReturns = (0..<reactors).map { _ in Ring(capacity: 64) }
    }
  }
}

extension DataPlane {
  /// Why events are not accepted now; empty when they are.
  var notReadyReasons: [String] {
    refusing.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
  }

  /// What the journal holds now; the zeros ahead of need are no part of it.
  var journalUsage: LogUsage { logReader.usage }

  /// How much the pending events of one endpoint may hold.
  var quota: SpoolQuota { configuration.reactor.quota }

  /// Bounds what an endpoint's events hold plain, by how well the log packs now.
  /// > Runs on: any thread.
  func setQuota() {
    let plain = Double(limits.withLock { $0.endpointQuotaBytes }) / journalUsage.packedShare
    quota.plainBytesMax = UInt64(min(plain, 1e18))
  }

  /// Free bytes of the journal's file system; 0 when it cannot be asked.
  var freeDiskBytes: UInt64 { diskSpace?.free ?? 0 }

  /// Bytes of the journal's file system; `nil` when it cannot be asked.
  var diskSpace: (free: UInt64, total: UInt64)? {
    guard let space = try? disk.space(configuration.journal.directory) else { return nil }
    return (space.free, space.total)
  }

  /// Looks up when the oldest event of each lane was accepted, where its reactor does not know.
  func fillOldestTimes(_ lanes: inout [LaneStatus]) {
    let unknown = lanes.indices.filter { place in
      lanes[place].depth > 0 && lanes[place].oldestTime == nil && lanes[place].oldest != nil
    }
    let times = logReader.times(at: unknown.compactMap { lanes[$0].oldest })
    for (place, time) in zip(unknown, times) { lanes[place].oldestTime = time }
  }
}
