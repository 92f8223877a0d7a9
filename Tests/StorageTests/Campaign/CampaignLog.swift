import Base
import Flow
import Platform
import Storage

/// A log with a known content, as one way of stopping left it, and all that was acknowledged in it.
final class CampaignLog {
  /// How the log came to an end.
  enum Story: String, CaseIterable {
    /// Killed while several segments were closed; the last commit is stated nowhere.
    case killed
    /// Stopped in an orderly way: a checkpoint and a watermark cover everything.
    case stopped
    /// Killed, started again, killed again: the tail was copied to a fresh segment.
    case restarted
    /// Young: one segment, no checkpoint, quiet for a while.
    case young
  }

  struct Stored {
    var event: StoredEvent
    var endpoints: [UInt32]
    var path: String
    var range: Range<Int>
  }

  static let directory = "/data"
  /// The mark's length, at the end of a segment that is not closed.
  static let markBytes = 64
  let story: Story
  private(set) var files: [String: FileImage] = [:]
  /// Earlier contents of each page: by path and page, oldest first.
  private(set) var history: [String: [Int: [[UInt8]]]] = [:]
  /// Every acknowledged event, in order.
  private(set) var stored: [Stored] = []
  /// Positions that are settled, by endpoint.
  private(set) var settled: [UInt32: Set<UInt64>] = [:]
  private(set) var segments: [String] = []
  private(set) var checkpoints: [String] = []

  private var contentEnds: [String: Int] = [:]
  private var statements: [String: [Range<Int>]] = [:]
  private let temporary = TemporaryDirectory()
  private var positions: [UInt32: [Position]] = [:]
  private var audiences: [[UInt32]] = []
  private var shape = SeededRandom(seed: 7)

  init(_ story: Story) throws {
    self.story = story
    var world = try open(start: 1_000)
    switch story {
    case .killed: fill(&world, blocks: 110)
    case .stopped:
      fill(&world, blocks: 110)
      world.finish()
    case .restarted:
      fill(&world, blocks: 110)
      world = try open(start: 100_000)
      fill(&world, blocks: 25)
    case .young:
      fill(&world, blocks: 12, isSmall: true)
      world.settle(milliseconds: 300)
    }
    snapshot()
    segments = files.keys.filter { files[$0]?.pages.contains { $0 != nil } == true }
      .filter { $0.hasSuffix(".log") }.sorted()
    checkpoints = files.keys.filter { $0.contains("checkpoint-") }.sorted()
    let inspector = try JournalInspector(directory: Self.directory, disk: MemoryDisk(files))
    for segment in inspector.segments {
      contentEnds[segment.path] = Int(segment.state == .closed ? segment.bytes : segment.usedBytes)
    }
    for segment in inspector.segments where segment.state != .closed {
      // The mark repeats what the last block says.
      let size = Int(segment.bytes)
      statements[segment.path, default: []].append(max(0, size - Self.markBytes)..<size)
    }
    let paths = Dictionary(uniqueKeysWithValues: inspector.segments.map { ($0.number, $0.path) })
    try inspector.forEachBlock { block in
      guard block.kind == "tables", block.length == 64, let path = paths[block.segment]
      else { return }
      statements[path, default: []].append(Int(block.offset)..<Int(block.offset + block.length))
    }
    try readBack(world)
  }

  /// Whether all of these bytes belong to blocks that say nothing but a watermark.
  func areStatements(_ ranges: [Range<Int>], in path: String) -> Bool {
    let known = statements[path] ?? []
    return ranges.allSatisfy { range in
      known.contains { $0.clamped(to: range) == range }
    }
  }

  /// The byte after the last one of a segment that counts: of a tail that was copied to a fresh
  /// segment, what was copied does not.
  func contentEnd(_ path: String) -> Int { contentEnds[path] ?? 0 }

  // MARK: Making it

  private func open(start: UInt64) throws -> World {
    let world = try World(temporary.path, start: start)
    world.images = { [unowned self] world in [image(through: world.window.committedThrough)] }
    return world
  }

  private func fill(_ world: inout World, blocks: Int, isSmall: Bool = false) {
    for index in 0..<blocks {
      let endpoints: [UInt32] = [[1], [1, 2], [2, 3]][Int(shape.below(index < 30 ? 2 : 3))]
      let audience = audience(endpoints, world)
      let count = 1 + Int(shape.below(4))
      let bytes = isSmall ? 200 : [60, 300, 1_500, 9_000, 60_000, 200_000][Int(shape.below(6))]
      let length = max(40, bytes / count)
      world.seal(
        Array(repeating: audience, count: count), bytes: length, id: "e\(index)-",
        random: shape.oneIn(4) == false)
      let before = world.committedSequences.count
      for _ in 0..<40 where world.committedSequences.count == before {
        world.turn()
        world.advance(microseconds: 250)
      }
      note(world, count: count, endpoints: endpoints)
      if shape.oneIn(3) { settleSome(world) }
      if shape.oneIn(12) { world.settle(milliseconds: 150) }
      if index % 4 == 0 || blocks - index < 6 { snapshot() }
    }
  }

  private func audience(_ endpoints: [UInt32], _ world: World) -> AudienceNumber {
    if let index = audiences.firstIndex(of: endpoints) { return AudienceNumber(UInt32(index + 1)) }
    audiences.append(endpoints)
    return world.window.audiences.append(endpoints.map { EndpointNumber($0) }) ?? .empty
  }

  private func note(_ world: World, count: Int, endpoints: [UInt32]) {
    guard let sequence = world.committedSequences.last else { return }
    for index in 0..<count {
      for endpoint in endpoints {
        positions[endpoint, default: []].append(Position(sequence: sequence, index: index))
      }
    }
  }

  private func settleSome(_ world: World) {
    let endpoint = UInt32(1 + shape.below(3))
    let open = (positions[endpoint] ?? []).filter {
      settled[endpoint]?.contains($0.packed) != true
    }
    for position in open.prefix(6) where shape.oneIn(2) {
      world.push(.delivered, endpoint, position)
      settled[endpoint, default: []].insert(position.packed)
    }
    world.settle(milliseconds: 6)
  }

  /// What the reactor would say: everything up to the last settled delivery was tried.
  private func image(through: UInt64) -> ReactorImage {
    let lanes = positions.keys.sorted().map { endpoint in
      let all = (positions[endpoint] ?? []).filter { $0.sequence <= through }
      let done = settled[endpoint] ?? []
      let cursor =
        all.last { done.contains($0.packed) }.map { Position(packed: $0.packed + 1) }
        ?? Position(sequence: 1, index: 0)
      let holes = all.filter { $0 < cursor && !done.contains($0.packed) }
      return LaneImage(
        endpoint: EndpointNumber(endpoint), cursor: cursor,
        behind: UInt64(all.count { $0 >= cursor }),
        holes: holes.map { Hole(position: $0, attempt: 0, due: UnixMilliseconds(0)) })
    }
    return ReactorImage(reactor: 0, walkedThrough: through, lanes: lanes)
  }

  // MARK: Keeping it

  private func snapshot() {
    let layout = DirectoryLayout(root: temporary.path)
    var now: [String: FileImage] = [:]
    for name in Bytes.names(layout.journal) where !name.hasSuffix(".tmp") {
      guard let bytes = try? Bytes.read(layout.journal + "/" + name) else { continue }
      now[Self.directory + "/journal/" + name] = FileImage(bytes)
    }
    for (path, image) in now {
      guard let before = files[path] else { continue }
      for index in 0..<min(image.pages.count, before.pages.count)
      where image.pages[index] != before.pages[index] {
        history[path, default: [:]][index, default: []].append(before.page(index))
      }
    }
    files = now
  }

  private func readBack(_ world: World) throws {
    let index = world.recovered.index
    let reader = LogReader(index: index, directory: temporary.path, disk: RealDisk())
    let root = DirectoryLayout(root: Self.directory)
    for sequence in Set(positions.values.joined().map(\.sequence)).sorted() {
      guard let place = index.find(atOrAfter: sequence), place.sequence == sequence else {
        continue
      }
      let all = Set(positions.values.joined().filter { $0.sequence == sequence })
      for position in all.sorted() {
        stored.append(
          Stored(
            event: try reader.event(at: position),
            endpoints: positions.keys.filter { positions[$0]?.contains(position) == true },
            path: root.segment(place.segment),
            range: Int(place.offset)..<(Int(place.offset) + place.length)))
      }
    }
  }
}
