import Base
import Flow
import Glibc
import Platform
import Storage
import Testing

/// A log whose endpoint 1 takes nothing, and whose endpoint 2 failed two events and took the rest.
/// Every block has an event for 1, for 2, and for both.
final class Backlog {
  let world: World
  var sequences: [UInt64] = []
  /// Endpoint 2's failures.
  let failed = [4, 9]

  init(_ world: World, audiences: [AudienceNumber]? = nil) {
    self.world = world
    sets = audiences ?? [world.audience(1), world.audience(2), world.audience(1, 2)]
    world.images = { [unowned self] world in [image(world)] }
  }
  private let sets: [AudienceNumber]

  private func image(_ world: World) -> ReactorImage {
    let walked = world.window.committedThrough
    guard let first = sequences.first else {
      return ReactorImage(reactor: 0, walkedThrough: walked, lanes: [])
    }
    let behind = LaneImage(
      endpoint: EndpointNumber(1), cursor: Position(sequence: first, index: 0),
      behind: UInt64(2 * sequences.count), holes: [])
    let holes = failed.filter { $0 < sequences.count }.map { place in
      Hole(
        position: Position(sequence: sequences[place], index: 1), attempt: 1,
        due: UnixMilliseconds(9_999_999_999_999))
    }
    let tried = LaneImage(
      endpoint: EndpointNumber(2), cursor: Position(sequence: walked + 1, index: 0), behind: 0,
      holes: holes)
    return ReactorImage(reactor: 0, walkedThrough: walked, lanes: [behind, tried])
  }

  func seal(_ count: Int, bytes: Int = 60_000) {
    for _ in 0..<count {
      let before = world.committedSequences.count
      world.seal(sets, bytes: bytes, id: "e\(before)-", random: true)
      world.settle(milliseconds: 2)
      sequences += world.committedSequences[before...]
    }
  }

  /// Whether every pending event is there, with its id, and what is settled is not.
  static func check(
    _ index: SegmentIndex, _ directory: String, _ sequences: [UInt64], failed: [Int],
    disk: any Disk = RealDisk()
  ) -> [String] {
    let reader = LogReader(index: index, directory: directory, disk: disk)
    var problems: [String] = []
    for (place, sequence) in sequences.enumerated() {
      for event in [0, 2] + (failed.contains(place) ? [1] : []) {
        let position = Position(sequence: sequence, index: event)
        do throws(StorageError) {
          let found = try reader.event(at: position)
          if found.id != "e\(place)-\(event)" { problems.append("\(position): \(found.id)") }
        } catch { problems.append("\(position): \(error)") }
      }
    }
    return problems
  }
}

/// Goal: what is pending of segments that go is found in the spool, at its old place, and nothing
/// else is kept. Method: segments of 2 MiB that are due as soon as they are closed.
struct SpoolTests {
  let directory = TemporaryDirectory()

  private func spooled(_ disk: any Disk = RealDisk()) throws -> Backlog {
    let backlog = Backlog(try World(directory.path, retentionSeconds: 0, disk: disk))
    backlog.seal(60)
    backlog.world.settle(milliseconds: 100)
    return backlog
  }

  @Test func `pending events move to the spool and keep their places`() throws {
    let backlog = try spooled()
    let world = backlog.world
    let index = world.recovered.index
    #expect(index.ranges.count >= 2 && world.keeper.segmentsFreed.value >= 3)
    #expect(index.ranges[0].firstSequence == 1)
    let events = index.ranges.reduce(0) { $0 + $1.events }
    let covered = backlog.sequences.filter { $0 <= index.ranges.last?.lastSequence ?? 0 }.count
    #expect(events == UInt64(2 * covered + 2))
    #expect(Backlog.check(index, directory.path, backlog.sequences, failed: backlog.failed) == [])
    let reader = LogReader(index: index, directory: directory.path, disk: RealDisk())
    #expect(throws: StorageError.self) {
      try reader.event(at: Position(sequence: backlog.sequences[0], index: 1))
    }
    #expect(Bytes.names(directory.path + "/journal").filter { $0.hasPrefix("segment") }.count <= 4)
  }

  @Test func `the reader lends a block as it stood in the log, without what is settled`() throws {
    let backlog = try spooled()
    let requests = Ring<LoadRequest>(capacity: 16)
    let replies = Ring<LoadReply>(capacity: 16)
    let reader = Reader(
      index: backlog.world.recovered.index, directory: directory.path, disk: RealDisk(),
      requests: [requests], replies: [replies], returns: [Ring<LoadReply>(capacity: 16)],
      reactorWakeups: [Wakeup()])
    // It lends what is looked at after its last turn.
    defer { withExtendedLifetime(reader) {} }
    for place in [0, 4, 5] {
      #expect(requests.push(LoadRequest(sequence: backlog.sequences[place])))
    }
    _ = reader.turn(now: backlog.world.now)
    for place in [0, 4, 5] {
      let reply = try #require(replies.pop())
      let block = try #require(reply.block)
      #expect(reply.sequence == backlog.sequences[place] && block.sequence == reply.sequence)
      #expect(block.eventCount == 3 && block.audience(0) != .empty && block.audience(2) != .empty)
      #expect((block.audience(1) == .empty) == (place != 4))
      let event = block.event(2)
      #expect(unsafe Array(event.id) == Array("e\(place)-2".utf8))
      #expect(unsafe event.header.idHash == Hash64.of(event.id))
      #expect(event.header.time.value > 0 && event.header.dataLength == 60_000)
    }
  }

  @Test func `a restart finds the lanes and the spool as they were`() throws {
    let backlog = try spooled()
    backlog.world.push(.delivered, 1, Position(sequence: backlog.sequences[0], index: 0))
    backlog.world.push(.delivered, 1, Position(sequence: backlog.sequences[1], index: 2))
    backlog.world.settle(milliseconds: 200)
    let ranges = backlog.world.recovered.index.ranges
    let log = try Recovery.open(
      directory: directory.path, disk: RealDisk(), now: backlog.world.now,
      segmentBytes: World.segmentBytes)
    #expect(log.report == [] && log.index.ranges == ranges && !ranges.isEmpty)
    let problems = Backlog.check(
      log.index, directory.path, backlog.sequences, failed: backlog.failed)
    #expect(problems == [])
    // Both outcomes took their events; what lies between was skipped, and stands in the spool.
    #expect(log.lanes[0].cursor == Position(sequence: backlog.sequences[1], index: 3))
    #expect(
      log.lanes[0].holes.map(\.position) == [
        Position(sequence: backlog.sequences[0], index: 2),
        Position(sequence: backlog.sequences[1], index: 0),
      ])
    #expect(log.lanes[0].behind == UInt64(2 * backlog.sequences.count - 4))
    #expect(log.lanes[1].holes.map(\.position.sequence) == backlog.failed.map { backlog.sequences[$0] })
  }

  @Test func `ranges nobody waits for go with their files`() throws {
    let backlog = try spooled()
    #expect(!Bytes.names(directory.path + "/spool").isEmpty)
    let world = backlog.world
    world.images = { world in
      [ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: [])]
    }
    backlog.seal(50)
    world.settle(milliseconds: 6000)
    #expect(world.recovered.index.ranges.isEmpty)
    // The one in use stays.
    #expect(Bytes.names(directory.path + "/spool").count <= 1)
    world.finish()
    let log = try Recovery.open(
      directory: directory.path, disk: RealDisk(), now: world.now,
      segmentBytes: World.segmentBytes)
    #expect(log.report == [] && log.index.ranges.isEmpty)
    #expect(Bytes.names(directory.path + "/spool").isEmpty)
  }

  @Test func `a segment that can't be removed is named by its path and goes later`() throws {
    let disk = FailingDisk()
    let path = DirectoryLayout(root: directory.path).segment(1)
    disk.fail(after: 0, only: path, operation: "remove")
    let backlog = try spooled(disk)
    #expect(backlog.world.keeper.segmentsFreed.value >= 3 && isThere(path))
    #expect(told(backlog.world).contains { $0.hasPrefix(path + ": remove") })
    disk.heal()
    backlog.seal(40)
    #expect(!isThere(path) && told(backlog.world) == [])
  }

  @Test func `a spool segment that can't be removed is named by its path and goes later`() throws {
    let disk = FailingDisk()
    let path = DirectoryLayout(root: directory.path).spoolSegment(1)
    let backlog = try spooled(disk)
    // After a failure a fresh one is begun.
    disk.fail(after: 0, only: path, operation: "write", times: 1)
    backlog.seal(40)
    disk.fail(after: 0, only: path, operation: "remove")
    let world = backlog.world
    world.images = { world in
      [ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: [])]
    }
    backlog.seal(50)
    world.settle(milliseconds: 6000)
    #expect(world.recovered.index.ranges.isEmpty && isThere(path))
    #expect(told(world).contains { $0.hasPrefix(path + ": remove") })
    disk.heal()
    backlog.seal(40)
    #expect(!isThere(path) && told(world) == [])
  }

  private func isThere(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  private func told(_ world: World) -> [String] {
    world.keeper.trouble.drain().map(\.description)
  }

  @Test func `short ranges are merged into one`() throws {
    let backlog = Backlog(try World(directory.path, retentionSeconds: 0))
    backlog.seal(400)
    backlog.world.settle(milliseconds: 300)
    let ranges = backlog.world.recovered.index.ranges
    #expect(ranges.count < 12 && ranges.contains { $0.length > 4 << 20 })
    let problems = Backlog.check(
      backlog.world.recovered.index, directory.path, backlog.sequences, failed: backlog.failed)
    #expect(problems == [])
  }

  @Test func `a segment without anything pending goes, though a lane is far behind`() throws {
    let world = try World(directory.path, retentionSeconds: 0)
    let backlog = Backlog(world)
    let (waiting, done) = (world.audience(1), world.audience(2))
    world.seal([waiting], bytes: 1000, id: "e0-", random: true)
    world.settle(milliseconds: 5)
    backlog.sequences = world.committedSequences
    for _ in 0..<150 {
      world.seal([done], bytes: 100_000, random: true)
      world.settle(milliseconds: 2)
    }
    world.settle(milliseconds: 5000)
    #expect(world.recovered.index.ranges.map(\.events) == [1])
    let segments = Bytes.names(directory.path + "/journal").filter { $0.hasPrefix("segment") }
    #expect(segments.count <= 5)
    let log = try Recovery.open(
      directory: directory.path, disk: RealDisk(), now: world.now,
      segmentBytes: World.segmentBytes)
    #expect(log.report == [] && log.lanes[0].behind == 2)
    let reader = LogReader(index: log.index, directory: directory.path, disk: RealDisk())
    #expect(try reader.event(at: Position(sequence: backlog.sequences[0], index: 0)).id == "e0-0")
  }

  @Test func `a pending event that cannot be read keeps its segment`() throws {
    let world = try World(directory.path, retentionSeconds: 0)
    let backlog = Backlog(world)
    backlog.seal(3)
    let place = try #require(world.recovered.index.find(atOrAfter: backlog.sequences[1]))
    let path = DirectoryLayout(root: directory.path).segment(place.segment)
    let file = try RealDisk().open(path, .readWrite)
    let noise: [UInt8] = [1, 2, 3, 4]
    _ = try unsafe noise.withUnsafeBytes { (bytes) throws in
      try unsafe RealDisk().write(file, bytes, at: place.offset + UInt64(place.length) - 300)
    }
    RealDisk().close(file)
    backlog.seal(50)
    world.settle(milliseconds: 100)
    #expect(world.recovered.index.facts.contains { $0.number == place.segment })
    #expect(world.keeper.failures.value > 0)
    // The others went.
    #expect(!world.recovered.index.ranges.isEmpty)
  }
}

/// Goal: wherever the hand-over to the spool is cut off, every pending event is found once, in the
/// segment or in the spool. Method: the disk takes no change after the Nth, for every N of the
/// hand-over; then recovery.
struct SpoolCrashTests {
  @Test(.timeLimit(.minutes(5)))
  func `a crash at any step leaves the segment or the range`() throws {
    var step = 0
    var sawIgnored = false
    var sawReleased = false
    while true {
      let directory = TemporaryDirectory()
      let disk = FailingDisk()
      let world = try World(directory.path, retentionSeconds: 0, disk: disk)
      let backlog = Backlog(world)
      // The first segment is nearly full: it closes, a checkpoint is taken, and its hand-over begins.
      backlog.seal(11)
      disk.fail(after: step)
      backlog.seal(24)
      world.settle(milliseconds: 20)
      let wasReached = world.journal.failure != nil || world.keeper.failures.value > 0
      let released = world.recovered.index.ranges.count
      let log = try Recovery.open(
        directory: directory.path, disk: RealDisk(), now: world.now,
        segmentBytes: World.segmentBytes)
      #expect(log.report.filter { $0.kind != .tornTail } == [], "after \(step) changes")
      let problems = Backlog.check(
        log.index, directory.path, backlog.sequences, failed: backlog.failed)
      #expect(problems == [], "after \(step) changes")
      #expect(log.index.ranges.count >= released)
      sawIgnored = sawIgnored || (log.index.ranges.isEmpty && wasReached)
      sawReleased = sawReleased || log.index.ranges.count > released
      if !wasReached { break }
      step += 1
    }
    #expect(step > 10 && sawIgnored && sawReleased)
  }

  @Test func `each step of the hand-over is durable before the next`() throws {
    let directory = TemporaryDirectory()
    let disk = FailingDisk()
    let world = try World(directory.path, retentionSeconds: 0, disk: disk)
    let backlog = Backlog(world)
    backlog.seal(60)
    let trace = disk.trace
    func last(_ operation: String, _ path: String, before end: Int) -> Int? {
      trace[..<end].lastIndex { $0.operation == operation && $0.path.contains(path) }
    }
    let removals = trace.indices.filter {
      trace[$0].operation == "remove" && trace[$0].path.contains("/journal/segment-")
        && trace[$0].path.hasSuffix(".log")
    }
    #expect(removals.count >= 3)
    for removal in removals {
      let recordSync = try #require(last("sync", "/journal/segment-", before: removal))
      let record = try #require(last("write", "/journal/segment-", before: recordSync))
      let spoolSync = try #require(last("sync", "/spool/segment-", before: record))
      let spoolWrite = try #require(last("write", "/spool/segment-", before: removal))
      let created = try #require(last("create", "/spool/segment-", before: spoolWrite))
      let named = try #require(last("sync directory", "/spool", before: record))
      #expect(spoolWrite < spoolSync && created < named)
    }
  }
}
