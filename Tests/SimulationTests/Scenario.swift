internal import Base
internal import Delivery
internal import Flow
internal import Platform
internal import Routing
internal import Simulation
internal import Storage
internal import Wire

/// A whole history from one seed: events are published, endpoints misbehave, the process dies and
/// comes back; in the end everything heals, and what must be true is checked.
final class Scenario {
  /// What is to happen.
  struct Plan {
    /// How long publishers publish, virtual milliseconds.
    var publishMilliseconds: UInt64 = 1_000
    var publishers = 2
    var endpoints = 7
    var kills = 4
    /// Of the kills, those that are power cuts, one in so many; 0 for none.
    var powerCutOneIn: UInt64 = 2
    /// Clean stops instead of kills, one in so many; 0 for none.
    var cleanStopOneIn: UInt64 = 5
    /// How many disk faults strike before each kill.
    var diskFaults = 0
    /// Whether the disk fills up now and then.
    var fillsDisk = false
    var misbehaves = true
    /// Bytes that each event has more than it would, so that segments fill.
    var extraBytes = 0
    /// Lives end while the cleaner hands a segment over to the spool, if it comes to that.
    var killsInHandOver = false
    /// Large events, so that few of them fill segments.
    var eventsAreLarge = false
    /// An endpoint, by index, that refuses connections through the first lives.
    var refusing: Int?
    /// Lives as listed here instead of kills at random.
    var course: [Life] = []
    /// What is to fail, counted from the first call of the disk on.
    var faults: [DiskFault] = []
    /// What follows when the broker ends itself after a disk fault; `nil` for either.
    var endAfterFailure: Ending?
    /// What the power cuts leave, if not what the world's seed says.
    var crashSeed: UInt64?
    var broker = SimulatedBroker.Configuration()
  }

  /// How a life ends.
  enum Ending: String { case cleanStop = "clean stop", kill, powerCut = "power cut" }

  /// A life of the broker, as planned.
  struct Life {
    var milliseconds: UInt64
    var ending: Ending
  }

  /// The end of one life.
  struct Death {
    var time: Instant
    var isPowerCut: Bool
    /// The broker ended itself: what it wrote since the last sync counts for nothing.
    var isFailure = false
    /// Since when outcomes had waited to be written.
    var unwrittenSince: Instant?
  }

  /// What was handed over to the spool, and used from there.
  struct Cleaning {
    var releases: UInt64 = 0
    var eventsSpooled: UInt64 = 0
    var segmentsFreed: UInt64 = 0
    var spoolBlocksRead: UInt64 = 0
    /// Lives that ended in the middle of it.
    var interrupted = 0
    /// Starts that found a range in the spool.
    var startsWithSpool = 0

    static func += (sum: inout Cleaning, one: Cleaning) {
      sum.releases += one.releases
      sum.eventsSpooled += one.eventsSpooled
      sum.segmentsFreed += one.segmentsFreed
      sum.spoolBlocksRead += one.spoolBlocksRead
      sum.interrupted += one.interrupted
      sum.startsWithSpool += one.startsWithSpool
    }
  }

  let plan: Plan
  let world: World
  private(set) var broker: SimulatedBroker?
  private(set) var servers: [EndpointServer] = []
  private(set) var publishers: [Publisher] = []
  private(set) var events: [PublishedEvent] = []
  private(set) var deaths: [Death] = []
  var problems: [String] = []
  /// Acknowledged events that some endpoint never got.
  var lost = 0
  private(set) var recoveries: [String] = []
  /// What the cleaner did, over all lives.
  private(set) var cleaning = Cleaning()
  /// What the broker said of the disk: what an operator would find in the log.
  private(set) var troubles: [String] = []
  /// For whoever looks into a failing seed.
  var onStart: ((SimulatedBroker) -> Void)?
  private var random: SeededRandom
  private var configs: [EndpointConfig] = []
  private let types = ["job.started", "job.completed", "invoice.paid", "user.created"]
  private let snapshot: RoutingSnapshot

  init(seed: UInt64, plan: Plan = Plan()) {
    self.plan = plan
    world = World(seed: seed)
    random = world.fork()
    let entries = (0..<plan.endpoints).map { index in
      RoutingEntry(
        endpoint: EndpointNumber(UInt32(index + 1)), applications: [ApplicationNumber(1)],
        types: Self.patterns(index).compactMap { try? TypePattern(parsing: $0) })
    }
    snapshot = RoutingSnapshot(
      applications: ["default": ApplicationNumber(1)], entries: entries)
    for index in 0..<plan.endpoints { addEndpoint(index) }
    for index in 0..<plan.publishers { addPublisher(index) }
  }

  /// The endpoint that wants its events in order.
  static let orderedIndex = 4

  private static func patterns(_ index: Int) -> [String] {
    switch index % 4 {
    case 0: ["*"]
    case 1: ["job.*"]
    case 2: ["invoice.paid", "job.completed"]
    default: ["user.created"]
    }
  }

  static func matches(_ index: Int, _ type: String) -> Bool {
    patterns(index).contains { pattern in
      pattern == "*" || pattern == type
        || (pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast()))
    }
  }

  private func addEndpoint(_ index: Int) {
    let server = EndpointServer(world: world)
    server.onRequest = { [unowned self] request in self.note(request, at: index) }
    let name = "e\(index + 1).test"
    world.network.add(
      server, name: name, address: SocketAddress(ipv4: 0x0A00_0001 + UInt32(index), port: 80))
    servers.append(server)
    var prefix: [UInt8] = []
    if let target = try? URLTarget(parsing: "http://\(name)/hook"),
      let made = try? RequestPrefix(target: target, version: "0")
    {
      prefix = made.bytes
    } else {
      problems.append("no request prefix for \(name)")
    }
    configs.append(
      EndpointConfig(
        number: EndpointNumber(UInt32(index + 1)), id: "ep_\(index + 1)", name: name,
        usesTLS: false, host: name, port: 80, requestPrefix: prefix,
        secretKeys: [[UInt8](repeating: UInt8(index), count: 24)],
        retryDelaysMilliseconds: [UInt64](repeating: 700, count: 400),
        maxInFlight: index == 1 ? 2 : 16, ordered: index == Self.orderedIndex))
  }

  private func addPublisher(_ index: Int) {
    publishers.append(
      Publisher(
        world: world, path: SimulatedBroker.Configuration.socketPath, name: index + 1,
        subscribers: { [plan] type in
          (0..<plan.endpoints).count { Scenario.matches($0, type) }
        },
        newEvent: { [unowned self] publisher, hasID, batch in
          let type = self.types[Int(self.random.below(UInt64(self.types.count)))]
          let event = PublishedEvent(
            number: self.events.count + 1, publisher: publisher, type: type, hasID: hasID,
            batch: batch, isLarge: self.plan.eventsAreLarge, extraBytes: self.plan.extraBytes)
          self.events.append(event)
          return event
        }))
  }

  // MARK: The course of it

  /// Plays the whole history.
  func run() {
    world.disk.faults = plan.faults
    if let seed = plan.crashSeed { world.disk.reseed(seed) }
    start()
    if plan.misbehaves { planMoods() }
    if let refusing = plan.refusing { servers[refusing].behaviour = .refusing }
    if plan.course.isEmpty { dieAtRandom() } else { follow(plan.course) }
    heal()
    if !plan.course.isEmpty { restartOnceMore() }
    check()
    if let broker { recoveries.append(broker.summary) }
    countCleaning()
    broker?.kill()
    broker = nil
    world.dissolve()
  }

  private func dieAtRandom() {
    let end = world.clock.instant + .milliseconds(plan.publishMilliseconds)
    let spacing = plan.publishMilliseconds / UInt64(plan.kills + 1)
    for _ in 0..<plan.kills {
      strikeDisk()
      runUntil(world.clock.instant + .milliseconds(1 + random.below(2 * spacing)))
      if plan.killsInHandOver { runIntoHandOver() }
      die()
    }
    runUntil(max(end, world.clock.instant))
  }

  /// Goes on until the cleaner is at work, and some steps more.
  private func runIntoHandOver() {
    let limit = world.clock.instant + .seconds(2)
    while world.clock.instant < limit, let broker, !broker.keeper.isHandingOver {
      step(broker)
      if broker.hasFailed { return endFailed(broker) }
    }
    for _ in 0..<random.below(40) {
      guard let broker, !broker.hasFailed else { return }
      step(broker)
    }
  }

  private func countCleaning() {
    guard let broker else { return }
    cleaning.releases += broker.keeper.releases.value
    cleaning.eventsSpooled += broker.keeper.eventsSpooled.value
    cleaning.segmentsFreed += broker.keeper.segmentsFreed.value
    cleaning.spoolBlocksRead += broker.reader.spoolBlocksRead.value
  }

  private func follow(_ course: [Life]) {
    for life in course {
      let lives = deaths.count
      runUntil(world.clock.instant + .milliseconds(life.milliseconds))
      // A fault may have ended it before its time.
      if deaths.count > lives { continue }
      if life.ending == .cleanStop { stopCleanly() }
      if deaths.count == lives { end(powerCut: life.ending == .powerCut) }
    }
  }

  private func start() {
    var refusals = 0
    while broker == nil {
      do throws(StorageError) {
        let made = try SimulatedBroker(world: world, plan.broker) { [unowned self] line in
          self.recoveries.append(line)
          self.troubles.append(line)
        }
        made.configure(configs, snapshot)
        if plan.misbehaves { for resolver in made.resolvers { resolver.failsOneIn = 30 } }
        broker = made
        recoveries.append(made.recovered.summary)
        if !made.recovered.index.ranges.isEmpty { cleaning.startsWithSpool += 1 }
        onStart?(made)
      } catch {
        // A fault struck recovery: the process ends and is started again.
        recoveries.append("recovery failed: \(error)")
        troubles.append("\(error)")
        refusals += 1
        if refusals > 20 { return problems.append("recovery never succeeds: \(error)") }
        if refusals >= Self.refusalsMax { mendDisk() }
        if plan.endAfterFailure == .powerCut {
          world.disk.crash()
        } else {
          world.disk.processDied()
        }
        world.network.processDied()
        world.advance(to: world.clock.instant + .milliseconds(50))
      }
    }
  }

  /// After so many starts that failed, or lives that ended in failure, the operator gives the
  /// broker a disk that works.
  private static let refusalsMax = 3

  private func mendDisk() {
    world.disk.faults = []
    world.disk.capacityBytes = 1 << 40
  }

  /// Each endpoint changes its mood now and then.
  private func planMoods() {
    for server in servers {
      if random.oneIn(4) { continue }
      changeMood(server)
    }
  }

  private func changeMood(_ server: EndpointServer) {
    world.after(.milliseconds(random.below(1_500))) { [unowned self] in
      guard self.isMoody else { return }
      let all = EndpointBehaviour.allCases
      server.behaviour = all[Int(self.random.below(UInt64(all.count)))]
      self.changeMood(server)
    }
  }
  private var isMoody = true

  private func strikeDisk() {
    for _ in 0..<plan.diskFaults {
      let all = DiskOperation.allCases
      let operation = random.oneIn(2) ? all[Int(random.below(UInt64(all.count)))]
        : random.oneIn(2) ? .write : .sync
      let isShort = operation == .write && random.oneIn(2)
      world.disk.faults.append(
        DiskFault(
          operation, number: 1 + Int(random.below(random.oneIn(2) ? 20 : 400)),
          code: random.oneIn(2) ? 5 : 28, forEver: !isShort && random.oneIn(4),
          shortBytes: isShort ? Int(1 + random.below(900)) : nil))
    }
    if plan.fillsDisk, random.oneIn(2) {
      world.disk.capacityBytes = world.disk.byteCount + Int(random.below(6 << 20))
      world.after(.milliseconds(random.below(random.oneIn(2) ? 300 : 6_000))) { [unowned self] in
        self.world.disk.capacityBytes = 1 << 40
      }
    }
  }

  private func runUntil(_ time: Instant) {
    while let broker, world.clock.instant < time {
      if broker.nextTime() > time {
        world.advance(to: time)
        return
      }
      step(broker)
      if broker.hasFailed { endFailed(broker) }
    }
  }

  private func step(_ broker: SimulatedBroker) {
    broker.step()
    troubles += broker.takeTroubles()
  }

  /// Exit 70.
  private func endFailed(_ broker: SimulatedBroker) {
    let text = broker.journal.failure.map { "\(broker.journal.failurePath ?? "?"): \($0)" } ?? "?"
    recoveries.append("exit 70: \(text)")
    troubles.append(text)
    if deaths.count(where: \.isFailure) + 1 >= Self.refusalsMax { mendDisk() }
    end(powerCut: plan.endAfterFailure.map { $0 == .powerCut } ?? random.oneIn(2), failed: true)
  }

  private func die() {
    let lives = deaths.count
    if plan.cleanStopOneIn > 0, random.oneIn(plan.cleanStopOneIn) { stopCleanly() }
    let isPowerCut = plan.powerCutOneIn > 0 && random.oneIn(plan.powerCutOneIn)
    if deaths.count == lives { end(powerCut: isPowerCut) }
  }

  private func stopCleanly() {
    guard let broker else { return }
    broker.stop()
    let limit = world.clock.instant + .seconds(30)
    while !broker.isFinished, !broker.hasFailed, world.clock.instant < limit { step(broker) }
    if broker.hasFailed { return endFailed(broker) }
    // What a disk fault holds up, an operator would kill.
    if !broker.isFinished, world.disk.strikes.isEmpty, !plan.fillsDisk {
      problems.append("a clean stop took over 30 s")
    }
    recoveries.append("clean stop")
  }

  /// Ends this life, and begins the next after a while.
  private func end(powerCut: Bool, failed: Bool = false) {
    deaths.append(
      Death(
        time: world.clock.instant, isPowerCut: powerCut, isFailure: failed,
        unwrittenSince: broker?.journal.unwrittenSince))
    if broker?.keeper.isHandingOver ?? false { cleaning.interrupted += 1 }
    countCleaning()
    broker?.kill()
    broker = nil
    if powerCut { world.disk.crash() } else { world.disk.processDied() }
    recoveries.append(powerCut ? "power cut" : "killed")
    world.advance(to: world.clock.instant + .milliseconds(random.below(400)))
    start()
  }

  /// Everybody is well from now on; the broker is given the time that its breakers take.
  private func heal() {
    isMoody = false
    for server in servers { server.behaviour = .ok }
    for publisher in publishers { publisher.isActive = false }
    // A listed course wants its faults to strike the reading of old blocks, too.
    if plan.course.isEmpty { mendDisk() } else { world.after(.seconds(100)) { self.mendDisk() } }
    let limit = world.clock.instant + .seconds(900)
    while world.clock.instant < limit {
      runUntil(world.clock.instant + .milliseconds(500))
      if publishers.allSatisfy(\.isIdle), isEverythingDelivered { break }
    }
    if world.clock.instant >= limit { problems.append("not all is well 900 s after all healed") }
    // What is delivered twice would come now.
    runUntil(world.clock.instant + .seconds(30))
  }

  /// What is settled stays so: the cleaner has been at work.
  private func restartOnceMore() {
    end(powerCut: true)
    runUntil(world.clock.instant + .seconds(5))
  }

  private var isEverythingDelivered: Bool {
    for index in servers.indices {
      let seen = deliveredNumbers(index)
      for event in events where event.state == .acknowledged && Self.matches(index, event.type) {
        if !seen.contains(event.number) { return false }
      }
    }
    return true
  }

  private func deliveredNumbers(_ index: Int) -> Set<Int> {
    Set(servers[index].requests.filter(\.wasAccepted).compactMap(\.number))
  }

  /// Compares a request with what was published, and forgets its body.
  private func note(_ request: ReceivedRequest, at index: Int) {
    request.number = Self.number(of: request)
    defer { request.forgetBody() }
    guard let number = request.number, number >= 1, number <= events.count else { return }
    let event = events[number - 1]
    let head = Array("{\"type\":\"\(event.type)\",".utf8)
    let tail = Array("\"data\":".utf8) + event.data + Array("}".utf8)
    if !request.body.starts(with: head) || request.body.suffix(tail.count) != tail[...] {
      problems.append("endpoint \(index + 1) got event \(number) changed")
    }
  }

  /// The number in an event's data.
  private static func number(of request: ReceivedRequest) -> Int? {
    let key = Array("\"n\":".utf8)
    let body = request.body
    guard body.count > key.count else { return nil }
    for start in 0..<min(200, body.count - key.count)
    where body[start] == key[0] && Array(body[start..<(start + key.count)]) == key {
      let digits = body[(start + key.count)...].prefix { $0 >= 48 && $0 <= 57 }
      return Int(String(decoding: digits, as: UTF8.self))
    }
    return nil
  }
}
