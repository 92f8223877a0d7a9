import Base
import Delivery
import Flow
import Platform
import Synchronization
import Testing
import Wire

/// A reactor with a real window, poller and network, a Reader played by the test, and a clock that
/// can be moved on.
final class World {
  struct Event {
    var type = "job.completed"
    var id: String
    var data = #"{"job":42}"#
    var audience: AudienceNumber
    var ageMilliseconds: UInt64 = 0
    var kind = PayloadKind.json
  }

  private final class Names: NameResolver {
    var addresses: [String: [SocketAddress]] = [:]
    var answers: [Resolution] = []
    func resolve(_ host: String, tag: UInt64, now: Instant) {
      let found = addresses[host] ?? []
      answers.append(
        Resolution(tag: tag, addresses: found, failure: found.isEmpty ? "no such host" : ""))
    }
    func take(_ readiness: Readiness) -> Bool { false }
    func next() -> Resolution? { answers.isEmpty ? nil : answers.removeFirst() }
    func turn(now: Instant) -> Instant { answers.isEmpty ? .distantFuture : now }
  }

  let window: LogWindow
  let reactor: Reactor
  let counters = ReactorCounters()
  let outcomeRing: Ring<Outcome>
  let notices: Mailbox<ReactorNotice>
  private(set) var outcomes: [Outcome] = []
  private(set) var seen: [ReactorNotice] = []
  /// Blocks that the Reader was asked for.
  private(set) var loads: [UInt64] = []
  private(set) var blocksLent = 0
  /// Requests that the Reader answers before it pauses.
  var readerAnswers = Int.max
  private let poller = Poller()
  private let names = Names()
  let mailbox: Mailbox<ReactorCommand>
  private let requests = Ring<LoadRequest>(capacity: 16)
  private let replies = Ring<LoadReply>(capacity: 16)
  private let returns = Ring<LoadReply>(capacity: 16)
  private var references: [UInt64: BlockRef] = [:]
  private var sequence: UInt64 = 0
  private var offset: UInt64 = 0
  private var ready: [Readiness] = []
  var drainsOutcomes = true
  /// The bounds that the reactor began with.
  let limits: ReactorLimits
  var configs: [UInt32: EndpointConfig] = [:]

  init(
    outcomeCapacity: Int = 4096, seed: UInt64 = 1,
    change: (inout ReactorConfiguration) -> Void = { _ in }
  ) {
    let arena = BlockArena(ordinary: 72, large: 2)
    window = LogWindow(arena: arena, audiences: AudienceTable(), reactorCount: 1, through: 0)
    outcomeRing = Ring(capacity: outcomeCapacity)
    mailbox = Mailbox(owner: poller.wakeup)
    notices = Mailbox(owner: Wakeup())
    var configuration = ReactorConfiguration(
      reactorCount: 1, connectionsMax: 256, addressGuard: AddressGuard(devMode: true))
    change(&configuration)
    limits = configuration.limits
    reactor = Reactor(
      index: 0, configuration: configuration, window: window, network: Network(),
      poller: poller, resolver: names, outcomes: outcomeRing, loadRequests: requests,
      loadReplies: replies, loadReturns: returns, journalWakeup: Wakeup(),
      readerWakeup: Wakeup(), mailbox: mailbox, notices: notices,
      random: SeededRandom(seed: seed), counters: counters)
  }

  // MARK: Clock

  var now: Now {
    let real = RealClock().now()
    return Now(
      instant: real.instant + .milliseconds(offset),
      unix: UnixMilliseconds(real.unix.value + offset))
  }

  /// Moves both clocks on.
  func skip(milliseconds: UInt64) { offset += milliseconds }
  func skip(seconds: UInt64) { offset += seconds * 1_000 }

  // MARK: Control plane

  func name(_ host: String, _ addresses: [SocketAddress]) { names.addresses[host] = addresses }

  func endpoint(
    _ number: UInt32, port: UInt16, host: String = "127.0.0.1", path: String = "/hook",
    format: PayloadFormat = .standard, signing: SigningScheme = .standard,
    keys: [[UInt8]] = [[1, 2, 3, 4]], delays: [UInt64] = [5_000, 300_000],
    timeout: UInt64 = 15_000, connectTimeout: UInt64 = 5_000, maxInFlight: Int = 64,
    rate: Double = 0, maxAge: UInt64 = 5 * 86_400_000, ordered: Bool = false,
    paused: Bool = false, tls: Bool = false, caPEM: String? = nil
  ) {
    let config = EndpointConfig(
      number: EndpointNumber(number), id: "ep_\(number)", name: "endpoint-\(number)",
      usesTLS: tls, host: host, port: port,
      requestPrefix: Array("POST \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\n".utf8),
      secretKeys: keys, format: format, signing: signing, retryDelaysMilliseconds: delays,
      timeout: .milliseconds(timeout), connectTimeout: .milliseconds(connectTimeout),
      maxInFlight: maxInFlight, ratePerSecond: rate, maxAgeMilliseconds: maxAge,
      ordered: ordered, caPEM: caPEM, paused: paused)
    configs[number] = config
    mailbox.post(.configure([config], done: {}))
    turn()
  }

  func post(_ command: ReactorCommand) {
    mailbox.post(command)
    turn()
  }

  func statuses() -> [LaneStatus] {
    let kept = Box<[LaneStatus]>([])
    post(.statuses { all in kept.value = all })
    return kept.value
  }

  func status(_ number: UInt32) throws -> LaneStatus {
    try #require(statuses().first { $0.endpoint.value == number })
  }

  func image() throws -> ReactorImage {
    let kept = Box<ReactorImage?>(nil)
    post(.image { image in kept.value = image })
    return try #require(kept.value)
  }

  func remove(_ number: UInt32) throws -> (pending: UInt64, index: UInt64) {
    let kept = Box<(UInt64, UInt64)?>(nil)
    post(
      .remove(EndpointNumber(number)) { pending, index in
        kept.value = (pending, index)
      })
    return try #require(kept.value)
  }

  // MARK: Log

  func audience(_ numbers: [UInt32]) -> AudienceNumber {
    window.audiences.append(numbers.map { EndpointNumber($0) }) ?? .empty
  }

  /// Commits a block; the reactor has not seen it yet.
  @discardableResult
  func publish(_ events: [Event]) -> UInt64 {
    sequence += 1
    if events.isEmpty {
      window.publish(sequence: sequence, ref: nil)
      window.commit(through: sequence)
      return sequence
    }
    let isLarge = events.reduce(0) { $0 + $1.data.utf8.count } > BlockLimits.payloadBytes / 2
    guard let ref = window.arena.take(large: isLarge) else {
      invariantBroken("the test's arena is full")
    }
    let block = window.arena[ref]
    for event in events { append(event, block) }
    block.sequence = sequence
    references[sequence] = ref
    window.publish(sequence: sequence, ref: ref)
    window.commit(through: sequence)
    return sequence
  }

  private func append(_ event: Event, _ block: Block) {
    let (type, id, data) = (Array(event.type.utf8), Array(event.id.utf8), Array(event.data.utf8))
    let payload = type + id + data
    unsafe block.nextPayload(payload.count).copyBytes(from: payload)
    block.append(
      EventHeader(
        time: UnixMilliseconds(now.unix.value - event.ageMilliseconds), idHash: 0, typeHash: 0,
        contentHash: 0, payloadOffset: 0, dataLength: UInt32(data.count), extrasLength: 0,
        audience: event.audience, application: ApplicationNumber(1),
        typeLength: UInt8(type.count), idLength: UInt8(id.count), kind: event.kind, flags: 0))
  }

  /// One event in a block of its own.
  @discardableResult
  func publish(_ id: String, to audience: AudienceNumber) -> Position {
    Position(sequence: publish([Event(id: id, audience: audience)]), index: 0)
  }

  /// Takes a block out of memory; the Reader still has it.
  func evict(_ sequence: UInt64) {
    guard let ref = references[sequence], stored[sequence] == nil else { return }
    stored[sequence] = Self.copy(window.arena[ref])
    require(window.arena.evict(ref), "a block is still pinned")
  }

  private var stored: [UInt64: Block] = [:]

  private static func copy(_ block: Block) -> Block {
    let copy = Block.allocate(events: block.eventCapacity, payload: block.payloadCapacity)
    let isGood = unsafe copy.load(
      sequence: block.sequence, headers: block.headers, payloadLength: block.payloadCount
    ) { room in
      unsafe room.copyMemory(from: block.payload)
      return true
    }
    require(isGood, "a block could not be copied")
    return copy
  }

  /// Pretends that a block is damaged, by default the whole of it.
  func damage(_ sequence: UInt64, sparesHeaders: Bool = false) {
    damaged[sequence] = sparesHeaders
  }
  private var damaged: [UInt64: Bool] = [:]

  private func serveLoads() {
    while returns.pop() != nil { blocksLent -= 1 }
    while readerAnswers > 0, let request = requests.pop() {
      readerAnswers -= 1
      loads.append(request.sequence)
      let found = references.keys.filter { $0 >= request.sequence }.min()
      var block: Block?
      if let found, damaged[found] != false {
        block = stored[found] ?? references[found].map { Self.copy(window.arena[$0]) }
        blocksLent += 1
        require(blocksLent <= 8, "the reactor holds more blocks than it may")
      }
      _ = replies.push(
        LoadReply(
          requested: request.sequence, sequence: found ?? 0, block: block,
          damaged: found.map { damaged[$0] != nil } ?? false))
    }
  }

  // MARK: Loop

  /// One turn, then a wait of 2 ms at most.
  func turn() {
    let deadline = reactor.turn(now: now, ready: ready)
    serveLoads()
    while drainsOutcomes, let outcome = outcomeRing.pop() { outcomes.append(outcome) }
    seen += notices.drain()
    let real = RealClock().now().instant
    let isNow = deadline <= now.instant || reactor.hasWork
    ready = poller.wait(now: real, until: isNow ? real : real + .milliseconds(2))
  }

  /// Turns until `condition` holds.
  /// - Returns: `false` after 10 s.
  func run(seconds: Double = 10, until condition: () -> Bool) -> Bool {
    let start = RealClock().now().instant
    while !condition() {
      if RealClock().now().instant.since(start).seconds > seconds { return false }
      turn()
    }
    return true
  }

  /// Turns for a while.
  func run(milliseconds: UInt64) {
    let start = RealClock().now().instant
    while RealClock().now().instant.since(start) < .milliseconds(milliseconds) { turn() }
  }

  func outcomes(_ kind: OutcomeKind) -> [Outcome] { outcomes.filter { $0.kind == kind } }
}

/// Lets a closure that escapes share a value with the test.
final class Box<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>
  init(_ value: Value) { mutex = Mutex(value) }
  var value: Value {
    get { mutex.withLock { $0 } }
    set { mutex.withLock { $0 = newValue } }
  }
}
