internal import Base
internal import Delivery
internal import Flow
internal import Glibc
internal import Ingest
internal import Platform
internal import Routing
internal import Simulation
internal import Storage

/// One life of the data plane in a simulated world, wired as Broker wires the real one: from
/// recovery to the moment the process is killed.
final class SimulatedBroker {
  /// What every life has in common.
  struct Configuration {
    var reactorCount = 2
    var blocks = 12
    var segmentBytes = 2 << 20
    var durability = Durability.fsync
    var bytesMax: UInt64 = 1 << 36
    var retentionSeconds: UInt64 = 0
    static let directory = "/data"
    static let socketPath = "/data/fanfare.sock"
  }

  /// A thread: asleep until its deadline, a readiness, or its wakeup.
  struct ThreadState {
    let wakeup: Wakeup
    let poller: Poller?
    var wakesAt: Instant
    var isAsleep = false
  }

  let world: World
  let recovered: RecoveredLog
  let ingest: Ingest
  let journal: Journal
  let keeper: SegmentKeeper
  let reader: Reader
  let reactors: [Reactor]
  let sync: SimulatedSyncQueue
  let resolvers: [SimulatedResolver]
  let ingestMailbox: Mailbox<IngestCommand>
  let reactorMailboxes: [Mailbox<ReactorCommand>]
  let notices: Mailbox<ReactorNotice>
  let settled: Mailbox<Outcome>
  let images: Mailbox<ReactorImage>
  let window: LogWindow
  let ingestCounters = IngestCounters()
  let reactorCounters: [ReactorCounters]
  private let control = Wakeup()
  private let ingestPoller: Poller
  private let reactorPollers: [Poller]
  private let readerWakeup = Wakeup()
  private let keeperWakeup = Wakeup()
  private var random: SeededRandom
  private var threads: [ThreadState] = []
  private var askedForImages = false
  private var isSpoolFull = false
  private var committedThrough: UInt64
  private(set) var turns = 0
  private(set) var isFinishing = false
  private let reactorsDrained = Counter()

  /// The journal failed: the process would exit 70 now.
  var hasFailed: Bool { journal.failure != nil }

  /// Recovers what the disk has and builds the stages over it.
  init(world: World, _ configuration: Configuration, log: (String) -> Void) throws(StorageError) {
    let count = configuration.reactorCount
    let directory = Configuration.directory
    recovered = try Recovery.open(
      directory: directory, disk: world.disk, now: world.now,
      segmentBytes: configuration.segmentBytes, log: log)
    self.world = world
    random = world.fork()
    let network = Network(simulation: world.network)
    let pollers = (0..<count).map { _ in Poller(simulation: world.network) }
    ingestPoller = Poller(simulation: world.network)
    reactorPollers = pollers
    window = LogWindow(
      arena: BlockArena(ordinary: configuration.blocks, large: 2), audiences: recovered.audiences,
      reactorCount: count, through: recovered.nextSequence - 1)
    committedThrough = recovered.nextSequence - 1
    let sealed = Ring<BlockRef>(capacity: 64)
    let committed = Ring<BlockRef>(capacity: 64)
    let outcomes = pollers.map { _ in Ring<Outcome>(capacity: 256) }
    let requests = pollers.map { _ in Ring<LoadRequest>(capacity: 64) }
    let replies = pollers.map { _ in Ring<LoadReply>(capacity: 64) }
    let returns = pollers.map { _ in Ring<LoadReply>(capacity: 64) }
    notices = Mailbox(owner: control)
    settled = Mailbox(owner: control)
    images = Mailbox(owner: ingestPoller.wakeup)
    ingestMailbox = Mailbox(owner: ingestPoller.wakeup)
    reactorMailboxes = pollers.map { Mailbox(owner: $0.wakeup) }
    let journalConfiguration = JournalConfiguration(
      directory: directory, durability: configuration.durability,
      segmentBytes: configuration.segmentBytes, retentionSeconds: configuration.retentionSeconds,
      bytesMax: configuration.bytesMax)
    keeper = SegmentKeeper(
      configuration: journalConfiguration, recovered: recovered, disk: world.disk,
      wakeup: keeperWakeup, journalWakeup: ingestPoller.wakeup)
    sync = SimulatedSyncQueue(world: world, submitter: ingestPoller.wakeup)
    journal = Journal(
      configuration: journalConfiguration, recovered: recovered, disk: world.disk, sync: sync,
      keeper: keeper, window: window, sealed: sealed, committed: committed, outcomes: outcomes,
      settledSink: settled, counters: JournalCounters(recovered.counters))
    let listener: Socket
    do throws(SystemError) {
      listener = try network.listen(path: Configuration.socketPath)
    } catch {
      throw .system(path: Configuration.socketPath, error)
    }
    var ingestConfiguration = IngestConfiguration()
    // The tables are made anew in each life: small ones take less time.
    ingestConfiguration.rememberedMax = 20_000
    ingestConfiguration.connectionsMax = 64
    ingest = Ingest(
      configuration: ingestConfiguration, window: window, network: network,
      poller: ingestPoller, listener: listener, sealed: sealed, committed: committed,
      mailbox: ingestMailbox, remembered: recovered.remembered, random: world.fork(),
      counters: ingestCounters, hooks: IngestHooks())
    reader = Reader(
      index: recovered.index, directory: directory, disk: world.disk, requests: requests,
      replies: replies, returns: returns, reactorWakeups: pollers.map(\.wakeup), blocks: 3)
    let resolvers = pollers.map { SimulatedResolver(world: world, wakeup: $0.wakeup) }
    self.resolvers = resolvers
    var reactorConfiguration = ReactorConfiguration(
      reactorCount: count, connectionsMax: 40, perHostMax: 8,
      addressGuard: AddressGuard(devMode: true))
    reactorConfiguration.retriesMax = 600
    let window = window
    let mailboxes = reactorMailboxes
    let notices = notices
    let ingestWakeup = ingestPoller.wakeup
    let readerWakeup = readerWakeup
    let counters = pollers.map { _ in ReactorCounters() }
    reactorCounters = counters
    reactors = (0..<count).map { index in
      Reactor(
        index: index, configuration: reactorConfiguration, window: window, network: network,
        poller: pollers[index], resolver: resolvers[index], outcomes: outcomes[index],
        loadRequests: requests[index], loadReplies: replies[index], loadReturns: returns[index],
        journalWakeup: ingestWakeup, readerWakeup: readerWakeup, mailbox: mailboxes[index],
        notices: notices, random: world.fork(), counters: counters[index])
    }
    for (index, reactor) in reactors.enumerated() {
      reactor.restore(
        lanes: recovered.lanes.filter { Int($0.endpoint.value) % count == index },
        walkedThrough: recovered.walkedThrough, now: world.now)
    }
    let start = world.now.instant
    threads = [ThreadState(wakeup: ingestPoller.wakeup, poller: ingestPoller, wakesAt: start)]
    threads += pollers.map { ThreadState(wakeup: $0.wakeup, poller: $0, wakesAt: start) }
    threads.append(ThreadState(wakeup: readerWakeup, poller: nil, wakesAt: start))
    threads.append(ThreadState(wakeup: keeperWakeup, poller: nil, wakesAt: start))
  }

  /// Tells every stage who subscribed and how endpoints are reached.
  func configure(_ configs: [EndpointConfig], _ snapshot: RoutingSnapshot) {
    let count = reactors.count
    for (index, mailbox) in reactorMailboxes.enumerated() {
      let mine = configs.filter { Int($0.number.value) % count == index }
      if !mine.isEmpty { mailbox.post(.configure(mine, done: {})) }
    }
    ingestMailbox.post(.route(snapshot, done: {}))
  }

  /// The process is gone: sockets close, syncs never end, timers mean nothing.
  func kill() {
    sync.processDied()
    for resolver in resolvers { resolver.processDied() }
    world.network.processDied()
  }

  /// Begins a clean stop.
  func stop() {
    isFinishing = true
    ingestMailbox.post(.quit)
    for mailbox in reactorMailboxes {
      mailbox.post(.drain(done: { [reactorsDrained] in reactorsDrained.add() }))
    }
  }

  var isFinished: Bool { journal.isFinished }

  /// Where things stand, for whoever looks into a failing seed.
  var summary: String {
    var text = "turns \(turns), committed \(window.committedThrough), "
    text += "walked \(window.walkedThrough), accepted \(ingestCounters.accepted.value), "
    text += "stalls \(ingestCounters.stalls.value)"
    for counters in reactorCounters {
      text += "; lanes \(counters.lanes.value) depth \(counters.depth.value) "
      text += "in flight \(counters.inFlight.value) connects \(counters.connects.value) "
      text += "delivered \(counters.delivered.value) retried \(counters.retried.value) "
      text += "dead \(counters.dead.value) loads \(counters.loads.value) "
      text += "parked \(counters.parked.value)"
    }
    for notice in notices.drain() {
      if case .failed(let record) = notice { text += "\n  \(record)" }
    }
    return text
  }

  /// What it says of the disk since the last call: what would be in its log.
  func takeTroubles() -> [String] {
    [keeper.trouble, reader.refusals, reader.damage].flatMap { $0.drain() }.map { "\($0)" }
  }

  // MARK: Time

  /// When the next thread wants to run, or the world does something.
  func nextTime() -> Instant {
    for index in threads.indices where threads[index].isAsleep { wakeIfCalled(index) }
    var time = world.nextTime
    for thread in threads { time = min(time, thread.wakesAt) }
    return time
  }

  /// Looks whether something ends a thread's sleep, as epoll would. A stage that forgot to wake
  /// another is not helped.
  private func wakeIfCalled(_ index: Int) {
    var count: UInt64 = 0
    let isCalled = unsafe Glibc.read(threads[index].wakeup.descriptor, &count, 8) == 8
    let isReady = threads[index].poller.map { world.network.hasReadiness($0) } ?? false
    if isCalled || isReady {
      threads[index].isAsleep = false
      threads[index].wakesAt = min(threads[index].wakesAt, world.now.instant + scheduling())
    }
  }

  /// What the kernel takes to run a thread; now and then it has better things to do.
  private func scheduling() -> Nanoseconds {
    if random.oneIn(500) { return .microseconds(random.below(2_000)) }
    return .microseconds(2 + random.below(40))
  }

  /// Runs the world and every thread up to the next moment at which something happens.
  func step() {
    let time = nextTime()
    world.advance(to: time)
    for index in threads.indices where threads[index].wakesAt <= time { run(index) }
  }

  private func run(_ index: Int) {
    turns += 1
    threads[index].wakeup.awake()
    threads[index].isAsleep = false
    let now = world.now
    let deadline: Instant
    switch index {
    case 0: deadline = runIngest(now)
    case threads.count - 2: deadline = reader.turn(now: now)
    case threads.count - 1: deadline = keeper.turn(now: now)
    default:
      deadline = reactors[index - 1].turn(
        now: now, ready: reactorPollers[index - 1].wait(now: now.instant, until: now.instant))
    }
    world.trace.note("turn", UInt64(index), now.instant.nanoseconds)
    if deadline <= now.instant {
      threads[index].wakesAt = now.instant + scheduling()
      return
    }
    threads[index].wakeup.prepareToSleep(isDozing: index == 0 && journal.hasNoticedOutcomes)
    if hasWork(index) {
      threads[index].wakeup.awake()
      threads[index].wakesAt = now.instant + scheduling()
    } else {
      threads[index].isAsleep = true
      threads[index].wakesAt = deadline == .distantFuture ? deadline : deadline + scheduling()
    }
  }

  private func hasWork(_ index: Int) -> Bool {
    switch index {
    case 0: ingest.hasWork || journal.hasWork || images.hasMessages
    case threads.count - 2: reader.hasWork
    case threads.count - 1: keeper.hasWork
    default: reactors[index - 1].hasWork
    }
  }

  private func runIngest(_ now: Now) -> Instant {
    let ready = ingestPoller.wait(now: now.instant, until: now.instant)
    var deadline = ingest.turn(now: now, ready: ready)
    deadline = min(deadline, journal.turn(now: now))
    if window.committedThrough > committedThrough {
      committedThrough = window.committedThrough
      for poller in reactorPollers { poller.wakeup.wake() }
    }
    if journal.wantsImages, !askedForImages {
      askedForImages = true
      for mailbox in reactorMailboxes {
        mailbox.post(.image(reply: { [images] in images.post($0) }))
      }
    }
    if journal.wantsRemembered { journal.supply(remembered: ingest.remembered()) }
    for image in images.drain() { journal.supply(image) }
    if !journal.wantsImages { askedForImages = false }
    if keeper.isFull != isSpoolFull {
      isSpoolFull.toggle()
      ingestMailbox.post(.spoolFull(isSpoolFull))
    }
    if isFinishing {
      if ingest.isDrained, Int(reactorsDrained.value) == reactors.count { journal.finish() }
      deadline = min(deadline, now.instant + .milliseconds(1))
    }
    return deadline
  }
}
