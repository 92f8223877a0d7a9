internal import Base
internal import Flow
internal import Platform
internal import Routing
internal import Wire

/// Everything that the ingest thread owns, in one place without classes: its methods are the stage.
///
/// The work of a turn, in order: commits are acknowledged, connections accepted, what is ready is
/// read, parsed and put into the open block, answers are sent, and the block is sealed if it is
/// time.
///
/// `@safe`: `scratch` is used only within `read`, and freed with the core.
@safe
struct IngestCore: ~Copyable {
  /// Bytes that one connection may give in one turn.
  static let readBytesPerTurn = 64 * 1024
  /// Connections accepted in one turn.
  static let acceptsPerTurn = 64

  let configuration: IngestConfiguration
  let network: Network
  let poller: Poller
  let listener: Socket
  let committed: Ring<BlockRef>
  let mailbox: Mailbox<IngestCommand>
  let counters: IngestCounters
  let hooks: IngestHooks

  var sessions: Sessions
  var writer: BlockWriter
  var remembered: RememberedIDs
  var audiences: AudienceCache
  var ids: KSUIDGenerator
  var extras = ExtrasBuilder()
  var timers: TimerWheel
  var requests = RequestQueue()
  var now = Now(instant: Instant(nanoseconds: 0), unix: UnixMilliseconds(0))

  /// Connections with something to do, and those whose next event has no room in memory.
  var runnable: [SlotID] = []
  private var running: [SlotID] = []
  var stalled: [SlotID] = []
  /// Connections that tail.
  var tails: [SlotID] = []

  /// Bytes of all connections' buffers.
  var bufferBytes = 0

  var isListenerReadable = true
  var isDraining = false
  var isSpoolFull = false
  /// Whether a snapshot has come: before it, nobody knows who subscribed, so publishes wait.
  var isRouted = false
  private var isSealScheduled = false
  let scratch: UnsafeMutableRawBufferPointer

  init(
    configuration: IngestConfiguration, window: LogWindow, network: Network, poller: Poller,
    listener: Socket, sealed: Ring<BlockRef>, committed: Ring<BlockRef>,
    mailbox: Mailbox<IngestCommand>, remembered: [RememberedID], random: SeededRandom,
    counters: IngestCounters, hooks: IngestHooks
  ) {
    var random = random
    self.configuration = configuration
    self.network = network
    self.poller = poller
    self.listener = listener
    self.committed = committed
    self.mailbox = mailbox
    self.counters = counters
    self.hooks = hooks
    sessions = Sessions(capacity: configuration.connectionsMax)
    writer = BlockWriter(window: window, sealed: sealed)
    self.remembered = RememberedIDs(
      capacity: configuration.rememberedMax,
      lifetimeMilliseconds: configuration.rememberedMilliseconds, recovered: remembered)
    audiences = AudienceCache(table: window.audiences, random: &random)
    ids = KSUIDGenerator(random: random)
    timers = TimerWheel(now: Instant(nanoseconds: 0))
    unsafe scratch = .allocate(byteCount: Self.readBytesPerTurn, alignment: 64)
    if listener != .none { poller.add(listener, tag: SlotID.none.packed) }
  }

  deinit { unsafe scratch.deallocate() }

  // MARK: A turn

  mutating func turn(_ now: Now, _ ready: [Readiness]) -> Instant {
    self.now = now
    // An empty wheel jumps to the present; one that was set before its first look would walk there.
    if timers.count == 0 { _ = timers.popDue(now: now.instant) }
    if mailbox.hasMessages { takeMessages() }
    acknowledge()
    mark(ready)
    if isListenerReadable { acceptConnections() }
    if !stalled.isEmpty { wakeStalled() }
    runSessions()
    if !requests.waiting.isEmpty { publishRequests() }
    expireFrames()
    remembered.expire(now: now.unix, atMost: 1024)
    sealIfDue()
    return nextDeadline
  }

  /// Whether a turn now would do something that no readiness announces.
  var hasWork: Bool {
    if !runnable.isEmpty || mailbox.hasMessages || committed.count > 0 { return true }
    if isListenerReadable { return true }
    // The journal may have become free after this turn looked; then nobody waits for the seal.
    return writer.hasEvents && !isSealScheduled && writer.journalIsFree
  }

  private mutating func mark(_ ready: [Readiness]) {
    for readiness in ready {
      if readiness.tag == SlotID.none.packed {
        isListenerReadable = true
        continue
      }
      guard let session = sessions[SlotID(packed: readiness.tag)] else { continue }
      if readiness.readable { session.connection.isReadable = true }
      if readiness.hangup { session.connection.isHungUp = true }
      queue(session)
    }
  }

  /// Has a connection looked at in this turn or the next.
  mutating func queue(_ session: Session) {
    if session.connection.isQueued { return }
    session.connection.isQueued = true
    runnable.append(session.id)
  }

  private mutating func runSessions() {
    swap(&runnable, &running)
    for index in running.indices {
      if let session = sessions[running[index]] { run(session) }
    }
    running.removeAll(keepingCapacity: true)
  }

  private mutating func wakeStalled() {
    // One event's room is enough to let them try again, in the order in which they stalled.
    guard isDraining || isSpoolFull || canStore else {
      counters.stalls.add()
      return
    }
    for index in stalled.indices {
      guard let session = sessions[stalled[index]] else { continue }
      session.connection.blockage.remove(.room)
      queue(session)
    }
    stalled.removeAll(keepingCapacity: true)
  }

  private var canStore: Bool {
    mutating get {
      isRouted
        && writer.makeRoom(events: 1, payload: 1, now: now.instant, remembered: remembered.end)
    }
  }

  private mutating func sealIfDue() {
    isSealScheduled = false
    guard writer.hasEvents else { return }
    let isDue = now.instant.since(writer.lastSeal) >= configuration.sealInterval
    if writer.isFull || isDraining || (isDue && writer.journalIsFree) {
      if writer.seal(now: now.instant, remembered: remembered.end) { counters.blocks.add() }
      return
    }
    isSealScheduled = writer.journalIsFree
  }

  private var nextDeadline: Instant {
    if !runnable.isEmpty || isListenerReadable { return now.instant }
    var deadline = timers.nextDeadline
    if isSealScheduled { deadline = min(deadline, writer.lastSeal + configuration.sealInterval) }
    let isWaiting = !stalled.isEmpty || !requests.waiting.isEmpty
      || (writer.hasEvents && writer.isFull)
    if isWaiting { deadline = min(deadline, now.instant + .milliseconds(1)) }
    return deadline
  }

  // MARK: Messages

  private mutating func takeMessages() {
    for message in mailbox.drain() {
      switch message {
      case .route(let snapshot, let done):
        audiences.install(snapshot)
        isRouted = true
        done()
      case .publish(let request, let reply): enqueue(request, reply)
      case .spoolFull(let isFull): isSpoolFull = isFull
      case .answer(let id, let value): answerParked(SlotID(packed: id), value)
      case .quit: isDraining = true
      }
    }
  }

  /// Every publish is durable and answered, and what the peers would take is sent.
  var isDrained: Bool {
    isDraining && writer.isIdle && runnable.isEmpty && stalled.isEmpty && requests.isEmpty
  }
}
