import Base
import Platform
import Simulation
import Storage
import Testing

/// Goal: a start that is refused names what refused it, and what else it met on the way.
/// Method: files of one name that can't be opened, on a disk in memory.
struct RefusedStartTests {
  private static let directory = "/data"

  /// The lines that a start logs, and the error that ends it.
  private func refusal(_ disk: SimulatedDisk, _ now: Now) -> (lines: [String], error: StorageError?) {
    var lines: [String] = []
    do throws(StorageError) {
      _ = try Recovery.open(
        directory: Self.directory, disk: disk, now: now, segmentBytes: World.segmentBytes
      ) { lines.append($0) }
      return (lines, nil)
    } catch {
      return (lines, error)
    }
  }

  @Test func `without space and without a readable reserve, the want of space ends it`() throws {
    let disk = Simulation.World(seed: 1).disk
    disk.faults = [
      DiskFault(.open, path: ".tmp", code: 28, forEver: true),
      DiskFault(.open, path: "reserve/", code: 5, forEver: true),
    ]
    let (lines, error) = refusal(disk, Now(instant: Instant(nanoseconds: 1), unix: UnixMilliseconds(1)))
    #expect(try #require(error).description.contains("segment-0000000000000001.tmp"))
    #expect(lines.contains { $0.hasPrefix("left over: /data/reserve: ") })
  }

  @Test func `what was met before the refusal is told`() throws {
    let disk = Simulation.World(seed: 1).disk
    _ = try World(Self.directory, disk: disk)
    disk.processDied()
    let stray = "/data/journal/segment-0000000000000009.tmp"
    disk.close(try disk.open(stray, .create))
    disk.faults = [
      DiskFault(.remove, path: stray), DiskFault(.open, path: "segment-0000000000000002.tmp"),
    ]
    let (lines, error) = refusal(disk, Now(instant: Instant(nanoseconds: 9), unix: UnixMilliseconds(9)))
    #expect(error != nil)
    #expect(lines.contains { $0.hasPrefix("left over: \(stray): ") })
  }
}
