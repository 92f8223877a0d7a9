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
    /// How many disk faults strike in the course of it.
    var diskFaults = 0
    var misbehaves = true
    var broker = SimulatedBroker.Configuration()
  }

  /// The end of one life.
  struct Death {
    var time: Instant
    var isPowerCut: Bool
  }

  let plan: Plan
  let world: World
  private(set) var broker: SimulatedBroker?
  private(set) var servers: [EndpointServer] = []
  private(set) var publishers: [Publisher] = []
  private(set) var events: [PublishedEvent] = []
  private(set) var deaths: [Death] = []
  fileprivate(set) var problems: [String] = []
  private(set) var recoveries: [String] = []
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
  fileprivate static let orderedIndex = 4

  private static func patterns(_ index: Int) -> [String] {
    switch index % 4 {
    case 0: ["*"]
    case 1: ["job.*"]
    case 2: ["invoice.paid", "job.completed"]
    default: ["user.created"]
    }
  }

  private static func matches(_ index: Int, _ type: String) -> Bool {
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
            batch: batch)
          self.events.append(event)
          return event
        }))
  }

  // MARK: The course of it

  /// Plays the whole history.
  func run() {
    start()
    if plan.misbehaves { planMoods() }
    let end = world.clock.instant + .milliseconds(plan.publishMilliseconds)
    let spacing = plan.publishMilliseconds / UInt64(plan.kills + 1)
    for _ in 0..<plan.kills {
      strikeDisk()
      runUntil(world.clock.instant + .milliseconds(1 + random.below(2 * spacing)))
      die()
    }
    runUntil(max(end, world.clock.instant))
    heal()
    check()
    if let broker { recoveries.append(broker.summary) }
  }

  private func start() {
    while broker == nil {
      do throws(StorageError) {
        let made = try SimulatedBroker(world: world, plan.broker) { [unowned self] line in
          self.recoveries.append(line)
        }
        made.configure(configs, snapshot)
        if plan.misbehaves { for resolver in made.resolvers { resolver.failsOneIn = 30 } }
        broker = made
        recoveries.append(made.recovered.summary)
        onStart?(made)
      } catch {
        // A fault struck recovery: the process ends and is started again.
        recoveries.append("recovery failed: \(error)")
        if recoveries.count > 1_000 { return problems.append("recovery never succeeds: \(error)") }
        world.disk.processDied()
        world.network.processDied()
        world.advance(to: world.clock.instant + .milliseconds(50))
      }
    }
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
      let operations: [DiskOperation] = [.write, .sync, .rename, .open, .syncDirectory, .remove]
      let operation = operations[Int(random.below(UInt64(operations.count)))]
      let isShort = operation == .write && random.oneIn(2)
      world.disk.faults.append(
        DiskFault(
          operation, number: 1 + Int(random.below(random.oneIn(2) ? 20 : 400)),
          code: random.oneIn(2) ? 5 : 28, shortBytes: isShort ? Int(1 + random.below(900)) : nil))
    }
  }

  private func runUntil(_ time: Instant) {
    while let broker, world.clock.instant < time {
      if broker.nextTime() > time {
        world.advance(to: time)
        return
      }
      broker.step()
      if broker.hasFailed {
        recoveries.append("exit 70: \(String(describing: broker.journal.failure))")
        end(powerCut: random.oneIn(2))
      }
    }
  }

  private func die() {
    if plan.cleanStopOneIn > 0, random.oneIn(plan.cleanStopOneIn) { stopCleanly() }
    end(powerCut: plan.powerCutOneIn > 0 && random.oneIn(plan.powerCutOneIn))
  }

  private func stopCleanly() {
    guard let broker else { return }
    broker.stop()
    let limit = world.clock.instant + .seconds(30)
    while !broker.isFinished, !broker.hasFailed, world.clock.instant < limit { broker.step() }
    if !broker.isFinished, !broker.hasFailed { problems.append("a clean stop took over 30 s") }
    recoveries.append("clean stop")
  }

  /// Ends this life, and begins the next after a while.
  private func end(powerCut: Bool) {
    deaths.append(Death(time: world.clock.instant, isPowerCut: powerCut))
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
    world.disk.faults = []
    let limit = world.clock.instant + .seconds(900)
    while world.clock.instant < limit {
      runUntil(world.clock.instant + .milliseconds(500))
      if publishers.allSatisfy(\.isIdle), isEverythingDelivered { break }
    }
    // What is delivered twice would come now.
    runUntil(world.clock.instant + .seconds(30))
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

extension RecoveredLog {
  /// What recovery found, for whoever looks into a failing seed.
  fileprivate var summary: String {
    let pending = lanes.map { "\($0.endpoint.value): \($0.behind) + \($0.holes.count)" }
    return "recovered: next block \(nextSequence), \(wasClean ? "clean" : "unclean"), replayed "
      + "\(replayedBlocks), segments \(index.facts.map(\.number)), lanes \(pending)"
  }
}

// MARK: What must be true

extension Scenario {
  /// How long before a death a finished delivery may have ended and come again: outcomes are
  /// written within 5 ms and synced within 100 ms; the rest is the disk's slowest sync and the
  /// scheduler.
  private static let killWindow = Nanoseconds.milliseconds(12)
  private static let powerWindow = Nanoseconds.milliseconds(100 + 2 * 45 + 12)

  private func check() {
    for publisher in publishers { for text in publisher.violations { note(text) } }
    for (index, server) in servers.enumerated() {
      for text in server.violations { note("endpoint \(index + 1): \(text)") }
      checkDeliveries(index, server)
    }
    checkBatches()
    checkOrder()
  }

  /// The ordered endpoint sees each publisher's events for the first time in their order.
  private func checkOrder() {
    guard servers.count > Self.orderedIndex else { return }
    var last: [Int: Int] = [:]
    var seen: Set<Int> = []
    for request in servers[Self.orderedIndex].requests {
      guard let number = request.number, number >= 1, number <= events.count,
        seen.insert(number).inserted
      else { continue }
      let event = events[number - 1]
      if event.wasResent { continue }
      if let before = last[event.publisher], before > number {
        note("the ordered endpoint saw event \(number) after \(before)")
      }
      last[event.publisher] = number
    }
  }

  private func note(_ text: String) { problems.append(text) }

  private func checkDeliveries(_ index: Int, _ server: EndpointServer) {
    var byEvent: [Int: [ReceivedRequest]] = [:]
    for request in server.requests {
      guard let number = request.number, number >= 1, number <= events.count,
        events[number - 1].wasSent
      else {
        note("endpoint \(index + 1) got what was never published")
        continue
      }
      byEvent[number, default: []].append(request)
    }
    for event in events {
      let requests = byEvent[event.number] ?? []
      let name = "event \(event.number) (\(event.type), \(event.state)) at endpoint \(index + 1)"
      if !Self.matches(index, event.type) || event.state == .refused {
        if !requests.isEmpty { note("\(name): delivered to whom it was not for") }
        continue
      }
      if event.state == .acknowledged, !requests.contains(where: \.wasAccepted) {
        note("\(name): never delivered, \(requests.count) attempts")
      }
      if Set(requests.map { $0.headers["webhook-id"] ?? "" }).count > 1 {
        note("\(name): more than one id")
      }
      checkRepeats(requests, name)
    }
  }

  /// After the broker has read a whole 2xx, the event may come again only if the broker died soon
  /// after.
  private func checkRepeats(_ requests: [ReceivedRequest], _ name: String) {
    for (position, request) in requests.enumerated() {
      guard let read = request.acceptanceRead else { continue }
      for later in requests[(position + 1)...] where later.time > read {
        let isExcused = deaths.contains { death in
          death.time >= read && death.time <= later.time
            && death.time.since(read) <= (death.isPowerCut ? Self.powerWindow : Self.killWindow)
        }
        if isExcused { continue }
        note("\(name): came again \(later.time.since(read).seconds) s after its 2xx was read")
        return
      }
    }
  }

  /// A batch is stored whole or not at all.
  private func checkBatches() {
    var batches: [Int: [PublishedEvent]] = [:]
    for event in events { if let batch = event.batch { batches[batch, default: []].append(event) } }
    // The first endpoint subscribes to everything.
    let delivered = Set(servers[0].requests.compactMap(\.number))
    for (batch, members) in batches.sorted(by: { $0.key < $1.key }) {
      let count = members.count { delivered.contains($0.number) }
      if count != 0, count != members.count {
        note("batch \(batch): \(count) of \(members.count) events were stored")
      }
    }
  }
}
