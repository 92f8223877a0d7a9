package import Base
internal import Glibc
internal import Platform

/// What one `fdatasync` takes where a journal would lie: the floor of an acknowledgement.
package enum SyncProbe {
  private static let roundsMax = 400
  private static let timeMax = Nanoseconds.milliseconds(500)
  private static let pacedTimeMax = Nanoseconds.seconds(2)
  private static let blockCount = 64
  private static let blockBytes = 4096

  /// Writes 4 KiB into a file that has its space already, and syncs it, up to 400 times in half
  /// a second.
  ///
  /// - Parameter pause: between two syncs, two seconds in all at most: a disk and a processor that
  ///   rested take longer. Zero: one sync after the other.
  /// - Returns: `nil` when no file can be made there.
  package static func run(in folder: String, pause: Nanoseconds = .zero) -> Latencies? {
    let path = "\(folder)/.fanfare-bench-sync"
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer {
      _ = close(descriptor)
      _ = unsafe unlink(path)
    }
    // Written once before: a sync of new space is one of the file system's own log as well.
    for place in 0..<blockCount where !write(descriptor, place) { return nil }
    guard fsync(descriptor) == 0 else { return nil }
    let times = LatencyHistogram.make()
    let end = RealClock.monotonic + (pause == .zero ? timeMax : pacedTimeMax)
    for round in 0..<roundsMax where RealClock.monotonic < end {
      let before = RealClock.monotonic
      guard write(descriptor, round % blockCount), fdatasync(descriptor) == 0 else { return nil }
      times.record(nanoseconds: RealClock.monotonic.since(before).count)
      if pause > .zero { usleep(UInt32(clamping: pause.count / 1000)) }
    }
    return times.snapshot()
  }

  private static func write(_ descriptor: Int32, _ place: Int) -> Bool {
    let block = [UInt8](repeating: UInt8(truncatingIfNeeded: place + 1), count: blockBytes)
    let count = unsafe block.withUnsafeBytes {
      unsafe pwrite(descriptor, $0.baseAddress, $0.count, place * blockBytes)
    }
    return count == blockBytes
  }
}
