import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: a reactor gets back what was stored, in the lent blocks and no more of them.
/// Method: a journal fills segments; requests go in by ring.
struct ReaderTests {
  let directory = TemporaryDirectory()
  private let requests = Ring<LoadRequest>(capacity: 16)
  private let replies = Ring<LoadReply>(capacity: 16)
  private let returns = Ring<LoadReply>(capacity: 16)

  /// What was lent is looked at after the reader's last turn: it must not go with that.
  private final class Kept { var readers: [Reader] = [] }
  private let kept = Kept()

  private func makeReader(_ world: World, blocks: Int = 2) -> Reader {
    let reader = Reader(
      index: world.recovered.index, directory: directory.path, disk: RealDisk(),
      requests: [requests], replies: [replies], returns: [returns], reactorWakeups: [Wakeup()],
      blocks: blocks)
    kept.readers.append(reader)
    return reader
  }

  @Test func `the first block with events at or after a sequence comes back`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    world.seal([audience, audience], bytes: 3000, id: "a")
    world.settle(milliseconds: 200)
    world.push(.delivered, 1, Position(sequence: 1, index: 0))
    world.settle(milliseconds: 200)
    world.seal([audience], id: "b")
    world.settle(milliseconds: 3)
    let reader = makeReader(world)
    #expect(requests.push(LoadRequest(sequence: 1)) && requests.push(LoadRequest(sequence: 2)))
    #expect(requests.push(LoadRequest(sequence: 99)) && reader.hasWork)
    _ = reader.turn(now: world.now)
    let first = try #require(replies.pop())
    #expect(first.requested == 1 && first.sequence == 1 && !first.damaged)
    let block = try #require(first.block)
    #expect(block.eventCount == 2 && block.sequence == 1)
    #expect(unsafe Array(block.event(1).id) == Array("a1".utf8))
    #expect(unsafe Array(block.event(1).data) == [UInt8](repeating: 120, count: 3000))
    let second = try #require(replies.pop())
    #expect(second.requested == 2 && second.sequence == world.committedSequences[1])
    let none = try #require(replies.pop())
    #expect(none.sequence == 0 && none.block == nil && !none.damaged && !reader.hasWork)
  }

  @Test func `requests wait until a lent block is given back`() throws {
    let world = try World(directory.path)
    for _ in 0..<3 {
      world.seal([world.audience(1)])
      world.settle(milliseconds: 1)
    }
    let reader = makeReader(world, blocks: 1)
    for sequence in [3, 1, 2] as [UInt64] {
      #expect(requests.push(LoadRequest(sequence: sequence)))
    }
    var order: [UInt64] = []
    for _ in 0..<3 {
      _ = reader.turn(now: world.now)
      let reply = try #require(replies.pop())
      #expect(replies.pop() == nil)
      order.append(reply.sequence)
      #expect(returns.push(reply))
    }
    #expect(order == [1, 2, 3])
  }

  @Test func `a large event is lent in a large block`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 900_000, random: true)
    world.settle(milliseconds: 5)
    let reader = makeReader(world)
    #expect(requests.push(LoadRequest(sequence: 1)))
    _ = reader.turn(now: world.now)
    let reply = try #require(replies.pop())
    #expect(reply.block?.payloadCapacity == BlockLimits.largePayloadBytes)
    #expect(reply.block?.event(0).header.dataLength == 900_000)
  }

  @Test func `a damaged block is said to be damaged`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 2000, random: true)
    world.settle(milliseconds: 3)
    let struck = try world.strike(block: 1, at: -200)
    let reader = makeReader(world)
    #expect(requests.push(LoadRequest(sequence: 1)))
    _ = reader.turn(now: world.now)
    let reply = try #require(replies.pop())
    #expect(reply.damaged && reply.sequence == 1)
    // The header section is whole: it tells whom the event was for. Not a byte of it is lent.
    let block = try #require(reply.block)
    #expect(block.eventCount == 1 && block.header(0).dataLength == 2000)
    #expect(unsafe block.payload.allSatisfy { $0 == 0 })
    #expect(reader.damaged.value == 1)
    // Told once by its place, however often it is asked for.
    #expect(requests.push(LoadRequest(sequence: 1)))
    _ = reader.turn(now: world.now)
    #expect(
      reader.damage.drain() == [
        .damaged(
          path: struck.path, offset: struck.offset, reason: "the payload's checksum is wrong")
      ])
  }

  @Test func `a block with damaged headers is not lent`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 2000, random: true)
    world.settle(milliseconds: 3)
    try world.strike(block: 1, at: 100)
    let reader = makeReader(world)
    #expect(requests.push(LoadRequest(sequence: 1)))
    _ = reader.turn(now: world.now)
    let reply = try #require(replies.pop())
    #expect(reply.damaged && reply.sequence == 1 && reply.block == nil)
  }

  @Test func `a read that the disk refuses is tried again, and nothing is passed over`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 2000)
    world.settle(milliseconds: 3)
    let place = try #require(world.recovered.index.find(atOrAfter: 1))
    let path = DirectoryLayout(root: directory.path).segment(place.segment)
    let reader = makeReader(world)
    try RealDisk().rename(path, to: path + ".away")
    #expect(requests.push(LoadRequest(sequence: 1)))
    let again = reader.turn(now: world.now)
    #expect(replies.pop() == nil && reader.refused.value == 1 && reader.damaged.value == 0)
    #expect(again == world.now.instant + .seconds(1))
    var later = world.now
    later.instant = again
    // Refused twice and told once, with the path.
    #expect(reader.turn(now: later) == again + .seconds(1) && reader.refused.value == 2)
    let told = reader.refusals.drain()
    #expect(told.count == 1 && told.allSatisfy { "\($0)".hasPrefix(path + ": open") })
    try RealDisk().rename(path + ".away", to: path)
    later.instant = again + .seconds(1)
    // Only the open file is to be looked after.
    #expect(reader.turn(now: later) == later.instant + .seconds(2))
    let reply = try #require(replies.pop())
    #expect(reply.sequence == 1 && !reply.damaged && reply.block?.eventCount == 1)
  }

  @Test func `a block whose segment was freed is passed over`() throws {
    let world = try World(directory.path)
    for _ in 0..<40 {
      world.seal([world.audience(1)], bytes: 100_000, random: true)
      world.settle(milliseconds: 1)
    }
    let index = world.recovered.index
    let first = try #require(index.facts.first)
    let reader = makeReader(world)
    try RealDisk().remove(DirectoryLayout(root: directory.path).segment(first.number))
    index.remove(segment: first.number)
    #expect(requests.push(LoadRequest(sequence: 1)))
    _ = reader.turn(now: world.now)
    let reply = try #require(replies.pop())
    #expect(reply.sequence > first.lastSequence && reply.block != nil)
  }
}
