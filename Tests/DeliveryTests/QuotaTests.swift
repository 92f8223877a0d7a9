import Base
import Delivery
import Flow
import Platform
import Testing

// Goal: an endpoint's pending events hold no more than its quota: the oldest deliveries beyond it are
// dead, by durable outcomes that say why, the newest are kept and sent, and nobody else notices.
// Method: as in ReactorTests; the quota is in plain bytes, so the test knows what must be left.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct QuotaTests {
  private let server = LoopbackServer { _, _ in .status(200) }

  /// What one of these events weighs: header, type, id, data.
  private func weight(_ event: World.Event) -> UInt64 {
    64 + UInt64(event.type.utf8.count + event.id.utf8.count + event.data.utf8.count)
  }

  /// Events of many sizes.
  private func events(_ count: Int, _ audience: AudienceNumber) -> [World.Event] {
    (0..<count).map { number in
      let data = String(repeating: "x", count: number * 37 % 300)
      return World.Event(id: "e\(number)", data: data, audience: audience)
    }
  }

  /// The fewest of the oldest that must go.
  private func excess(_ events: [World.Event], _ limit: UInt64) -> Int {
    var total = events.reduce(0) { $0 + weight($1) }
    var count = 0
    while total > limit {
      total -= weight(events[count])
      count += 1
    }
    return count
  }

  private func expectSettled(_ world: World) throws {
    #expect(world.counters.depth.value == 0)
    #expect(world.statuses().allSatisfy { $0.depth == 0 && $0.plainBytes == 0 })
    #expect(try world.image().lanes.isEmpty)
  }

  private func hasLeft(_ world: World) -> Bool {
    world.seen.contains { if case .quotaLeft(EndpointNumber(1)) = $0 { true } else { false } }
  }

  @Test func `the oldest of a backlog go, the newest are kept and sent`() throws {
    let limit: UInt64 = 4_000
    let world = World { $0.quota.plainBytesMax = limit }
    world.endpoint(1, port: server.port, paused: true)
    world.endpoint(2, port: server.port)
    let events = events(60, world.audience([1, 2]))
    for first in stride(from: 0, to: 60, by: 7) {
      world.publish(Array(events[first..<min(first + 7, 60)]))
    }
    let gone = excess(events, limit)
    #expect(gone > 20 && gone < 55)
    #expect(world.run { world.counters.overQuota.value == gone })
    #expect(world.run { world.counters.delivered.value == 60 })
    world.skip(seconds: 2)
    world.run(milliseconds: 20)
    let dead = world.outcomes(.dead)
    let places = (0..<gone).map { Position(sequence: UInt64($0 / 7 + 1), index: $0 % 7) }
    #expect(dead.map(\.position) == places && world.counters.dead.value == gone)
    #expect(dead.allSatisfy { $0.failure == .quota && $0.endpoint == EndpointNumber(1) })
    let status = try world.status(1)
    #expect(status.state == .quota && status.depth == 60 - gone)
    #expect(status.plainBytes == events[gone...].reduce(0) { $0 + weight($1) })
    let reached = world.seen.filter { if case .quotaReached = $0 { true } else { false } }
    #expect(reached.count == 1)
    let near = world.seen.filter {
      if case .quotaNear(EndpointNumber(1), _) = $0 { true } else { false }
    }
    #expect(near.count == 1)
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 120 - gone })
    world.skip(seconds: 2)
    #expect(world.run { hasLeft(world) })
    #expect(try world.status(1).state == .ok)
    let sent = Dictionary(grouping: server.requests, by: \.id)
    for (number, event) in events.enumerated() {
      #expect(sent[event.id]?.count == (number < gone ? 1 : 2))
    }
    try expectSettled(world)
  }

  @Test func `what waits for a retry goes before what was never tried`() throws {
    let failing = LoopbackServer { _, _ in .status(404) }
    let quota = SpoolQuota()
    let world = World { $0.quota = quota }
    world.endpoint(1, port: failing.port)
    let audience = world.audience([1])
    let events = (10..<40).map { World.Event(id: "e\($0)", data: "same", audience: audience) }
    for event in events[..<20] { world.publish([event]) }
    #expect(world.run { world.counters.retried.value == 20 })
    #expect(try world.status(1).plainBytes == 20 * weight(events[0]))
    world.endpoint(1, port: failing.port, paused: true)
    for event in events[20...] { world.publish([event]) }
    world.turn()
    #expect(try world.status(1).plainBytes == 30 * weight(events[0]))
    quota.plainBytesMax = 7 * weight(events[0])
    world.skip(seconds: 1)
    #expect(world.run { world.counters.overQuota.value == 23 })
    #expect(world.outcomes(.dead).map(\.position.sequence) == Array(1...23))
    #expect(world.outcomes(.dead).map(\.attempt) == (1...23).map { $0 <= 20 ? 1 : 0 })
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 7 })
    #expect(server.requests.map(\.id).sorted() == events[23...].map(\.id))
    try expectSettled(world)
  }

  @Test func `old blocks are read back, and others are served meanwhile`() throws {
    let quota = SpoolQuota(unrecordedMax: .max)
    quota.plainBytesMax = 100 * 90
    let world = World { $0.quota = quota }
    world.endpoint(1, port: server.port, paused: true)
    world.endpoint(2, port: server.port)
    let (mine, other) = (world.audience([1]), world.audience([2]))
    let event = World.Event(id: "e", data: "123456789012", audience: mine)
    #expect(weight(event) == 90)
    for _ in 0..<30 { world.publish(Array(repeating: event, count: 2_000)) }
    // Walked, and the first of it given up.
    world.turn()
    for sequence in 3...25 as ClosedRange<UInt64> { world.evict(sequence) }
    // Not one turn takes much of it.
    var most: UInt64 = 0
    var published = 0
    #expect(
      world.run {
        let before = world.counters.overQuota.value
        world.turn()
        most = max(most, world.counters.overQuota.value - before)
        if world.counters.delivered.value == published, published < 10 {
          published += 1
          world.publish("live\(published)", to: other)
        }
        return world.counters.overQuota.value == 59_900 && published == 10
      })
    #expect(most > 0 && most <= 1_024)
    #expect(world.run { world.counters.delivered.value == 10 })
    #expect(!world.loads.isEmpty && world.run { world.blocksLent == 0 })
    #expect(world.outcomes(.dead).map(\.position) == world.outcomes(.dead).map(\.position).sorted())
    #expect(try world.status(1).depth == 100)
  }

  @Test func `no more are given up than can be recorded`() throws {
    let quota = SpoolQuota(unrecordedMax: 3)
    quota.plainBytesMax = 0
    let world = World { $0.quota = quota }
    world.endpoint(1, port: server.port, paused: true)
    world.publish(events(10, world.audience([1])))
    #expect(world.run { world.counters.overQuota.value == 3 })
    world.run(milliseconds: 20)
    #expect(world.counters.overQuota.value == 3 && world.counters.depth.value == 7)
    quota.giveBack(3)
    #expect(world.run { world.counters.overQuota.value == 6 })
    quota.giveBack(6)
    #expect(world.run { world.counters.overQuota.value == 10 })
    try expectSettled(world)
  }

  @Test func `half of the outcomes' ring stays free for what is attempted`() throws {
    let world = World(outcomeCapacity: 16) { $0.quota.plainBytesMax = 0 }
    world.drainsOutcomes = false
    world.endpoint(1, port: server.port, paused: true)
    world.endpoint(2, port: server.port)
    world.publish(events(30, world.audience([1])))
    #expect(world.run { world.counters.overQuota.value == 8 })
    for number in 0..<8 { world.publish("other\(number)", to: world.audience([2])) }
    #expect(world.run { world.counters.delivered.value == 8 })
    #expect(world.counters.overQuota.value == 8)
    world.drainsOutcomes = true
    #expect(world.run { world.counters.overQuota.value == 30 })
    try expectSettled(world)
  }

  @Test func `what is parked is not given up`() throws {
    let world = World { $0.quota.plainBytesMax = 0 }
    let audience = world.audience([1])
    world.publish(events(5, audience))
    world.run(milliseconds: 10)
    world.skip(seconds: 2)
    world.run(milliseconds: 10)
    #expect(world.counters.overQuota.value == 0 && world.counters.depth.value == 5)
    world.endpoint(1, port: server.port, paused: true)
    world.skip(seconds: 2)
    #expect(world.run { world.counters.overQuota.value == 5 })
    try expectSettled(world)
  }

  @Test func `a restart knows what is held`() throws {
    let world = World()
    let failing = LoopbackServer { _, index in index == 0 ? .status(500) : .silence }
    world.endpoint(1, port: failing.port, maxInFlight: 1)
    let events = events(9, world.audience([1]))
    for event in events { world.publish([event]) }
    #expect(world.run { failing.requests.count == 2 })
    let all = events.reduce(0) { $0 + weight($1) }
    let image = try #require(world.image().lanes.first)
    #expect(image.plainBytes == all)
    let next = World()
    let same = next.audience([1])
    for event in self.events(9, same) { next.publish([event]) }
    next.reactor.restore(lanes: [image], walkedThrough: 9, now: next.now)
    #expect(try next.status(1).plainBytes == all)
    next.endpoint(1, port: server.port)
    next.skip(seconds: 7)
    #expect(next.run { next.counters.delivered.value == 9 })
    try expectSettled(next)
  }
}
