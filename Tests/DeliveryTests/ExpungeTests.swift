import Base
import Delivery
import Flow
import Platform
import Testing

// Goal: an event whose content was deleted is sent no more, wherever it waits, and settles; the others
// are sent.
// Method: a reactor with events that wait behind a pause, for a retry and for a replay.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ExpungeTests {
  private func expunge(_ world: World, _ positions: [Position]) {
    world.mailbox.post(.expunge(positions, done: {}))
    world.turn()
  }

  private func events(_ count: Int, _ world: World) -> [World.Event] {
    let audience = world.audience([1])
    return (0..<count).map { World.Event(id: "e\($0)", data: "{}", audience: audience) }
  }

  @Test func `what waits behind a pause, and what comes later`() throws {
    let server = LoopbackServer { _, _ in .status(200) }
    let world = World()
    world.endpoint(1, port: server.port, paused: true)
    world.publish(events(3, world))
    world.turn()
    expunge(world, [Position(sequence: 1, index: 1), Position(sequence: 2, index: 0)])
    world.endpoint(1, port: server.port)
    #expect(world.run { world.outcomes(.expired).count == 1 && world.counters.delivered.value == 2 })
    world.publish([World.Event(id: "gone", data: "{}", audience: world.audience([1]))])
    #expect(world.run { world.outcomes(.expired).count == 2 })
    #expect(Set(server.requests.map(\.id)) == ["e0", "e2"])
    #expect(world.outcomes(.expired).allSatisfy { $0.failure == .expunged })
    #expect(world.counters.depth.value == 0)
  }

  @Test func `what waits for a retry, and what is asked for once more`() throws {
    let server = LoopbackServer { _, number in .status(number == 0 ? 404 : 200) }
    let world = World()
    world.endpoint(1, port: server.port, delays: [60_000])
    world.publish(events(1, world))
    #expect(world.run { world.outcomes(.retry).count == 1 })
    expunge(world, [Position(sequence: 1, index: 0)])
    world.skip(seconds: 120)
    #expect(world.run { world.outcomes(.expired).count == 1 })
    world.mailbox.post(.redeliver(EndpointNumber(1), [Position(sequence: 1, index: 0)], done: { _ in }))
    #expect(world.run { world.outcomes(.expired).count == 2 })
    #expect(server.requests.count == 1 && world.counters.depth.value == 0)
  }
}
