import Base
import Delivery
import Flow
import Platform
import Testing

// Goal: a delivery whose event can't be read is dead, by a durable outcome that says why: it is
// neither sent nor forgotten.
// Method: as in ReactorTests; the test plays a Reader that finds blocks damaged.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct DamagedLogTests {
  private let server = LoopbackServer { _, _ in .status(200) }

  private func expectSettled(_ world: World) throws {
    #expect(world.counters.depth.value == 0)
    #expect(try world.image().lanes.isEmpty)
  }

  @Test func `each event of a block with good headers is given up by its place`() throws {
    let world = World()
    world.endpoint(1, port: server.port, paused: true)
    world.endpoint(2, port: server.port)
    let (mine, other) = (world.audience([1]), world.audience([2]))
    for number in 0..<3 {
      world.publish(
        [other, mine, other, mine].map { World.Event(id: "e\(number)", audience: $0) })
    }
    #expect(world.run { world.counters.delivered.value == 6 })
    for sequence in 1...3 as ClosedRange<UInt64> { world.evict(sequence) }
    world.damage(2, sparesHeaders: true)
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 10 && world.counters.depth.value == 0 })
    let dead = world.outcomes(.dead)
    #expect(dead.map(\.position) == [1, 3].map { Position(sequence: 2, index: $0) })
    #expect(dead.allSatisfy { $0.failure == .logDamaged && !$0.isLoss && $0.attempt == 0 })
    #expect(dead.allSatisfy { $0.endpoint == EndpointNumber(1) })
    #expect(world.counters.dead.value == 2)
    #expect(server.requests.count { $0.id == "e1" } == 2, "those of endpoint 2 only")
    world.publish("last", to: mine)
    #expect(world.run { world.counters.delivered.value == 11 })
    #expect(world.run { world.blocksLent == 0 })
    try expectSettled(world)
  }

  @Test(arguments: [false, true])
  func `a retry into damage keeps its attempts and is given up`(_ sparesHeaders: Bool) throws {
    let failing = LoopbackServer { _, index in .status(index < 2 ? 404 : 200) }
    let world = World()
    world.endpoint(1, port: failing.port)
    let audience = world.audience([1])
    let positions = (0..<2).map { world.publish("e\($0)", to: audience) }
    #expect(world.run { world.counters.retried.value == 2 })
    for position in positions { world.evict(position.sequence) }
    world.damage(positions[1].sequence, sparesHeaders: sparesHeaders)
    world.skip(seconds: 7)
    #expect(world.run { world.counters.delivered.value == 1 && world.counters.dead.value == 1 })
    let dead = try #require(world.outcomes(.dead).first)
    #expect(dead.position == positions[1] && dead.attempt == 1 && dead.failure == .logDamaged)
    try expectSettled(world)
  }

  @Test func `what nothing can be read of is given up by its number`() throws {
    let world = World()
    world.endpoint(1, port: server.port, paused: true)
    let audience = world.audience([1])
    for number in 0..<4 {
      world.publish((0..<3).map { World.Event(id: "e\(number)-\($0)", audience: audience) })
    }
    world.turn()
    for sequence in 1...4 as ClosedRange<UInt64> { world.evict(sequence) }
    world.damage(2)
    world.damage(4)
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.delivered.value == 6 && world.counters.depth.value == 0 })
    let dead = try #require(world.outcomes(.dead).first)
    #expect(world.outcomes(.dead).count == 1 && dead.isLoss && dead.deliveries == 6)
    #expect(dead.position.sequence == 4 && dead.endpoint == EndpointNumber(1))
    #expect(world.counters.dead.value == 6)
    try expectSettled(world)
  }

  @Test func `nothing is given up without a slot for its outcome`() throws {
    let world = World(outcomeCapacity: 2)
    world.drainsOutcomes = false
    world.endpoint(1, port: server.port, paused: true)
    let audience = world.audience([1])
    world.publish((0..<5).map { World.Event(id: "e\($0)", audience: audience) })
    world.turn()
    world.evict(1)
    world.damage(1, sparesHeaders: true)
    world.endpoint(1, port: server.port)
    #expect(world.run { world.counters.dead.value == 2 })
    world.run(milliseconds: 10)
    #expect(world.counters.dead.value == 2 && world.counters.depth.value == 3)
    world.drainsOutcomes = true
    #expect(world.run { world.counters.dead.value == 5 })
    #expect(Set(world.outcomes(.dead).map(\.position)).count == 5 && server.requests.isEmpty)
    try expectSettled(world)
  }
}
