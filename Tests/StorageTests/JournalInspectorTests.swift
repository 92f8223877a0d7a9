import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: the inspector calls a whole log whole and names damage where it is; a repair makes a log
/// that recovery refuses one that it opens, and deletes nothing.
/// Method: logs of a real journal, whole and with changed bytes.
struct JournalInspectorTests {
  let directory = TemporaryDirectory()
  var layout: DirectoryLayout { DirectoryLayout(root: directory.path) }

  private func inspector() throws -> JournalInspector {
    try JournalInspector(directory: directory.path, disk: RealDisk())
  }

  /// Several segments, some outcomes, checkpoints; not stopped.
  private func fill() throws -> World {
    let world = try World(directory.path)
    let audiences = [world.audience(1, 2), world.audience(3)]
    for index in 0..<40 {
      world.seal([audiences[index % 2]], bytes: 100_000, id: "e\(index)-", random: true)
      world.settle(milliseconds: 1)
      if index == 20 { world.push(.delivered, 1, Position(sequence: 1, index: 0)) }
    }
    world.settle(milliseconds: 300)
    return world
  }

  @Test(arguments: CampaignLog.Story.allCases)
  func `a log that nothing happened to is whole`(_ story: CampaignLog.Story) throws {
    let log = try CampaignLog(story)
    let verdict = try JournalInspector(
      directory: CampaignLog.directory, disk: MemoryDisk(log.files)
    ).verify()
    #expect(verdict.faults.map(\.text) == [])
    #expect(verdict.events >= UInt64(log.stored.count) && verdict.segments == log.segments.count)
  }

  @Test func `segments, blocks and events are listed`() throws {
    let world = try fill()
    let inspector = try self.inspector()
    #expect(inspector.segments.count >= 2 && inspector.segments[0].state == .closed)
    #expect(inspector.segments.last?.state == .open && !inspector.checkpoints.isEmpty)
    var blocks: [BlockSummary] = []
    try inspector.forEachBlock { blocks.append($0) }
    #expect(blocks.map(\.sequence) == Array(1...UInt64(blocks.count)))
    #expect(blocks.allSatisfy(\.isWhole) && blocks.reduce(0) { $0 + $1.outcomes } == 1)
    var events: [EventSummary] = []
    try inspector.forEachEvent { events.append($0) }
    #expect(events.map(\.id) == (0..<40).map { "e\($0)-0" })
    #expect(
      events[0].endpoints?.map(\.value) == [1, 2] && events[1].endpoints?.map(\.value) == [3])
    #expect(events.map(\.position.sequence) == world.committedSequences)
    var second: [EventSummary] = []
    try inspector.forEachEvent(segment: 2) { second.append($0) }
    #expect(!second.isEmpty && second.count < events.count)
  }

  @Test func `a flipped payload bit is named with file, offset and block`() throws {
    _ = try fill()
    var blocks: [BlockSummary] = []
    try inspector().forEachBlock { blocks.append($0) }
    let block = try #require(blocks.first { $0.sequence == 5 })
    var bytes = try Bytes.read(layout.segment(1))
    bytes[Int(block.offset) + 5_000] ^= 4
    try Bytes.write(bytes, to: layout.segment(1))
    let verdict = try inspector().verify()
    #expect(verdict.faults.map(\.check) == [.payload] && verdict.faults[0].firstSequence == 5)
    #expect(verdict.faults[0].path == layout.segment(1))
    #expect(verdict.faults[0].offset > block.offset)
    #expect(try JournalRepair(inspector()).steps.isEmpty)
  }

  @Test func `a log behind its checkpoint is repaired and opens`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 3)
    world.finish()
    for name in Bytes.names(layout.journal) where name.hasSuffix(".log") {
      try RealDisk().remove(layout.journal + "/" + name)
    }
    let broken = try inspector()
    #expect(broken.refusal != nil)
    #expect(try broken.verify().faults.contains { $0.check == .checkpointAhead })
    let repair = JournalRepair(broken)
    #expect(repair.steps.map(\.action) == [.goOnBehindCheckpoint])
    #expect(repair.steps[0].drops != nil)
    try repair.perform(now: world.now)
    #expect(try inspector().refusal == nil)
    // No sequence is given twice, no segment's number either: nothing looks damaged afterwards.
    let again = try World(directory.path, start: 90_000)
    #expect(again.recovered.nextSequence == 2 && again.recovered.report.isEmpty)
    #expect(try inspector().verify().faults.map(\.text) == [])
  }

  @Test func `a damaged checkpoint and a damaged header are set right`() throws {
    let world = try fill()
    world.finish()
    let checkpoint =
      layout.journal + "/"
      + (try #require(Bytes.names(layout.journal).last { $0.hasPrefix("checkpoint-") }))
    try Bytes.flip(checkpoint, at: 70)
    try Bytes.flip(layout.segment(1), at: 18)
    let repair = JournalRepair(try inspector())
    #expect(Set(repair.steps.map(\.action)) == [.moveCheckpoint, .rewriteHeader])
    #expect(repair.steps.allSatisfy { $0.drops == nil })
    try repair.perform(now: world.now)
    let verdict = try inspector().verify()
    #expect(verdict.faults.map(\.text) == [])
    #expect(Bytes.names(layout.quarantine).count == 2)
    #expect(try World(directory.path, start: 90_000).recovered.report.isEmpty)
  }

  @Test func `verifying changes nothing`() throws {
    let log = try CampaignLog(.killed)
    let disk = MemoryDisk(log.files)
    _ = try JournalInspector(directory: CampaignLog.directory, disk: disk).verify()
    #expect(disk.files == log.files)
  }
}
