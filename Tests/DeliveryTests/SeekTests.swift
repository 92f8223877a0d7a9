import Base
import Delivery
import Flow
import Testing

// Goal: lanes whose events are few in a long backlog get all of them, oldest first, and the backlog
// is read about once for all of them.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct SeekTests {
  private static let ok = LoopbackServer.Answer.status(200)
  private static let laneCount: UInt32 = 24
  private static let blockCount: UInt64 = 96

  /// A backlog on disk of one delivery a block: the first block is for endpoint 1, the 25th again.
  private func sparse(_ server: LoopbackServer) -> World {
    let world = World()
    for lane in 0..<Self.laneCount { world.endpoint(lane + 1, port: server.port, paused: true) }
    let audiences = (0..<Self.laneCount).map { world.audience([$0 + 1]) }
    for block in 0..<Int(Self.blockCount) {
      let sequence = world.publish([
        World.Event(id: "other\(block)", audience: .empty),
        World.Event(id: "e\(block)", audience: audiences[block % audiences.count]),
      ])
      world.turn()
      world.evict(sequence)
    }
    return world
  }

  private func resume(_ world: World, _ server: LoopbackServer, ordered: Bool = false) {
    for lane in 0..<Self.laneCount {
      world.endpoint(lane + 1, port: server.port, ordered: ordered)
    }
  }

  private func expectSettled(_ world: World) throws {
    #expect(world.run { world.blocksLent == 0 })
    #expect(world.counters.depth.value == 0)
    #expect(world.statuses().allSatisfy { $0.depth == 0 && $0.inFlight == 0 })
    #expect(try world.image().lanes.isEmpty)
  }

  @Test func `all get their own once, and blocks are read about once`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = sparse(server)
    #expect(world.counters.depth.value == Self.blockCount)
    world.readerAnswers = 0
    resume(world, server)
    // A Reader slower than the endpoints, which begin with one attempt at a time.
    while world.counters.delivered.value < Self.blockCount {
      world.readerAnswers = 1
      try #require(
        world.run {
          world.readerAnswers == 0 || world.counters.delivered.value == Self.blockCount
        })
      world.turn()
      try #require(world.run { world.counters.inFlight.value == 0 })
    }
    let delivered = world.outcomes(.delivered)
    #expect(Set(delivered.map(\.position)).count == Int(Self.blockCount))
    #expect(
      delivered.allSatisfy {
        ($0.position.sequence - 1) % UInt64(Self.laneCount) + 1 == UInt64($0.endpoint.value)
      })
    #expect(world.loads == Array(1...Self.blockCount))
    try expectSettled(world)
  }

  @Test func `an ordered endpoint gets its own in order`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = sparse(server)
    resume(world, server, ordered: true)
    #expect(world.run { world.counters.delivered.value == Self.blockCount })
    var last: [EndpointNumber: Position] = [:]
    for outcome in world.outcomes(.delivered) {
      #expect(last[outcome.endpoint] ?? .start < outcome.position)
      last[outcome.endpoint] = outcome.position
    }
    try expectSettled(world)
  }

  @Test func `whoever seeks is told where it is, and a restart goes on from there`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = sparse(server)
    // Its events are in the blocks 24, 48, 72 and 96.
    world.readerAnswers = 5
    world.endpoint(24, port: server.port)
    #expect(world.run { world.loads.count == 5 && world.counters.delivered.value == 1 })
    world.run(milliseconds: 5)
    #expect(world.loads == [24, 25, 26, 27, 28])
    let reached = Position(sequence: 29, index: 0)
    let status = try world.status(24)
    #expect(status.depth == 3 && status.oldest == reached)
    let image = try #require(world.image().lanes.first { $0.endpoint.value == 24 })
    #expect(image.cursor == reached && image.behind == 3)
    world.readerAnswers = .max
    resume(world, server)
    #expect(world.run { world.counters.delivered.value == Self.blockCount })
    try expectSettled(world)
  }

  @Test func `an endpoint that is removed while it seeks leaves nothing behind`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = sparse(server)
    world.readerAnswers = 5
    world.endpoint(24, port: server.port)
    #expect(world.run { world.loads.count == 5 && world.counters.delivered.value == 1 })
    #expect(try world.remove(24).pending == 3)
    world.readerAnswers = .max
    resume(world, server)
    #expect(world.run { world.counters.delivered.value == Self.blockCount - 3 })
    #expect(world.statuses().count == Int(Self.laneCount) - 1)
    try expectSettled(world)
  }

  @Test func `a retry that comes due is sent although its lane seeks`() throws {
    let server = LoopbackServer { _, index in index == 0 ? .status(404) : Self.ok }
    let world = World()
    world.endpoint(1, port: server.port)
    let (mine, others) = (world.audience([1]), world.audience([2]))
    world.publish("first", to: mine)
    #expect(world.run { world.counters.retried.value == 1 })
    world.endpoint(1, port: server.port, paused: true)
    world.publish("second", to: mine)
    for number in 0..<8 { world.publish("other\(number)", to: others) }
    world.publish("last", to: mine)
    world.run(milliseconds: 5)
    for sequence in 1...11 as ClosedRange<UInt64> { world.evict(sequence) }
    // Resumed, the retry is due at once; the lane seeks on behind it, and falls over another.
    world.readerAnswers = 4
    world.endpoint(1, port: server.port)
    #expect(world.run { world.loads.count == 4 })
    world.readerAnswers = .max
    #expect(world.run { world.counters.delivered.value == 3 })
    #expect(world.outcomes(.delivered).map(\.position.sequence) == [1, 2, 11])
  }

  @Test func `an unreadable block costs only those whose events were in it`() throws {
    let server = LoopbackServer { _, _ in Self.ok }
    let world = sparse(server)
    // Nothing can be read of the first, the headers of the second.
    world.damage(30)
    world.damage(40, sparesHeaders: true)
    resume(world, server)
    #expect(world.run { world.counters.delivered.value == Self.blockCount - 2 })
    #expect(world.run { world.counters.dead.value == 2 })
    #expect(world.outcomes(.dead).allSatisfy { $0.failure == .logDamaged })
    try expectSettled(world)
  }
}
