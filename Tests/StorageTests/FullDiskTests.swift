import Base
import Flow
import Storage
import Platform
import Testing

/// Goal: a full disk stops publishing and nothing else, and space that comes back is used within
/// five seconds. Method: the disk refuses new files with ENOSPC; the clock is moved by hand.
struct FullDiskTests {
  let directory = TemporaryDirectory()
  let disk = FailingDisk()
  private static let noSpace: Int32 = 28

  private func world(reserveBytes: Int) throws -> World {
    let world = try World(
      directory.path, retentionSeconds: 3600, reserveBytes: reserveBytes, disk: disk)
    world.settle(milliseconds: 1100)
    return world
  }

  private func fillDisk() {
    disk.setFree(0)
    disk.fail(after: 0, code: Self.noSpace, operation: "create")
  }

  private func roll(_ world: World, _ audience: AudienceNumber) {
    let before = world.recovered.index.facts.count
    for _ in 0..<40 where world.recovered.index.facts.count == before {
      world.seal([audience], bytes: 100_000, random: true)
      world.settle(milliseconds: 2)
    }
  }

  @Test(arguments: [28, 122, 27] as [Int32])
  func `without room for the next segment publishing stops and the process goes on`(
    _ code: Int32
  ) throws {
    let world = try world(reserveBytes: 0)
    let audience = world.audience(1)
    disk.fail(after: 0, code: code, operation: "create")
    roll(world, audience)
    world.settle(milliseconds: 20)
    #expect(world.keeper.isFull && world.journal.failure == nil)
    #expect(world.keeper.lastError != nil)
    // Outcomes are still logged.
    world.push(.delivered, 1, Position(sequence: world.committedSequences[0], index: 0))
    world.settle(milliseconds: 200)
    #expect(world.journal.durableOutcomes(reactor: 0) == 1)
    disk.heal()
    world.settle(milliseconds: 5000)
    #expect(!world.keeper.isFull && world.keeper.lastError == nil)
  }

  @Test func `each error is told once by its path until things go well again`() throws {
    let world = try world(reserveBytes: 0)
    let audience = world.audience(1)
    let layout = DirectoryLayout(root: directory.path)
    for _ in 0..<2 {
      let next = (world.recovered.index.facts.last?.number ?? 0) + 2
      #expect(world.keeper.trouble.drain() == [])
      disk.fail(after: 0, operation: "create")
      roll(world, audience)
      world.settle(milliseconds: 3000)
      // The next segment and the checkpoint, both between two polls; then the same each second.
      let told = world.keeper.trouble.drain().map(\.description)
      #expect(told.count == 2 && world.keeper.failures.value > 2)
      for path in [layout.segmentTemporary(next), layout.checkpointTemporary] {
        #expect(told.contains { $0.hasPrefix(path + ": create") }, "\(told)")
      }
      disk.heal()
      world.settle(milliseconds: 5000)
      #expect(world.keeper.lastError == nil)
    }
  }

  @Test func `the reserve carries outcomes and a checkpoint past the full segment`() throws {
    let world = try world(reserveBytes: 1 << 20)
    let audience = world.audience(1)
    #expect(Bytes.names(directory.path + "/reserve") == ["segment", "space"])
    world.seal([audience])
    world.settle(milliseconds: 5)
    let position = Position(sequence: world.committedSequences[0], index: 0)
    fillDisk()
    roll(world, audience)
    world.settle(milliseconds: 20)
    #expect(world.keeper.isFull)
    #expect(Bytes.names(directory.path + "/reserve") == [])
    let active = world.recovered.index.facts.count
    // Two segments' worth of retries: into what is left of one, then into the reserved one.
    for _ in 0..<24 {
      for _ in 0..<3000 { world.push(.retry, 1, position, attempt: 1, due: 9_999_999_999_999) }
      world.settle(milliseconds: 100)
    }
    #expect(world.journal.failure == nil && world.keeper.isFull)
    #expect(world.journal.durableOutcomes(reactor: 0) == 72_000)
    #expect(world.recovered.index.facts.count > active)
    disk.heal()
    disk.setFree(nil)
    world.settle(milliseconds: 5000)
    #expect(!world.keeper.isFull)
    #expect(Bytes.names(directory.path + "/reserve") == ["segment", "space"])
  }

  @Test func `a checkpoint that finds no room takes the reserve's`() throws {
    let world = try world(reserveBytes: 1 << 20)
    let audience = world.audience(1)
    world.seal([audience])
    world.settle(milliseconds: 5)
    disk.setFree(0)
    disk.fail(after: 0, code: Self.noSpace, only: "checkpoint", operation: "create", times: 1)
    let before = world.keeper.checkpoints.value
    roll(world, audience)
    world.settle(milliseconds: 20)
    #expect(world.keeper.checkpoints.value > before && world.keeper.isFull)
    #expect(Bytes.names(directory.path + "/reserve") == ["segment"])
    disk.setFree(nil)
    world.settle(milliseconds: 5000)
    #expect(!world.keeper.isFull)
  }

  @Test func `a spool range that finds no room is given up and made again`() throws {
    let world = try World(directory.path, retentionSeconds: 0, disk: disk)
    let backlog = Backlog(world)
    disk.fail(after: 3, code: Self.noSpace, only: "/spool/")
    backlog.seal(60)
    world.settle(milliseconds: 50)
    #expect(world.keeper.isFull && world.recovered.index.ranges.isEmpty)
    disk.heal()
    world.settle(milliseconds: 5000)
    #expect(!world.keeper.isFull && !world.recovered.index.ranges.isEmpty)
    let problems = Backlog.check(
      world.recovered.index, directory.path, backlog.sequences, failed: backlog.failed)
    #expect(problems == [])
  }

  @Test func `a start on a full disk takes the reserved segment`() throws {
    let world = try world(reserveBytes: 1 << 20)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 5)
    fillDisk()
    let log = try Recovery.open(
      directory: directory.path, disk: disk, now: world.now, segmentBytes: World.segmentBytes)
    #expect(log.index.find(atOrAfter: 1)?.sequence == 1 && log.report == [])
  }
}
