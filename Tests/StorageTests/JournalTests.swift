import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: nothing is known before it is durable, and in order; outcomes keep their times.
/// Method: turns with a clock and a sync queue that the test holds.
struct JournalTests {
  let directory = TemporaryDirectory()

  @Test func `blocks are committed in order and only after their sync`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1, 2)
    world.sync.isHeld = true
    for _ in 0..<3 { world.seal([audience, .empty]) }
    world.turn()
    #expect(world.sync.submissions == 1 && world.window.committedThrough == 0)
    #expect(!world.isFree)
    world.seal([audience])
    world.advance(microseconds: 500)
    world.turn()
    #expect(world.sync.submissions == 1 && world.committedSequences.isEmpty)
    world.sync.isHeld = false
    world.turn()
    #expect(world.committedSequences == [1, 2, 3])
    world.settle(milliseconds: 2)
    #expect(world.committedSequences == [1, 2, 3, 4] && world.window.committedThrough == 4)
    #expect(world.counters.accepted.value == 7)
  }

  @Test func `who publishes alone does not wait for another thread`() throws {
    let world = try World(directory.path)
    world.sync.worksHere = true
    world.seal([.empty])
    world.turn()
    #expect(world.sync.syncsHere == 1 && world.sync.submissions == 0)
    #expect(world.committedSequences == [1])
    // Others may come while this one is synced.
    world.advance(microseconds: 1_000)
    world.seal([.empty])
    world.turn()
    #expect(world.sync.syncsHere == 1 && world.sync.submissions == 1)
    world.turn()
    world.advance(microseconds: 6_000)
    world.seal([.empty])
    world.turn()
    #expect(world.sync.syncsHere == 2 && world.committedSequences == [1, 2, 3])
  }

  @Test func `a sync that fails here fails as one beside`() throws {
    let world = try World(directory.path)
    world.sync.worksHere = true
    world.sync.failureCode = 5
    world.seal([.empty])
    world.turn()
    #expect(world.journal.failure?.code == 5 && world.committedSequences.isEmpty)
  }

  @Test func `blocks sealed during a sync share the next write`() throws {
    let world = try World(directory.path)
    world.sync.isHeld = true
    world.seal([.empty])
    world.turn()
    for _ in 0..<8 {
      world.seal([.empty])
      world.turn()
    }
    world.sync.isHeld = false
    world.advance(microseconds: 500)
    world.turn()
    world.turn()
    #expect(world.counters.writes.value == 2 && world.sync.submissions == 2)
    #expect(world.committedSequences == Array(1...9))
  }

  @Test func `two commits lie at least 0.2 ms apart`() throws {
    let world = try World(directory.path)
    world.seal([.empty])
    world.turn()
    world.turn()
    world.seal([.empty])
    let deadline = world.turn()
    #expect(world.counters.writes.value == 1)
    #expect(deadline.since(world.now.instant).count <= 200_000)
    world.advance(microseconds: 200)
    world.turn()
    #expect(world.counters.writes.value == 2)
  }

  @Test func `with durability os a write commits`() throws {
    let world = try World(directory.path, durability: .os)
    world.sync.isHeld = true
    world.seal([.empty])
    world.turn()
    #expect(world.committedSequences == [1] && world.sync.submissions == 0)
    world.advance(microseconds: 100_000)
    world.turn()
    #expect(world.sync.submissions == 1)
  }

  @Test func `outcomes alone are written within 5 ms and synced within 100 ms`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    world.seal([audience])
    world.settle(milliseconds: 300)
    let writes = world.counters.writes.value
    let syncs = world.sync.submissions
    world.push(.delivered, 1, Position(sequence: 1, index: 0))
    let begin = world.now.instant
    var writtenAfter: Nanoseconds?
    var syncedAfter: Nanoseconds?
    for _ in 0..<1200 {
      world.turn()
      let passed = world.now.instant.since(begin)
      if writtenAfter == nil, world.counters.writes.value > writes { writtenAfter = passed }
      if syncedAfter == nil, world.sync.submissions > syncs { syncedAfter = passed }
      world.advance(microseconds: 100)
    }
    let written = try #require(writtenAfter)
    let synced = try #require(syncedAfter)
    #expect(written.milliseconds >= 3 && written < .milliseconds(5))
    #expect(synced.milliseconds >= 50 && synced < .milliseconds(100))
    #expect(world.journal.durableOutcomes(reactor: 0) == 1)
  }

  @Test func `outcomes ride on the sync of events and cause none of their own`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    world.seal([audience])
    world.settle(milliseconds: 2)
    let syncs = world.sync.submissions
    for index in 0..<20 {
      world.push(.delivered, 1, Position(sequence: UInt64(index + 1), index: 0))
      world.seal([audience])
      world.turn()
      world.advance(microseconds: 300)
      world.turn()
    }
    world.turn()
    #expect(world.sync.submissions - syncs == 20)
    #expect(world.journal.durableOutcomes(reactor: 0) == 20)
    #expect(world.counters.delivered.value == 20)
  }

  @Test func `dead deliveries reach the control plane only when durable`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 2)
    world.sync.isHeld = true
    world.push(.dead, 1, Position(sequence: 1, index: 0))
    world.push(.retry, 1, Position(sequence: 1, index: 0))
    world.settle(milliseconds: 200)
    #expect(world.settled.drain().isEmpty)
    world.sync.isHeld = false
    world.settle(milliseconds: 2)
    #expect(world.settled.drain().map(\.kind) == [.dead])
  }

  @Test func `a failed sync stops everything and acknowledges nothing`() throws {
    let world = try World(directory.path)
    world.sync.failureCode = 5
    world.seal([.empty])
    world.turn()
    world.turn()
    #expect(world.journal.failure?.code == 5 && world.journal.failurePath?.isEmpty == false)
    world.sync.failureCode = 0
    world.seal([.empty])
    world.settle(milliseconds: 5)
    #expect(world.committedSequences.isEmpty && world.window.committedThrough == 0)
    #expect(!world.isFree)
  }

  @Test func `silence is stated once in a synced empty block`() throws {
    let world = try World(directory.path)
    world.seal([.empty])
    world.settle(milliseconds: 400)
    #expect(world.window.committedThrough == 2 && world.sync.submissions == 2)
    let recovered = try Recovery.open(
      directory: directory.path, disk: RealDisk(), now: world.now,
      segmentBytes: World.segmentBytes)
    #expect(recovered.wasClean && recovered.nextSequence == 3)
  }

  @Test func `a full segment rolls to the next one and every block is found in its place`() throws {
    let world = try World(directory.path)
    let audience = world.audience(3, 4)
    var expected: [UInt64] = []
    for index in 0..<40 {
      world.seal([audience, audience], bytes: 60_000, id: "e\(index)-", random: true)
      world.settle(milliseconds: 1)
    }
    world.settle(milliseconds: 20)
    expected = world.committedSequences
    #expect(expected.count == 40 && world.recovered.index.facts.count >= 3)
    let reader = LogReader(
      index: world.recovered.index, directory: directory.path, disk: RealDisk())
    for (index, sequence) in expected.enumerated() {
      let event = try reader.event(at: Position(sequence: sequence, index: 1))
      #expect(event.id == "e\(index)-1" && event.type == "job.done" && event.data.count == 60_000)
    }
    #expect(world.keeper.checkpoints.value >= 1)
  }

  @Test func `an event of one mebibyte gets a block of its own`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: BlockLimits.dataBytesMax, random: true)
    world.settle(milliseconds: 5)
    world.seal([world.audience(2)], bytes: BlockLimits.dataBytesMax, random: true)
    world.settle(milliseconds: 20)
    let reader = LogReader(
      index: world.recovered.index, directory: directory.path, disk: RealDisk())
    let last = try #require(world.committedSequences.last)
    #expect(world.committedSequences.count == 2)
    #expect(try reader.event(at: Position(sequence: last, index: 0)).data.count == 1 << 20)
  }

  @Test func `definitions too large for an event block get blocks of their own`() throws {
    let world = try World(directory.path)
    let members = (1...80_000).map { EndpointNumber($0) }
    let audience = try #require(world.window.audiences.append(members))
    world.seal([audience])
    world.settle(milliseconds: 5)
    #expect(world.committedSequences == [2])
    let again = try World(directory.path, start: 5_000)
    #expect(unsafe again.recovered.audiences.endpoints(of: audience).count == 80_000)
    #expect(again.recovered.lanes.count == 80_000 && again.recovered.endpointHighWater == 80_000)
  }
}
