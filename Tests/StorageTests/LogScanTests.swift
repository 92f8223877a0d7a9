import Base
import Flow
import Storage
import Platform
import Testing

/// Goal: history is read in both directions, from any place, by header sections alone.
/// Method: a journal over several segments; what a walk gives is compared with what was written.
struct LogScanTests {
  let directory = TemporaryDirectory()

  private func hash(_ id: String) -> UInt64 {
    unsafe Array(id.utf8).withUnsafeBytes { unsafe Hash64.of($0) }
  }

  private func reader(_ world: World) -> LogReader {
    LogReader(index: world.recovered.index, directory: directory.path, disk: RealDisk())
  }

  /// Blocks of three events, enough for several segments.
  private func fill(_ world: World, blocks: Int) -> [Position] {
    let audience = world.audience(1)
    for index in 0..<blocks {
      world.seal([audience, .empty, audience], bytes: 40_000, id: "b\(index)-", random: true)
      world.settle(milliseconds: 1)
    }
    return world.committedSequences.flatMap { sequence in
      (0..<3).map { Position(sequence: sequence, index: $0) }
    }
  }

  private func walk(
    _ reader: LogReader, _ direction: LogScan.Direction, from start: Position,
    accepted: LogScan.Span = .init()
  ) -> [Position] {
    let scan = reader.scan(direction, from: start, accepted: accepted)
    var seen: [Position] = []
    while scan.advance() {
      scan.forEachEvent { position, _ in
        seen.append(position)
        return true
      }
    }
    #expect(scan.damagedBlocks == 0)
    return seen
  }

  @Test func `both directions give every event, from any place`() throws {
    let world = try World(directory.path)
    let all = fill(world, blocks: 50)
    #expect(world.recovered.index.facts.count >= 3)
    let reader = reader(world)
    #expect(walk(reader, .oldestFirst, from: .start) == all)
    #expect(walk(reader, .newestFirst, from: Position(packed: .max)) == all.reversed())
    for place in stride(from: 0, to: all.count, by: 7) {
      #expect(walk(reader, .oldestFirst, from: all[place]) == Array(all[place...]))
      #expect(walk(reader, .newestFirst, from: all[place]) == all[..<place].reversed())
    }
    #expect(reader.sequences == all[0].sequence...all[all.count - 1].sequence)
  }

  @Test func `an id is found by its hash, and only its block is unpacked`() throws {
    let world = try World(directory.path)
    _ = fill(world, blocks: 20)
    let wanted = hash("b7-2")
    let scan = reader(world).scan(
      .newestFirst, from: Position(packed: .max), accepted: LogScan.Span())
    var found: StoredEvent?
    while found == nil, scan.advance() {
      scan.forEachEvent { position, header in
        if header.idHash == wanted { found = scan.event(position) }
        return found == nil
      }
    }
    #expect(found?.id == "b7-2" && found?.data.count == 40_000)
    #expect(found?.position == Position(sequence: world.committedSequences[7], index: 2))
  }

  @Test func `segments outside the span are not read`() throws {
    let world = try World(directory.path, retentionSeconds: 1 << 20)
    let hour: UInt64 = 3_600_000_000
    var marks: [UInt64] = []
    for _ in 0..<3 {
      marks.append(world.now.unix.value)
      _ = fill(world, blocks: 25)
      world.advance(microseconds: 4 * hour)
    }
    let all = walk(reader(world), .oldestFirst, from: .start)
    let late = walk(
      reader(world), .oldestFirst, from: .start, accepted: .init(first: marks[2]))
    #expect(!late.isEmpty && late.count < all.count && late == Array(all.suffix(late.count)))
    #expect(late.count >= 75)
    let early = walk(
      reader(world), .newestFirst, from: Position(packed: .max),
      accepted: .init(last: marks[0] + 60_000))
    #expect(early.count >= 75 && early.count < all.count)
    #expect(early == Array(all.prefix(early.count).reversed()))
  }

  @Test func `a header section that can't be read is counted and passed over`() throws {
    let world = try World(directory.path)
    let all = fill(world, blocks: 5)
    try world.strike(block: all[6].sequence, at: 100)
    let scan = reader(world).scan(.oldestFirst, from: .start, accepted: LogScan.Span())
    var seen: [UInt64] = []
    while scan.advance() { seen.append(scan.sequence) }
    #expect(seen == world.committedSequences.filter { $0 != all[6].sequence })
    #expect(scan.damagedBlocks == 1)
  }

  @Test func `a payload that can't be unpacked leaves the headers readable`() throws {
    let world = try World(directory.path)
    _ = fill(world, blocks: 1)
    try world.strike(block: 1, at: -200)
    let scan = reader(world).scan(.oldestFirst, from: .start, accepted: LogScan.Span())
    #expect(scan.advance())
    var events: [StoredEvent?] = []
    scan.forEachEvent { position, header in
      #expect(header.dataLength == 40_000)
      events.append(scan.event(position))
      return true
    }
    #expect(events == [nil, nil, nil] && scan.damagedBlocks >= 1)
    #expect(!scan.advance())
  }
}
