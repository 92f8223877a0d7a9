import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: deliveries that went with their endpoint are counted as removed, across restarts too.
struct TombstoneTests {
  private func push(_ outcome: Outcome, _ world: World) {
    #expect(world.outcomes[0].push(outcome))
  }

  @Test func `a tombstone says how many deliveries it dropped`() {
    let outcome = Outcome(
      tombstoneOf: EndpointNumber(3), at: .start, dropped: 12, time: UnixMilliseconds(5))
    #expect(outcome.kind == .endpointRemoved && outcome.dropped == 12)
    #expect(outcome.due == UnixMilliseconds(5) && outcome.endpoint == EndpointNumber(3))
    let huge = Outcome(
      tombstoneOf: EndpointNumber(3), at: .start, dropped: .max, time: UnixMilliseconds(5))
    #expect(huge.dropped == UInt64(UInt32.max))
    let other = Outcome(
      position: .start, endpoint: EndpointNumber(3), kind: .delivered, attempt: 1,
      due: UnixMilliseconds(5), durationMicroseconds: 9)
    #expect(other.dropped == 0)
  }

  @Test func `dropped deliveries count as removed, and survive a kill`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 3)
    push(
      Outcome(tombstoneOf: EndpointNumber(1), at: .start, dropped: 7, time: world.now.unix), world)
    world.settle(milliseconds: 10)
    #expect(world.counters.lifetime.removed == 7)
    let log = try World(directory.path, start: 20_000).recovered
    #expect(log.counters.removed == 7)
    #expect(log.removedEndpoints == [EndpointNumber(1)])
  }
}
