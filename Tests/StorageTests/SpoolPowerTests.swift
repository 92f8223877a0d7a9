import Base
import Flow
import Platform
import Simulation
import Storage
import Testing

/// Goal: wherever the process dies in the hand-over to the spool, and whatever a power cut then
/// leaves of what was not synced, every pending event is found at its place, and the log goes on.
/// Method: a script with two hand-overs on a disk that takes no change after the Nth, for every N;
/// then the process is gone, or the power, with what survives drawn from a seed. The first start
/// after that is cut off as well.
struct SpoolPowerTests {
  /// One script on one disk.
  private struct Trial {
    var disk: SimulatedDisk
    var backlog: Backlog
    var wasReached: Bool
    var releases: UInt64
  }

  private static let directory = "/data"

  private func play(step: Int, seed: UInt64) throws -> Trial {
    let disk = Simulation.World(seed: seed).disk
    let world = try World(Self.directory, retentionSeconds: 0, disk: disk)
    let backlog = Backlog(world)
    // The first segment is nearly full: it closes, a checkpoint is taken, and its hand-over begins.
    backlog.seal(11)
    disk.changesLeft = step
    backlog.seal(24)
    world.settle(milliseconds: 20)
    return Trial(
      disk: disk, backlog: backlog, wasReached: disk.changesLeft <= 0,
      releases: world.keeper.releases.value)
  }

  /// A torn tail was never acknowledged, nor was what stood in a segment whose first page the power
  /// cut took: such a one says that it does not know where it began.
  private static func isLoss(_ finding: RecoveryFinding) -> Bool {
    finding.kind != .tornTail && !(finding.kind == .corruption && finding.firstSequence == 0)
  }

  /// Whether everything acknowledged and pending is there, and still is after the next lives.
  private func check(_ trial: Trial, _ name: String) throws -> Int {
    let backlog = trial.backlog
    trial.disk.changesLeft = Int(name.utf8.reduce(0) { ($0 * 31 + Int($1)) % 23 })
    _ = try? Recovery.open(
      directory: Self.directory, disk: trial.disk, now: backlog.world.now,
      segmentBytes: World.segmentBytes)
    trial.disk.crash()
    var ranges = 0
    for life in 0..<2 {
      let log = try Recovery.open(
        directory: Self.directory, disk: trial.disk, now: backlog.world.now,
        segmentBytes: World.segmentBytes)
      #expect(log.report.filter(Self.isLoss) == [], "\(name), life \(life)")
      let problems = Backlog.check(
        log.index, Self.directory, backlog.sequences, failed: backlog.failed, disk: trial.disk)
      #expect(problems == [], "\(name), life \(life)")
      if life == 0 { ranges = log.index.ranges.count }
      #expect(log.index.ranges.count == ranges, "\(name), life \(life)")
      trial.disk.crash()
    }
    return ranges
  }

  /// - Parameter end: 0, the process is killed; else the power fails, each time in another way.
  @Test(.timeLimit(.minutes(5)), arguments: [0, 1, 2] as [UInt64])
  func `a crash at any change of the hand-over loses nothing`(_ end: UInt64) throws {
    var step = 0
    var sawIgnored = false
    var sawReleased = false
    while true {
      let trial = try play(step: step, seed: UInt64(step) * 3 + end + 1)
      if end == 0 { trial.disk.processDied() } else { trial.disk.crash() }
      let ranges = try check(trial, "end \(end) after \(step) changes")
      #expect(ranges >= min(1, trial.releases), "after \(step) changes")
      sawIgnored = sawIgnored || (ranges == 0 && trial.wasReached)
      sawReleased = sawReleased || (ranges > 0 && trial.releases == 0)
      if !trial.wasReached { break }
      step += 1
    }
    #expect(step > 30 && sawIgnored && sawReleased)
  }
}
