import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: a checkpoint is read as written or not at all, and an older one steps in.
/// Method: encode, damage, decode; run a journal to two checkpoints and damage the newer.
struct CheckpointTests {
  private func sample() -> Checkpoint {
    var counters = LifetimeCounters()
    counters.accepted = 10
    counters.removed = 3
    let hole = Hole(
      position: Position(sequence: 4, index: 1), attempt: 3, due: UnixMilliseconds(99))
    let lane = LaneImage(
      endpoint: EndpointNumber(8), cursor: Position(sequence: 5, index: 0), behind: 2,
      holes: [hole])
    let dead = Outcome(
      position: Position(sequence: 2, index: 0), endpoint: EndpointNumber(8), kind: .dead,
      attempt: 8, due: UnixMilliseconds(50), status: 500, failure: .status)
    return Checkpoint(
      ordinal: 6, sequence: 7, createdAt: 8, counters: counters,
      images: [
        ReactorImage(reactor: 0, walkedThrough: 9, lanes: [lane]),
        ReactorImage(reactor: 1, walkedThrough: 6, lanes: []),
      ],
      remembered: [
        RememberedID(key: 1, contentHash: 2, time: UnixMilliseconds(3), endpoints: 4)
      ],
      settled: [dead], audiences: [(AudienceNumber(1), [EndpointNumber(8), EndpointNumber(9)])],
      segments: [
        SegmentFacts(
          number: 1, salt: 2, firstSequence: 1, lastSequence: 5, bytes: 64, createdAt: 1,
          sealedAt: 2)
      ],
      endpointHighWater: 9)
  }

  @Test func `a checkpoint is read as it was written`() throws {
    let buffer = GatherBuffer(capacity: 64)
    let written = sample()
    CheckpointCoding.encode(written, into: buffer)
    guard case .valid(let read) = CheckpointCoding.decode(buffer.view) else {
      Issue.record("not read")
      return
    }
    #expect(read.ordinal == 6 && read.sequence == 7 && read.createdAt == 8)
    #expect(read.counters == written.counters && read.remembered == written.remembered)
    #expect(read.images.map(\.lanes) == written.images.map(\.lanes))
    #expect(read.images.map(\.walkedThrough) == [9, 6])
    #expect(read.settled.map(\.position) == written.settled.map(\.position))
    #expect(read.audiences.map(\.1) == written.audiences.map(\.1))
    #expect(read.segments == written.segments && read.endpointHighWater == 9)
    #expect(read.replayAfter == 6 && read.syncedThrough == 9)
  }

  @Test func `ids are asked for when ingest knows that the request's blocks are durable`() throws {
    let directory = TemporaryDirectory()
    let first = try World(directory.path)
    first.seal([first.audience(1)])
    first.settle(milliseconds: 5)
    // Something to replay: a checkpoint is wanted at once.
    let world = try World(directory.path, start: 10_000)
    let journal = world.journal
    world.sync.isHeld = true
    world.seal([world.audience(1)])
    func turns(_ count: Int) {
      for _ in 0..<count {
        _ = journal.turn(now: world.now)
        world.advance(microseconds: 500)
      }
    }
    turns(10)
    #expect(journal.wantsImages && !journal.wantsRemembered)
    world.sync.isHeld = false
    turns(1)
    #expect(world.window.committedThrough > 1 && !journal.wantsRemembered)
    #expect(world.committed.pop() != nil)
    #expect(journal.wantsRemembered)
  }

  @Test func `every changed or missing byte of a checkpoint is noticed`() {
    let buffer = GatherBuffer(capacity: 64)
    CheckpointCoding.encode(sample(), into: buffer)
    for offset in 0..<buffer.count {
      let before = buffer.view.u8(offset)
      buffer.store(before ^ 4, at: offset)
      if case .valid = CheckpointCoding.decode(buffer.view) { Issue.record("byte \(offset)") }
      buffer.store(before, at: offset)
      if let cut = buffer.view.slice(0, offset),
        case .valid = CheckpointCoding.decode(cut)
      {
        Issue.record("cut at \(offset)")
      }
    }
  }

  @Test func `the newest two are kept, and the older one steps in for a damaged one`() throws {
    let directory = TemporaryDirectory()
    for run in 0..<3 {
      let world = try World(directory.path, start: UInt64(1 + run) * 10_000)
      world.seal([world.audience(UInt32(run + 1))])
      world.settle(milliseconds: 3)
      world.finish()
      #expect(world.journal.isFinished)
    }
    let layout = DirectoryLayout(root: directory.path)
    let names = Bytes.names(layout.journal).filter { $0.hasPrefix("checkpoint-") }
    #expect(names.count == 2)
    let newest = layout.journal + "/" + (names.last ?? "")
    var bytes = try Bytes.read(newest)
    bytes[bytes.count - 1] ^= 1
    try Bytes.write(bytes, to: newest)
    let world = try World(directory.path, start: 90_000)
    #expect(world.recovered.report.map(\.kind) == [.damagedCheckpoint])
    #expect(world.recovered.counters.accepted == 3 && world.recovered.lanes.count == 1)
    #expect(world.recovered.endpointHighWater == 3)
  }

  @Test func `without any checkpoint the whole log is read`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path)
    let audience = world.audience(1, 2)
    world.seal([audience, audience])
    world.settle(milliseconds: 3)
    world.push(.delivered, 1, Position(sequence: 1, index: 0))
    world.settle(milliseconds: 10)
    world.finish()
    let layout = DirectoryLayout(root: directory.path)
    for name in Bytes.names(layout.journal) where name.hasPrefix("checkpoint-") {
      try RealDisk().remove(layout.journal + "/" + name)
    }
    let again = try World(directory.path, start: 20_000)
    #expect(again.recovered.lanes.map(\.behind) == [1, 2])
    #expect(again.recovered.counters.delivered == 1)
  }

  /// A log with one event, cleanly stopped, so that it ends with a checkpoint.
  private func stopped(_ directory: TemporaryDirectory) throws -> World {
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 3)
    world.finish()
    #expect(world.journal.isFinished)
    return world
  }

  @Test func `a checkpoint ahead of the log is refused and nothing is written`() throws {
    let directory = TemporaryDirectory()
    let world = try stopped(directory)
    let layout = DirectoryLayout(root: directory.path)
    for name in Bytes.names(layout.journal) where name.hasSuffix(".log") {
      try RealDisk().remove(layout.journal + "/" + name)
    }
    let before = Bytes.names(layout.journal)
    #expect {
      _ = try Recovery.open(directory: directory.path, disk: RealDisk(), now: world.now)
    } throws: { error in
      if case .checkpointAhead(_, let checkpoint, let log)? = error as? StorageError {
        return checkpoint == 1 && log == 0
      }
      return false
    }
    #expect(Bytes.names(layout.journal) == before)
  }

  @Test func `a checkpoint that cannot be read ends the start and changes nothing`() throws {
    let directory = TemporaryDirectory()
    _ = try stopped(directory)
    let layout = DirectoryLayout(root: directory.path)
    let name = try #require(Bytes.names(layout.journal).first { $0.hasPrefix("checkpoint-") })
    let path = layout.journal + "/" + name
    let bytes = try Bytes.read(path)
    // A directory can be opened, and no read of it succeeds.
    try RealDisk().remove(path)
    try RealDisk().makeDirectory(path)
    let before = Bytes.names(layout.journal).sorted()
    #expect {
      _ = try World(directory.path, start: 20_000)
    } throws: { error in
      if case .system(let place, _)? = error as? StorageError { return place == path }
      return false
    }
    #expect(Bytes.names(layout.journal).sorted() == before)
    TemporaryDirectory.remove(path)
    try Bytes.write(bytes, to: path)
    #expect(try World(directory.path, start: 20_000).recovered.wasClean)
  }

  @Test func `a checkpoint that could not be saved frees nothing`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path, bytesMax: 5 << 20)
    let temporary = DirectoryLayout(root: directory.path).checkpointTemporary
    // A directory is in the way of the file.
    try RealDisk().makeDirectory(temporary)
    func publish() {
      for _ in 0..<40 {
        world.seal([world.audience(1)], bytes: 200_000, random: true)
        world.settle(milliseconds: 1)
      }
      world.settle(milliseconds: 20)
    }
    publish()
    #expect(world.keeper.failures.value > 0 && world.keeper.checkpoints.value == 0)
    #expect(world.keeper.segmentsFreed.value == 0 && world.keeper.isFull)
    TemporaryDirectory.remove(temporary)
    publish()
    #expect(world.keeper.checkpoints.value > 0 && world.keeper.segmentsFreed.value > 0)
  }

  @Test func `an old checkpoint that can't be removed is named and goes with the next`() throws {
    let directory = TemporaryDirectory()
    let disk = FailingDisk()
    let world = try World(directory.path, disk: disk)
    let layout = DirectoryLayout(root: directory.path)
    func publish() -> [String] {
      let before = world.keeper.checkpoints.value
      for _ in 0..<200 where world.keeper.checkpoints.value < before + 3 {
        world.seal([world.audience(1)], bytes: 200_000, random: true)
        world.settle(milliseconds: 2)
      }
      world.settle(milliseconds: 20)
      return Bytes.names(layout.journal).filter { $0.hasPrefix("checkpoint-") }
    }
    disk.fail(after: 0, only: "/checkpoint-", operation: "remove")
    let kept = publish()
    #expect(kept.count == Int(world.keeper.checkpoints.value) && kept.count >= 3)
    #expect(world.keeper.trouble.drain().map(\.description).contains {
      $0.hasPrefix(layout.checkpoint(1) + ": remove")
    })
    disk.heal()
    #expect(publish().count == 2 && world.keeper.trouble.drain() == [])
  }

  @Test func `ids that are not durable yet keep a checkpoint waiting`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 3)
    let again = try World(directory.path, start: 20_000)
    again.sync.isHeld = true
    again.turn()
    again.seal([.empty])
    for _ in 0..<100 {
      again.turn()
      again.advance(microseconds: 500)
    }
    #expect(again.keeper.checkpoints.value == 0)
    again.sync.isHeld = false
    again.settle(milliseconds: 10)
    #expect(again.keeper.checkpoints.value == 1)
  }
}
