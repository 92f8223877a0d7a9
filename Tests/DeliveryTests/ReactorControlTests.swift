import Base
import Delivery
import Flow
import Platform
import Testing

// Goal: what the control plane asks for happens, and counts are exact whatever happens.
// Method: as in ReactorTests; depth is compared with what the test knows.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ReactorControlTests {
  private static let ok = LoopbackServer.Answer.status(200)

  private func expectSettled(_ world: World) throws {
    #expect(world.counters.depth.value == 0)
    #expect(world.statuses().allSatisfy { $0.depth == 0 && $0.inFlight == 0 })
    #expect(try world.image().lanes.isEmpty)
  }

  @Test func `paused, events queue; resumed, all are sent`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, paused: true)
    let audience = world.audience([1])
    for number in 0..<25 { world.publish("e\(number)", to: audience) }
    world.run(milliseconds: 20)
    #expect(server.requests.isEmpty)
    let status = try world.status(1)
    #expect(status.state == .paused && status.depth == 25 && status.nextAttempt == nil)
    #expect(status.oldest == Position(sequence: 1, index: 0) && status.oldestTime != nil)
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 25 })
    #expect(Set(server.requests.map(\.id)).count == 25)
    try expectSettled(world)
  }

  @Test func `a new URL makes what waits due at once`() throws {
    let broken = LoopbackServer { _, _ in .status(500) }
    let good = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: broken.port)
    let audience = world.audience([1])
    for number in 0..<8 { world.publish("e\(number)", to: audience) }
    #expect(
      world.run { world.counters.breakersOpen.value == 1 && world.counters.inFlight.value == 0 })
    world.endpoint(1, port: good.port)
    #expect(world.counters.breakersOpen.value == 0)
    #expect(world.run { world.counters.delivered.value == 8 })
    #expect(good.inFlightMax < 8)
    try expectSettled(world)
  }

  @Test func `a removed endpoint is voided with its backlog, in flight ends`() throws {
    let slow = LoopbackServer { _, _ in .after(milliseconds: 100, Self.ok) }
    let other = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: slow.port, maxInFlight: 2)
    world.endpoint(2, port: other.port)
    let audience = world.audience([1, 2])
    for number in 0..<10 { world.publish("e\(number)", to: audience) }
    #expect(world.run { other.requests.count == 10 && slow.requests.count == 2 })
    let removal = try world.remove(1)
    #expect(removal.pending == 8)
    let tombstone = world.outcomes[Int(removal.index) - 1]
    #expect(tombstone.kind == .endpointRemoved && tombstone.endpoint == EndpointNumber(1))
    #expect(world.run { world.counters.delivered.value == 12 })
    // The same audience again: the removed endpoint is passed over.
    world.publish("late", to: audience)
    #expect(world.run { world.counters.delivered.value == 13 })
    #expect(slow.requests.count == 2 && world.counters.removed.value == 8)
    #expect(world.statuses().map(\.endpoint.value) == [2])
    try expectSettled(world)
  }

  @Test func `removing an unknown endpoint still leaves a tombstone`() throws {
    let world = World()
    #expect(try world.remove(7).pending == 0)
    #expect(world.outcomes.map(\.kind) == [.endpointRemoved])
  }

  @Test func `an endpoint that nobody configured is parked, then served`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    let audience = world.audience([5])
    for number in 0..<3 { world.publish("e\(number)", to: audience) }
    world.turn()
    #expect(world.counters.parked.value == 1 && world.counters.depth.value == 3)
    world.endpoint(5, port: server.port)
    #expect(world.run { world.counters.delivered.value == 3 })
    #expect(world.counters.parked.value == 0)
    try expectSettled(world)
  }

  @Test func `an ordered endpoint gets one at a time, in order, and the head blocks`() throws {
    let server = LoopbackServer { request, index in
      index == 3 ? .status(500) : .after(milliseconds: 1, Self.ok)
    }
    let world = World()
    world.endpoint(1, port: server.port, ordered: true)
    let audience = world.audience([1])
    for number in 0..<10 { world.publish("e\(number)", to: audience) }
    #expect(world.run { world.counters.retried.value == 1 })
    world.run(milliseconds: 20)
    #expect(server.requests.count == 4)
    world.skip(seconds: 7)
    #expect(world.run { world.counters.delivered.value == 10 })
    var expected = (0..<10).map { "e\($0)" }
    expected.insert("e3", at: 4)
    #expect(server.requests.map(\.id) == expected)
    #expect(server.inFlightMax == 1)
    try expectSettled(world)
  }

  @Test func `what is older than max-age expires without an attempt`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, maxAge: 60_000)
    let audience = world.audience([1])
    world.publish([
      World.Event(id: "old", audience: audience, ageMilliseconds: 61_000),
      World.Event(id: "young", audience: audience, ageMilliseconds: 59_000),
    ])
    #expect(world.run { world.counters.delivered.value == 1 })
    #expect(server.requests.map(\.id) == ["young"])
    #expect(world.counters.expired.value == 1)
    #expect(world.outcomes(.expired).first?.position == Position(sequence: 1, index: 0))
    try expectSettled(world)
  }

  @Test func `a retry that has grown too old expires at its turn`() throws {
    let server = LoopbackServer { _, _ in .status(500) }
    let world = World()
    world.endpoint(1, port: server.port, maxAge: 4_000)
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.retried.value == 1 })
    world.skip(seconds: 7)
    #expect(world.run { world.counters.expired.value == 1 })
    #expect(server.requests.count == 1)
    try expectSettled(world)
  }

  @Test func `a lane behind catches up from memory, past what is not for it`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, paused: true)
    world.endpoint(2, port: server.port)
    let (both, first, second) = (
      world.audience([1, 2]), world.audience([1]), world.audience([2])
    )
    for number in 0..<10 {
      world.publish([
        World.Event(id: "a\(number)", audience: both),
        World.Event(id: "b\(number)", audience: second),
        World.Event(id: "c\(number)", audience: first),
        World.Event(id: "d\(number)", audience: .empty),
      ])
      world.publish([])
    }
    #expect(world.run { world.counters.delivered.value == 20 })
    #expect(try world.status(1).depth == 20)
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 40 })
    #expect(world.loads.isEmpty)
    // Live again: it follows from memory.
    world.publish("last", to: both)
    #expect(world.run { world.counters.delivered.value == 42 })
    try expectSettled(world)
  }

  @Test func `a lane behind catches up through the Reader`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, maxInFlight: 4, paused: true)
    world.endpoint(2, port: server.port, maxInFlight: 4, paused: true)
    let both = world.audience([1, 2])
    for number in 0..<12 {
      world.publish((0..<5).map { World.Event(id: "e\(number)-\($0)", audience: both) })
      world.publish([])
    }
    world.run(milliseconds: 5)
    for sequence in stride(from: 1, through: 15, by: 2) as StrideThrough<UInt64> {
      world.evict(sequence)
    }
    world.endpoint(1, port: server.port, maxInFlight: 4)
    world.endpoint(2, port: server.port, maxInFlight: 4)
    #expect(world.run { world.counters.delivered.value == 120 })
    #expect(!world.loads.isEmpty && world.loads.count < 48)
    let keys = Set(world.outcomes.map { [$0.position.packed, UInt64($0.endpoint.value)] })
    #expect(keys.count == 120)
    #expect(world.run { world.blocksLent == 0 })
    try expectSettled(world)
  }

  @Test func `a lane that has sent all of its own does not read the backlog of others`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, paused: true)
    world.endpoint(2, port: server.port, paused: true)
    let (first, second) = (world.audience([1]), world.audience([2]))
    world.publish("mine", to: first)
    for number in 0..<8 { world.publish("other\(number)", to: second) }
    world.run(milliseconds: 5)
    for sequence in 2...9 as ClosedRange<UInt64> { world.evict(sequence) }
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 1 })
    world.publish("new", to: first)
    #expect(world.run { world.counters.delivered.value == 2 })
    #expect(world.loads.isEmpty)
  }

  @Test func `a due retry whose block left memory is fetched from the Reader`() throws {
    let server = LoopbackServer { _, index in index < 3 ? .status(404) : Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    let sequences = (0..<3).map { world.publish("e\($0)", to: audience).sequence }
    #expect(world.run { world.counters.retried.value == 3 })
    for sequence in sequences { world.evict(sequence) }
    world.skip(seconds: 7)
    #expect(world.run { world.counters.delivered.value == 3 })
    #expect(world.loads.sorted() == sequences)
    try expectSettled(world)
  }

  @Test func `without outcome slots nothing is sent; with them everything`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World(outcomeCapacity: 8)
    world.drainsOutcomes = false
    world.endpoint(1, port: server.port)
    let audience = world.audience([1])
    for number in 0..<50 { world.publish("e\(number % 50)", to: audience) }
    #expect(world.run { server.requests.count == 8 && world.counters.depth.value == 42 })
    world.run(milliseconds: 20)
    #expect(server.requests.count == 8)
    world.drainsOutcomes = true
    #expect(world.run { world.counters.delivered.value == 50 })
    try expectSettled(world)
  }

  @Test func `a host's connections are bounded and lanes take turns`() throws {
    let server = LoopbackServer { _, _ in .after(milliseconds: 2, Self.ok) }
    let world = World { $0.limits.perHostMax = 2 }
    for number in 1...6 as ClosedRange<UInt32> { world.endpoint(number, port: server.port) }
    let all = world.audience([1, 2, 3, 4, 5, 6])
    world.publish((0..<5).map { World.Event(id: "e\($0)", audience: all) })
    #expect(world.run { world.counters.delivered.value == 30 })
    #expect(server.inFlightMax <= 2 && server.connections <= 2)
    try expectSettled(world)
  }

  @Test func `connections are bounded over all, idle ones give way`() throws {
    let servers = (0..<5).map { _ in LoopbackServer { _, _ in Self.ok } }
    let world = World { $0.limits.connectionsMax = 2 }
    for (index, server) in servers.enumerated() {
      world.endpoint(UInt32(index + 1), port: server.port)
    }
    let all = world.audience([1, 2, 3, 4, 5])
    for number in 0..<4 { world.publish("e\(number)", to: all) }
    #expect(world.run { world.counters.delivered.value == 20 })
    #expect(world.counters.connectionsOpen.value <= 2)
    try expectSettled(world)
  }

  @Test func `a higher bound for a host counts at once for those that wait`() throws {
    let server = LoopbackServer { _, _ in .after(milliseconds: 20, Self.ok) }
    let world = World { $0.limits.perHostMax = 1 }
    for number in 1...4 as ClosedRange<UInt32> { world.endpoint(number, port: server.port) }
    let all = world.audience([1, 2, 3, 4])
    world.publish((0..<4).map { World.Event(id: "e\($0)", audience: all) })
    #expect(world.run { server.requests.count == 1 })
    var limits = world.limits
    limits.perHostMax = 4
    world.post(.limit(limits))
    #expect(world.run { world.counters.delivered.value == 16 })
    #expect(server.inFlightMax == 4)
    try expectSettled(world)
  }

  @Test func `an address that is no longer allowed is not reached by kept connections either`()
    throws
  {
    let server = LoopbackServer { _, _ in .after(milliseconds: 30, Self.ok) }
    let world = World()
    world.endpoint(1, port: server.port)
    world.endpoint(2, port: server.port, maxInFlight: 1)
    let first = world.audience([1])
    let second = world.audience([2])
    world.publish("one", to: first)
    #expect(world.run { world.counters.delivered.value == 1 })
    world.publish("two", to: second)
    #expect(world.run { server.requests.count == 2 })
    world.publish("three", to: second)
    // One connection is idle, one has a request on it.
    var limits = world.limits
    limits.addressGuard = AddressGuard()
    world.post(.limit(limits))
    #expect(world.run { world.counters.delivered.value == 2 })
    world.publish("four", to: first)
    world.run(milliseconds: 50)
    #expect(server.requests.count == 2)
    #expect(try world.status(1).depth == 1 && world.status(2).depth == 1)
    // Nothing is lost: once it is allowed again, what waits arrives.
    world.post(.limit(world.limits))
    world.skip(seconds: 10)
    #expect(world.run { world.counters.delivered.value == 4 })
    try expectSettled(world)
  }

  @Test func `a lower bound over all counts as connections end`() throws {
    let servers = (0..<5).map { _ in LoopbackServer { _, _ in Self.ok } }
    let world = World()
    for (index, server) in servers.enumerated() {
      world.endpoint(UInt32(index + 1), port: server.port)
    }
    let all = world.audience([1, 2, 3, 4, 5])
    world.publish("one", to: all)
    #expect(world.run { world.counters.delivered.value == 5 })
    #expect(world.counters.connectionsOpen.value == 5)
    var limits = world.limits
    limits.connectionsMax = 2
    world.post(.limit(limits))
    let other = LoopbackServer { _, _ in Self.ok }
    world.endpoint(6, port: other.port)
    world.publish("two", to: world.audience([6]))
    #expect(world.run { world.counters.delivered.value == 6 })
    #expect(world.counters.connectionsOpen.value == 2)
    try expectSettled(world)
  }

  @Test func `a drain finishes what is in flight and starts nothing`() throws {
    let server = LoopbackServer { _, _ in .after(milliseconds: 50, Self.ok) }
    let world = World()
    world.endpoint(1, port: server.port, maxInFlight: 2)
    let audience = world.audience([1])
    for number in 0..<6 { world.publish("e\(number)", to: audience) }
    #expect(world.run { server.requests.count == 2 })
    let done = Box(false)
    world.post(.drain { done.value = true })
    #expect(!done.value)
    #expect(world.run { done.value })
    #expect(server.requests.count == 2 && world.counters.depth.value == 4)
    #expect(try world.status(1).depth == 4)
  }

  // MARK: Names and addresses

  private func address(_ text: String) throws -> SocketAddress {
    try #require(SocketAddress(literal: text, port: 0))
  }

  @Test func `a name with one forbidden address is refused whole`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.name("mixed.example", [try address("127.0.0.1"), try address("169.254.169.254")])
    world.endpoint(1, port: server.port, host: "mixed.example")
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.attempts(.addressForbidden) == 1 })
    #expect(server.connections == 0)
  }

  @Test func `when the first address does not answer the next is tried`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.name("two.example", [try address("::1"), try address("127.0.0.1")])
    world.endpoint(1, port: server.port, host: "two.example")
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.delivered.value == 1 })
    #expect(world.counters.connects.value == 2)
  }

  @Test func `a name that does not resolve is a failed attempt with a reason`() throws {
    let world = World()
    world.endpoint(1, port: 9, host: "nowhere.example")
    world.publish("e", to: world.audience([1]))
    #expect(world.run { world.counters.attempts(.resolve) == 1 })
    let last = Box<AttemptRecord?>(nil)
    world.post(.status(EndpointNumber(1)) { _, record in last.value = record })
    #expect(last.value?.text == "no such host")
  }

  // MARK: Recovery

  @Test func `an image restores a reactor exactly`() throws {
    let server = LoopbackServer { _, index in index == 0 ? .status(500) : .silence }
    let world = World()
    world.endpoint(1, port: server.port, maxInFlight: 1)
    let audience = world.audience([1])
    for number in 0..<5 { world.publish("e\(number)", to: audience) }
    #expect(world.run { server.requests.count == 2 })
    let image = try world.image()
    let lane = try #require(image.lanes.first)
    #expect(image.walkedThrough == 5 && image.lanes.count == 1)
    // After the second event, before the third.
    #expect(lane.behind == 3 && lane.cursor > Position(sequence: 2, index: 0))
    #expect(lane.cursor <= Position(sequence: 3, index: 0))
    #expect(lane.holes.map(\.position.sequence) == [1, 2])
    #expect(lane.holes.map(\.attempt) == [1, 0])
    #expect(lane.holes[0].due.value > world.now.unix.value && lane.holes[1].due.value == 0)

    let good = LoopbackServer { _, _ in Self.ok }
    let next = World()
    let same = next.audience([1])
    for number in 0..<5 { next.publish("e\(number)", to: same) }
    next.reactor.restore(lanes: image.lanes, walkedThrough: 5, now: next.now)
    next.endpoint(1, port: good.port)
    #expect(try next.status(1).depth + next.counters.delivered.value == 5)
    #expect(next.run { next.counters.delivered.value == 4 })
    next.skip(seconds: 7)
    #expect(next.run { next.counters.delivered.value == 5 })
    #expect(Set(good.requests.map(\.id)).count == 5)
    let attempts = next.outcomes.sorted { $0.position < $1.position }.map(\.attempt)
    #expect(attempts == [2, 1, 1, 1, 1])
    next.publish("new", to: same)
    #expect(next.run { next.counters.delivered.value == 6 })
    try expectSettled(next)
  }

  // MARK: All at once

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `whatever happens each delivery is settled once and depth is exact`(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let servers = (0..<4).map { server in
      LoopbackServer { _, index in
        switch (index + server) % 11 {
        case 0: .status(404)
        case 1: .close
        case 2: .thenClose(.status(200))
        case 3: .after(milliseconds: 3, .status(200))
        case 4: .status(500)
        default: .status(200)
        }
      }
    }
    let world = World(outcomeCapacity: 64, seed: seed) {
      $0.limits.connectionsMax = 6
      $0.limits.perHostMax = 3
    }
    let delays = [UInt64](repeating: 1_000, count: 60)
    func configure(_ number: UInt32, paused: Bool) {
      world.endpoint(
        number, port: servers[Int(number - 1) % 4].port, delays: delays, maxInFlight: 4,
        paused: paused)
    }
    for number in 1...8 as ClosedRange<UInt32> { configure(number, paused: false) }
    var audiences: [(AudienceNumber, [UInt32])] = []
    for _ in 0..<6 {
      let set = (1...8 as ClosedRange<UInt32>).filter { _ in random.oneIn(2) }
      if !set.isEmpty { audiences.append((world.audience(set), set)) }
    }
    var expected = 0
    var published = 0
    for _ in 0..<24 {
      var events: [World.Event] = []
      for _ in 0..<random.below(6) {
        let (audience, set) = audiences[Int(random.below(UInt64(audiences.count)))]
        events.append(World.Event(id: "e\(published)", audience: audience))
        published += 1
        expected += set.count
      }
      let sequence = world.publish(events)
      if random.oneIn(4) { configure(UInt32(random.below(8)) + 1, paused: random.oneIn(2)) }
      world.run(milliseconds: random.below(4))
      world.turn()
      if random.oneIn(3), sequence > 2 { world.evict(sequence - 2) }
      if random.oneIn(3) { world.skip(milliseconds: random.below(2_000)) }
      // Commands come first in a turn, so this is what the statuses must sum up to.
      let depth = world.counters.depth.value
      #expect(world.statuses().reduce(0) { $0 + $1.depth } == depth)
    }
    for number in 1...8 as ClosedRange<UInt32> { configure(number, paused: false) }
    let isDone = world.run(seconds: 20) {
      world.skip(milliseconds: 200)
      return world.counters.delivered.value == UInt64(expected)
    }
    #expect(isDone, "\(world.counters.delivered.value) of \(expected)")
    let keys = world.outcomes(.delivered).map { [$0.position.packed, UInt64($0.endpoint.value)] }
    #expect(Set(keys).count == expected && keys.count == expected)
    #expect(world.counters.dead.value == 0)
    try expectSettled(world)
  }
}
