import Base
import Flow
import Platform
import Storage
import Synchronization
import Testing

/// Goal: an event that is kept can be read after its segment went, across a restart, until it is let
/// go; and while nobody can tell what is kept, nothing goes.
/// Method: a log that nobody waits for, segments that are due as soon as they are closed.
struct KeptEventsTests {
  /// Keeps what it is told.
  private final class Kept: KeptEvents {
    struct State: Sendable {
      var positions: [Position] = []
      var isComplete = true
      var isKnown = true
      var asked: [UnixMilliseconds] = []
    }
    let state = Mutex(State())

    func isComplete(before instant: Instant) -> Bool { state.withLock { $0.isComplete } }

    func positions(first: UInt64, last: UInt64, since: UnixMilliseconds) -> [Position]? {
      state.withLock { state in
        state.asked.append(since)
        return state.isKnown
          ? state.positions.filter { (first...last).contains($0.sequence) } : nil
      }
    }

    func hasAny(first: UInt64, last: UInt64, since: UnixMilliseconds) -> Bool {
      positions(first: first, last: last, since: since).map { !$0.isEmpty } ?? true
    }
  }

  let directory = TemporaryDirectory()
  private let kept = Kept()

  private func backlog() throws -> Backlog {
    let world = try World(directory.path, retentionSeconds: 0, kept: kept)
    let backlog = Backlog(world)
    world.images = { world in
      [ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: [])]
    }
    return backlog
  }

  private func event(_ log: SegmentIndex, _ position: Position) -> String? {
    let reader = LogReader(index: log, directory: directory.path, disk: RealDisk())
    return (try? reader.event(at: position))?.id
  }

  @Test func `what is kept moves to the spool and goes when it is let go`() throws {
    let backlog = try backlog()
    let world = backlog.world
    backlog.seal(11)
    // Two neighbours in one block, and one alone.
    let places = [(3, 1), (3, 2), (8, 0)].map {
      Position(sequence: backlog.sequences[$0.0], index: $0.1)
    }
    kept.state.withLock { $0.positions = places }
    backlog.seal(49)
    world.settle(milliseconds: 100)
    let index = world.recovered.index
    #expect(world.keeper.segmentsFreed.value >= 3)
    #expect(index.ranges.reduce(0) { $0 + $1.events } == 3)
    #expect(places.map { event(index, $0) } == ["e3-1", "e3-2", "e8-0"])
    #expect(event(index, Position(sequence: backlog.sequences[3], index: 0)) == nil)
    #expect(event(index, Position(sequence: backlog.sequences[4], index: 0)) == nil)
    // What a checkpoint does not know yet to be pending again counts as well.
    #expect(kept.state.withLock { $0.asked.allSatisfy { $0.value > 1_700_000_000_000 } })
    let expired = world.keeper.expiredByAge
    #expect(expired.segments.value == world.keeper.segmentsFreed.value)
    let gone = backlog.sequences.count { $0 < index.facts[0].firstSequence }
    #expect(expired.events.value == UInt64(3 * gone - 3))
    #expect(world.keeper.expiredBySpace.segments.value == 0 && expired.bytes.value > 0)

    let log = try Recovery.open(
      directory: directory.path, disk: RealDisk(), now: world.now,
      segmentBytes: World.segmentBytes)
    #expect(log.report == [])
    #expect(places.map { event(log.index, $0) } == ["e3-1", "e3-2", "e8-0"])
  }

  @Test func `a range goes with the last event that is kept of it`() throws {
    let backlog = try backlog()
    let world = backlog.world
    backlog.seal(11)
    let places = [3, 8].map { Position(sequence: backlog.sequences[$0], index: 0) }
    kept.state.withLock { $0.positions = places }
    backlog.seal(30)
    world.settle(milliseconds: 100)
    #expect(world.recovered.index.ranges.count == 1)
    kept.state.withLock { $0.positions = [places[1]] }
    backlog.seal(40)
    world.settle(milliseconds: 100)
    #expect(world.recovered.index.ranges.count == 1)
    #expect(event(world.recovered.index, places[1]) == "e8-0")
    let reader = LogReader(
      index: world.recovered.index, directory: directory.path, disk: RealDisk())
    let time = try reader.event(at: places[1]).time
    #expect(reader.times(at: [Position(sequence: 1 << 40, index: 0), places[1]]) == [nil, time])
    kept.state.withLock { $0.positions = [] }
    backlog.seal(40)
    world.settle(milliseconds: 100)
    #expect(world.recovered.index.ranges.isEmpty)
    #expect(event(world.recovered.index, places[1]) == nil)
  }

  @Test func `nothing goes while it cannot be told what is kept`() throws {
    let backlog = try backlog()
    let world = backlog.world
    kept.state.withLock { $0.isKnown = false }
    backlog.seal(60)
    world.settle(milliseconds: 100)
    #expect(world.keeper.segmentsFreed.value == 0 && world.recovered.index.ranges.isEmpty)
    kept.state.withLock {
      $0.isKnown = true
      $0.isComplete = false
    }
    backlog.seal(40)
    world.settle(milliseconds: 100)
    #expect(world.keeper.segmentsFreed.value == 0)
    kept.state.withLock { $0.isComplete = true }
    world.settle(milliseconds: 400)
    #expect(world.keeper.segmentsFreed.value >= 3 && world.recovered.index.ranges.isEmpty)
  }

  @Test func `several events are looked up at once, whatever their order`() throws {
    let backlog = try backlog()
    backlog.seal(5)
    let places = [(4, 2), (1, 0), (4, 0), (1, 2), (0, 1)]
    let positions = places.map { Position(sequence: backlog.sequences[$0.0], index: $0.1) }
    let missing = [
      Position(sequence: backlog.sequences[2], index: 7), Position(sequence: 1 << 40, index: 0),
    ]
    let reader = LogReader(
      index: backlog.world.recovered.index, directory: directory.path, disk: RealDisk())
    let found = reader.identities(at: missing + positions)
    #expect(found.prefix(2).allSatisfy { $0 == nil })
    #expect(found.dropFirst(2).map { $0?.id } == places.map { "e\($0.0)-\($0.1)" })
    #expect(found[2]?.plainBytes ?? 0 > 60_064)
    let times = reader.times(at: missing + positions)
    #expect(times.prefix(2).allSatisfy { $0 == nil })
    #expect(try times.dropFirst(2).map { $0 } == positions.map { try reader.event(at: $0).time })
  }
}
