import Base
import Delivery
import Flow
import Platform
import Testing

// Goal: what somebody asks for is sent once, behind live traffic, and never lost on the way.
// Method: as in ReactorTests; a receiver that holds its answers back shows who waits for whom.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ReplayTests {
  private static let ok = LoopbackServer.Answer.status(200)

  private func redeliver(
    _ world: World, _ endpoint: UInt32, _ positions: [Position]
  ) throws -> Redelivery {
    let kept = Box<Redelivery?>(nil)
    world.post(
      .redeliver(EndpointNumber(endpoint), positions, done: { result in kept.value = result }))
    return try #require(kept.value)
  }

  @Test func `settled deliveries are sent again, pending ones are not`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let position = world.publish("a", to: world.audience([1]))
    #expect(world.run { world.counters.delivered.value == 1 })
    let result = try redeliver(world, 1, [position, position, Position(sequence: 99, index: 0)])
    #expect(result.taken == 1 && result.pending == 1 && result.left == 1 && result.hasLane)
    #expect(world.run { world.counters.delivered.value == 2 })
    #expect(server.requests.map(\.id) == ["a", "a"])
    let opened = try #require(world.outcomes(.retry).first)
    #expect(opened.isRedelivery && opened.position == position)
    #expect(result.outcomeIndex == 2 && world.outcomes[1].isRedelivery)
    #expect(world.counters.deliveryLag.snapshot().counts.reduce(0, +) == 1)
    #expect(world.counters.depth.value == 0)
    #expect(try world.image().lanes.isEmpty)
  }

  @Test func `an endpoint outside the audience gets the event too`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let position = world.publish("a", to: world.audience([1]))
    #expect(world.run { world.counters.delivered.value == 1 })
    world.evict(position.sequence)
    world.endpoint(2, port: server.port, path: "/second")
    #expect(try redeliver(world, 2, [position]).taken == 1)
    #expect(world.run { world.counters.delivered.value == 2 })
    #expect(world.outcomes(.delivered).last?.endpoint == EndpointNumber(2))
    #expect(world.loads == [position.sequence])
  }

  @Test func `a replay has a quarter of the slots, and live events find the others free`() throws {
    let server = LoopbackServer { request, _ in
      request.id.hasPrefix("old") ? .after(milliseconds: 150, Self.ok) : Self.ok
    }
    let world = World()
    world.endpoint(1, port: server.port, maxAge: 1, paused: true)
    world.endpoint(2, port: server.port, maxInFlight: 8)
    let audience = world.audience([1])
    let positions = (0..<40).map { world.publish("old\($0)", to: audience) }
    world.turn()
    let result = try redeliver(world, 2, positions)
    #expect(result.taken == 32 && result.left == 8, "four for each slot")
    #expect(try world.status(2).depth == 32)
    #expect(world.run { world.counters.inFlight.value == 2 })
    for number in 0..<20 { world.publish("new\(number)", to: world.audience([2])) }
    #expect(world.run { server.requests.count { $0.id.hasPrefix("new") } == 20 })
    #expect(server.requests.count { $0.id.hasPrefix("old") } <= 4)
    #expect(try redeliver(world, 2, Array(positions.suffix(8))).taken <= 4)
  }

  @Test func `a lane behind takes a trickle of what it has passed, and nothing ahead`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, maxInFlight: 4)
    let audience = world.audience([1])
    let early = (0..<6).map { world.publish("e\($0)", to: audience) }
    #expect(world.run { world.counters.delivered.value == 6 })
    world.endpoint(1, port: server.port, maxInFlight: 4, paused: true)
    let late = world.publish("late", to: audience)
    world.turn()
    #expect(try redeliver(world, 1, []).backlog == late)
    #expect(try redeliver(world, 1, [late]).left == 1)
    let result = try redeliver(world, 1, early)
    #expect(result.taken == 1 && result.left == 5)
    world.endpoint(1, port: server.port, maxInFlight: 4)
    #expect(world.run { world.counters.delivered.value == 8 })
    #expect(server.requests.count { $0.id == "late" } == 1)
    #expect(try redeliver(world, 1, []).backlog == nil)
  }

  @Test func `an event older than max-age is sent when somebody asks, and retried`() throws {
    let server = LoopbackServer { _, index in index == 0 ? .status(400) : Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, delays: [50], maxAge: 1_000)
    let sequence = world.publish([
      World.Event(id: "old", audience: world.audience([2]), ageMilliseconds: 60_000)
    ])
    world.turn()
    #expect(try redeliver(world, 1, [Position(sequence: sequence, index: 0)]).taken == 1)
    #expect(world.run { world.counters.delivered.value == 1 })
    #expect(server.requests.count == 2 && world.counters.expired.value == 0)
  }

  @Test func `what waits is in the image and comes back as a replay`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = World()
    world.endpoint(1, port: server.port, maxAge: 1_000, paused: true)
    let sequence = world.publish([
      World.Event(id: "old", audience: world.audience([9]), ageMilliseconds: 60_000)
    ])
    world.turn()
    let position = Position(sequence: sequence, index: 0)
    #expect(try redeliver(world, 1, [position]).taken == 1)
    let image = try world.image()
    let lane = try #require(image.lanes.first { $0.endpoint == EndpointNumber(1) })
    #expect(lane.holes.map(\.position) == [position] && lane.holes[0].isReplay)
    let next = World()
    next.publish([World.Event(id: "old", audience: .empty, ageMilliseconds: 60_000)])
    next.reactor.restore(lanes: [lane], walkedThrough: sequence, now: next.now)
    next.endpoint(1, port: server.port, maxAge: 1_000)
    #expect(next.run { next.counters.delivered.value == 1 })
  }

  @Test func `a removed or unknown endpoint takes nothing`() throws {
    let world = World()
    let position = world.publish("a", to: world.audience([1]))
    _ = try world.remove(1)
    let result = try redeliver(world, 1, [position])
    #expect(!result.hasLane && result.taken == 0)
    #expect(try !redeliver(world, 5, [position]).hasLane)
  }
}
