import Base
import Flow
import Platform
import Simulation
import Storage
import Testing

/// Goal: what can't be read never passes for what is not there: the start ends, and the next finds
/// everything.
/// Method: a small log, a start for every read that one makes, with just that read failing, and one
/// more without.
struct ReadFaultTests {
  private static let directory = "/data"

  private func start(_ disk: SimulatedDisk, _ now: Now) throws -> RecoveredLog {
    try Recovery.open(
      directory: Self.directory, disk: disk, now: now, segmentBytes: World.segmentBytes)
  }

  /// A disk with a small log: events for one endpoint, of which the second was delivered before the
  /// first.
  private func disk() throws -> (disk: SimulatedDisk, now: Now) {
    let disk = Simulation.World(seed: 1).disk
    let world = try World(Self.directory, disk: disk)
    let audience = world.audience(1)
    for _ in 0..<3 {
      world.seal([audience, audience])
      world.settle(milliseconds: 3)
    }
    // Passes over an event, so that recovery must look up which one: it reads an event table.
    world.push(.delivered, 1, Position(sequence: 1, index: 1))
    world.settle(milliseconds: 10)
    disk.processDied()
    return (disk, world.now)
  }

  @Test func `any read that fails ends the start`() throws {
    var number = 0
    while true {
      number += 1
      // The same log each time: a start that failed may have tidied it.
      let (disk, now) = try disk()
      disk.faults = [DiskFault(.read, number: number)]
      let failed = try? start(disk, now)
      if disk.strikes.isEmpty { break }
      #expect(failed == nil, "read \(number)")
      disk.processDied()
      disk.faults = []
      let lane = try #require(try start(disk, now).lanes.first)
      #expect(lane.behind == 4)
      #expect(lane.holes.map(\.position) == [Position(sequence: 1, index: 0)])
    }
    #expect(number > 3)
  }

  @Test func `of reads that fail from then on the first is named`() throws {
    var number = 0
    while true {
      number += 1
      let (disk, now) = try disk()
      disk.faults = [DiskFault(.read, number: number, forEver: true)]
      var refusal = ""
      do { _ = try start(disk, now) } catch { refusal = "\(error)" }
      guard let strike = disk.strikes.first else { break }
      #expect(refusal.contains(strike.path), "read \(number)")
    }
    #expect(number > 3)
  }
}
