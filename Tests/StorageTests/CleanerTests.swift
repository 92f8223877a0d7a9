import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: a segment goes exactly when nobody needs it and it is old or space is short.
struct CleanerTests {
  private func segments(_ count: UInt64) -> [SegmentFacts] {
    (1...count).map { number in
      SegmentFacts(
        number: number, salt: 0, firstSequence: number * 10, lastSequence: number * 10 + 9,
        bytes: 100, createdAt: number * 1000, sealedAt: number == count ? nil : number * 1000 + 900)
    }
  }

  private func free(
    _ cover: CheckpointCover, now: UInt64 = 1_000_000, retention: UInt64 = 1000,
    bytesMax: UInt64 = 1 << 40
  ) -> [UInt64] {
    Cleaner.freeable(
      segments(5), cover: cover, now: now, retentionMilliseconds: retention, bytesMax: bytesMax)
  }

  private let settled = CheckpointCover(replayAfter: 1000, cursorFloor: .max, holeSequences: [])

  @Test func `old settled segments go, the active one never`() {
    #expect(free(settled) == [1, 2, 3, 4])
  }

  @Test func `young segments stay while there is room`() {
    #expect(free(settled, now: 3500, retention: 1000) == [1])
    #expect(free(settled, now: 3500, retention: 1 << 40).isEmpty)
  }

  @Test func `over the limit the oldest settled segments go early`() {
    #expect(free(settled, now: 3500, retention: 1 << 40, bytesMax: 300) == [1, 2])
  }

  @Test func `what recovery would read stays`() {
    let cover = CheckpointCover(replayAfter: 29, cursorFloor: .max, holeSequences: [])
    #expect(free(cover) == [1, 2])
    let inside = CheckpointCover(replayAfter: 28, cursorFloor: .max, holeSequences: [])
    #expect(free(inside) == [1])
  }

  @Test func `a lane behind keeps all from its cursor on, a hole only its segment`() {
    let behind = CheckpointCover(replayAfter: 1000, cursorFloor: 25, holeSequences: [])
    #expect(free(behind) == [1])
    let hole = CheckpointCover(replayAfter: 1000, cursorFloor: .max, holeSequences: [25, 31])
    #expect(free(hole) == [1, 4])
    #expect(free(hole, bytesMax: 0) == [1, 4])
  }

  @Test func `the keeper frees what is settled and says when it is full`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path, bytesMax: 9 << 20, spoolBytesMax: 0)
    let audience = world.audience(1)
    for _ in 0..<80 {
      world.seal([audience], bytes: 200_000, random: true)
      world.settle(milliseconds: 1)
    }
    world.settle(milliseconds: 50)
    #expect(world.keeper.segmentsFreed.value > 0 && !world.keeper.isFull)
    #expect(world.recovered.index.byteCount <= 9 << 20)
    // From now on nothing is ever delivered.
    world.seal([audience])
    world.settle(milliseconds: 5)
    let first = Position(sequence: try #require(world.committedSequences.last), index: 0)
    world.images = { world in
      let lane = LaneImage(
        endpoint: EndpointNumber(1), cursor: first, behind: 50, holes: [])
      return [
        ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: [lane])
      ]
    }
    for _ in 0..<80 where !world.keeper.isFull {
      world.seal([audience], bytes: 200_000, random: true)
      world.settle(milliseconds: 1)
    }
    #expect(world.keeper.isFull)
    #expect(world.recovered.index.find(atOrAfter: first.sequence)?.sequence == first.sequence)
  }
}
