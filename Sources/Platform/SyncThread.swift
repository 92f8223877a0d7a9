public import Base
internal import CLinux
internal import Glibc
internal import Synchronization

/// The thread that waits for the disk: one fdatasync after the other, in order of submission.
///
/// A stage that called fdatasync itself would stand still for 0.2 to 3 ms; here it goes on reading
/// publishers meanwhile, which is what fills the next group commit.
public final class SyncThread: SyncQueue {
  private struct Request: BitwiseCopyable {
    var token: UInt64
    var descriptor: Int32
  }

  private static let depth = 16
  private let disk: any Disk
  private let requests = Ring<Request>(capacity: depth)
  private let completions = Ring<SyncCompletion>(capacity: depth)
  /// Submitted and not yet taken back; touched by the submitter alone. It bounds both rings: a
  /// completion that found no room would be lost.
  private let underWay = Atomic<Int>(0)
  private let signal: Wakeup
  private let submitter: Wakeup
  /// Whether the thread goes round: it does not while the disk keeps it waiting.
  public let pulse: Pulse

  /// Starts the thread; `submitter` is woken after each completion.
  public init(disk: any Disk, submitter: Wakeup) {
    self.disk = disk
    self.submitter = submitter
    signal = Wakeup()
    pulse = Pulse(name: "sync", wakeup: signal)
    Thread.start(name: "sync") { [self] in run() }
  }

  public func submit(_ file: FileHandle, token: UInt64) -> Bool {
    let count = underWay.load(ordering: .relaxed)
    guard count < Self.depth,
      requests.push(Request(token: token, descriptor: file.descriptor))
    else { return false }
    underWay.store(count + 1, ordering: .relaxed)
    signal.wake()
    return true
  }

  public func completion() -> SyncCompletion? {
    guard let completion = completions.pop() else { return nil }
    underWay.store(underWay.load(ordering: .relaxed) - 1, ordering: .relaxed)
    return completion
  }

  public var hasCompletion: Bool { completions.count > 0 }

  public func syncNow(_ file: FileHandle) -> (code: Int32, time: Nanoseconds)? {
    guard underWay.load(ordering: .relaxed) == 0 else { return nil }
    let start = RealClock.monotonic
    let code = sync(file)
    return (code, RealClock.monotonic.since(start))
  }

  private func sync(_ file: FileHandle) -> Int32 {
    do throws(SystemError) {
      try disk.syncData(file)
      return 0
    } catch {
      return error.code
    }
  }

  private func run() {
    while true {
      pulse.answer()
      guard let request = requests.pop() else {
        signal.prepareToSleep()
        if requests.count == 0, !pulse.isAsked { signal.waitBlocking() }
        signal.awake()
        continue
      }
      let code = sync(FileHandle(descriptor: request.descriptor))
      require(
        completions.push(SyncCompletion(token: request.token, code: code)),
        "a sync's completion found no room")
      submitter.wake()
    }
  }
}
