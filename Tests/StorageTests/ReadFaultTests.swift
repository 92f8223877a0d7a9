import Base
import Flow
import Platform
import Simulation
import Storage
import Testing

/// Goal: what can't be read never passes for what is not there: the start ends, and the next finds
/// everything.
/// Method: a small log, a start for every read that it makes, with just that read failing.
struct ReadFaultTests {
  private static let directory = "/data"

  private func start(_ disk: SimulatedDisk, _ now: Now) throws -> RecoveredLog {
    try Recovery.open(
      directory: Self.directory, disk: disk, now: now, segmentBytes: World.segmentBytes)
  }

  @Test func `any read that fails ends the start`() throws {
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
    var number = 1
    while true {
      disk.faults = [DiskFault(.read, number: number)]
      let strikes = disk.strikes.count
      let log = try? start(disk, world.now)
      if disk.strikes.count == strikes {
        let lane = try #require(log?.lanes.first)
        #expect(lane.behind == 4)
        #expect(lane.holes.map(\.position) == [Position(sequence: 1, index: 0)])
        break
      }
      #expect(log == nil, "read \(number)")
      disk.processDied()
      number += 1
    }
    #expect(number > 3)
  }
}
