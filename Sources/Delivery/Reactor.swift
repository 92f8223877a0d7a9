public import Base
public import Flow
public import Platform

/// Delivers: walks the committed log, sends each event to each of its endpoints of this shard, and
/// records what came of it.
///
/// Endpoint `n` belongs for good to reactor `n % reactorCount`: its lane, timers and connections are
/// touched by one thread, without locks. One class; lanes, connections and attempts are structs in
/// slabs. The extensions are the phases of a turn.
///
/// Takes committed blocks from ``LogWindow`` and old ones from the Reader · gives ``Outcome``.
///
/// > Runs on: one thread; `@unchecked Sendable` because it is made on another and handed over.
public final class Reactor: @unchecked Sendable {
  let index: Int
  let configuration: ReactorConfiguration
  /// Where it may connect to now, and how often.
  var limits: ReactorLimits
  let window: LogWindow
  let network: Network
  let poller: Poller
  let resolver: any NameResolver
  let outcomes: Ring<Outcome>
  let loadRequests: Ring<LoadRequest>
  let loadReplies: Ring<LoadReply>
  let loadReturns: Ring<LoadReply>
  let journalWakeup: Wakeup
  let readerWakeup: Wakeup
  let mailbox: Mailbox<ReactorCommand>
  let notices: Mailbox<ReactorNotice>
  let counters: ReactorCounters
  /// What failing endpoints answered, for whoever keeps it.
  public let answers: AnswerTap
  var random: SeededRandom

  // MARK: State

  var now = Now(instant: Instant(nanoseconds: 0), unix: UnixMilliseconds(0))
  var hasStarted = false
  var lanes = Slab<Lane>(capacity: Int(UInt32.max - 1))
  /// Lanes by endpoint number; looked up when audiences are learnt and by commands, never iterated.
  var laneIDs: [UInt32: SlotID] = [:]
  /// Numbers of removed endpoints, which old audiences may still name.
  var removedNumbers: Set<UInt32> = []
  /// Events whose content was deleted; looked up only.
  var expunged: Set<UInt64> = []
  var lists = LiveLists()
  var pool: ConnectionPool
  var wheel = TimerWheel(now: Instant(nanoseconds: 0))
  var writer: RequestWriter
  var loads: LoadQueue
  /// The last block whose events were handed out.
  var walked: UInt64

  // Lanes that may be able to go on.
  var readyFirst = noSlot
  var readyLast = noSlot
  /// What the first of them lacks is nothing of its own: connections, outcome slots, memory.
  var isStalled = false

  // What an attempt needs beside a connection.
  var outcomeRoom = 0
  var outcomesReserved = 0
  var outcomesPushed = false
  var readerIsToWake = false
  var bufferedBytes = 0
  var inFlight = 0
  var depth: UInt64 = 0
  /// Failed deliveries that wait, over all lanes.
  var retriesHeld = 0

  /// Lanes that are over their quota, and when to look for more.
  var quotaWatch = QuotaWatch()

  // Bounds on one turn, so that answers are read while a backlog is sent.
  var startsLeft = 0
  var connectsLeft = 0
  var scansLeft = 0

  // The block that a lane behind looks at.
  var pinned: BlockRef?
  var pinnedSequence: UInt64 = 0
  var memo = AudienceMemo()
  /// Of the block that seekers are called for.
  var audiencesSeen: Set<AudienceNumber> = []

  var scratch = ByteBuffer(capacity: 4096)
  var readBuffer = ByteBuffer(capacity: Reactor.readBytesMax)

  var pendingRemovals: [(EndpointNumber, @Sendable (UInt64, UInt64) -> Void)] = []
  var drainWaiters: [@Sendable () -> Void] = []
  var isDraining = false
  var noticesLeft = 0
  var noticesSince = Instant(nanoseconds: 0)

  static let readBytesMax = 64 * 1024
  static let startsPerTurn = 1024
  /// Of those, what lanes behind leave to live ones.
  static let startsKeptForLive = 256
  static let connectsPerTurn = 64
  static let servesPerTurn = 512
  static let scansPerServe = 8192

  /// Wires a reactor; `restore` may follow, then `turn` for ever.
  ///
  /// - Parameters:
  ///   - index: which reactor, from 0.
  ///   - window: where committed blocks are found; its watermark is where walking begins.
  ///   - resolver: this reactor's own, on `poller`.
  ///   - outcomes: to the journal; this reactor is the producer.
  ///   - loadRequests: to the Reader; `loadReplies` come back, and `loadReturns` give blocks back.
  ///   - notices: to the control plane.
  public init(
    index: Int, configuration: ReactorConfiguration, window: LogWindow, network: Network,
    poller: Poller, resolver: any NameResolver, outcomes: Ring<Outcome>,
    loadRequests: Ring<LoadRequest>, loadReplies: Ring<LoadReply>, loadReturns: Ring<LoadReply>,
    journalWakeup: Wakeup, readerWakeup: Wakeup, mailbox: Mailbox<ReactorCommand>,
    notices: Mailbox<ReactorNotice>, random: SeededRandom, counters: ReactorCounters
  ) {
    require(index < max(1, configuration.reactorCount), "a reactor's index is beyond their number")
    self.index = index
    self.configuration = configuration
    limits = configuration.limits
    self.window = window
    self.network = network
    self.poller = poller
    self.resolver = resolver
    self.outcomes = outcomes
    self.loadRequests = loadRequests
    self.loadReplies = loadReplies
    self.loadReturns = loadReturns
    self.journalWakeup = journalWakeup
    self.readerWakeup = readerWakeup
    self.mailbox = mailbox
    self.notices = notices
    self.random = random
    self.counters = counters
    answers = AnswerTap(capacity: configuration.answerBytes)
    pool = ConnectionPool(connectionsMax: configuration.limits.connectionsMax)
    writer = RequestWriter(signersMax: configuration.signersMax)
    loads = LoadQueue(loadsMax: configuration.loadsMax)
    walked = window.committedThrough
  }

  /// Whether something came that a turn would deal with: look before sleeping.
  public var hasWork: Bool {
    mailbox.hasMessages || hasNews || loadReplies.count > 0
  }

  /// Does all that can be done now without waiting.
  ///
  /// - Parameter ready: what the poller reported.
  /// - Returns: when to be called again at the latest; `.distantFuture` for never.
  /// - Complexity: bounded: some thousand events walked, at most 1024 attempts started.
  public func turn(now: Now, ready: [Readiness]) -> Instant {
    begin(now)
    takeCommands()
    fireTimers()
    for readiness in ready {
      take(readiness)
      walk()
    }
    takeResolutions()
    takeLoads()
    walk()
    serveReady()
    let quota = enforceQuota()
    requestLoads()
    takeResolutions()
    let housekeeping = min(closeIdle(), expireLoads())
    finishTurn()
    return nextDeadline(min(housekeeping, quota))
  }

  private func begin(_ now: Now) {
    self.now = now
    if !hasStarted {
      hasStarted = true
      wheel = TimerWheel(now: now.instant)
    }
    startsLeft = Self.startsPerTurn
    connectsLeft = Self.connectsPerTurn
  }

  private func finishTurn() {
    unpin()
    writer.shrink()
    retryRemovals()
    finishDrain()
    if outcomesPushed { tellJournal() }
    if readerIsToWake { readerWakeup.wake() }
    outcomesPushed = false
    readerIsToWake = false
    counters.connectionsOpen.set(UInt64(pool.connections.count))
    counters.inFlight.set(UInt64(inFlight))
    counters.depth.set(depth)
    counters.lanes.set(UInt64(lanes.count))
  }

  private func nextDeadline(_ housekeeping: Instant) -> Instant {
    if readyFirst != noSlot, !isStalled { return now.instant }
    var deadline = min(wheel.nextDeadline, housekeeping)
    deadline = min(deadline, resolver.turn(now: now.instant))
    // Room comes from other threads, which do not say so.
    if readyFirst != noSlot || !pendingRemovals.isEmpty {
      deadline = min(deadline, now.instant + .milliseconds(1))
    }
    if loads.hasWaits { deadline = min(deadline, loads.roomAt, now.instant + .milliseconds(5)) }
    return deadline
  }

  // MARK: Small things that all phases use

  /// Monotonic milliseconds, as the retry calendars count.
  var nowMilliseconds: UInt64 { now.instant.nanoseconds / 1_000_000 }

  /// Whether an outcome slot can be had; looks at the ring only when the known room is used up.
  func hasOutcomeRoom() -> Bool {
    if outcomeRoom > 0 { return true }
    outcomeRoom = outcomes.capacity - outcomes.count - outcomesReserved
    return outcomeRoom > 0
  }

  /// Hands an outcome over, into a slot that was found free or reserved.
  func push(_ outcome: Outcome) {
    require(outcomes.push(outcome), "an outcome found no slot in its ring")
    outcomesPushed = true
  }

  /// Outcomes came. The journal writes them a few milliseconds after the first, and need not hear of
  /// each turn that adds some: only of so many that the ring could fill up before.
  private func tellJournal() {
    if outcomes.count > outcomes.capacity / 4 {
      journalWakeup.wake()
    } else {
      journalWakeup.nudge()
    }
  }

  /// Deliveries are no longer pending.
  func forgetPending(_ count: UInt64) { depth -= min(depth, count) }

  /// Tells the control plane of one failure among many, at most 100 times a second.
  func tell(_ notice: ReactorNotice) {
    if now.instant.since(noticesSince).count >= 1_000_000_000 {
      noticesSince = now.instant
      noticesLeft = 100
    }
    if noticesLeft == 0 { return }
    noticesLeft -= 1
    notices.post(notice)
  }
}
