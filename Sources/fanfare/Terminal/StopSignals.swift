internal import Glibc
internal import Platform
internal import Synchronization

/// A signal that calls a closure instead of ending the program, as long as the value lives.
final class SignalSource: Sendable {
  private let name: Int

  /// - Parameter body: runs on a thread of its own, as any code may.
  init(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
    name = SignalThread.shared.add(number, body)
  }

  deinit { SignalThread.shared.remove(name) }
}

/// The thread that signals are brought to, by a pipe: the handler itself may do next to nothing.
private final class SignalThread: Sendable {
  static let shared = SignalThread()

  private struct Entry {
    let name: Int
    let number: Int32
    let body: @Sendable () -> Void
  }

  // Written before the first handler is installed.
  nonisolated(unsafe) private static var writeEnd: Int32 = -1
  private let entries = Mutex<(all: [Entry], next: Int)>(([], 0))

  private init() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { fatalError("fanfare: out of file descriptors") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    unsafe Self.writeEnd = ends[1]
    let readEnd = ends[0]
    Thread.start(name: "signals") { [self] in run(readEnd) }
  }

  /// - Returns: a name to remove it by.
  func add(_ number: Int32, _ body: @escaping @Sendable () -> Void) -> Int {
    let name = entries.withLock { entries in
      entries.next += 1
      entries.all.append(Entry(name: entries.next, number: number, body: body))
      return entries.next
    }
    _ = signal(number) { number in
      var byte = UInt8(truncatingIfNeeded: number)
      let code = errno
      _ = unsafe write(SignalThread.writeEnd, &byte, 1)
      errno = code
    }
    return name
  }

  func remove(_ name: Int) {
    // What the closure held may go with it, and remove a signal of its own: not under the lock.
    let gone = entries.withLock { entries in
      defer { entries.all.removeAll { $0.name == name } }
      return entries.all.first { $0.name == name }
    }
    withExtendedLifetime(gone) {}
  }

  private func run(_ readEnd: Int32) {
    // Whoever started this program may have blocked them, for itself and so for all others here.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    while true {
      var number: UInt8 = 0
      guard unsafe read(readEnd, &number, 1) == 1 else { continue }
      let bodies = entries.withLock { entries in
        entries.all.filter { $0.number == Int32(number) }.map(\.body)
      }
      for body in bodies { body() }
    }
  }
}

/// ^C and SIGTERM as something to wait for; a second one ends the program at once.
///
/// Two within ``echoMilliseconds`` are one: timeout(1) signals its child and then its whole group.
final class StopSignals: Sendable {
  /// How soon after the first a signal is taken for its echo.
  static let echoMilliseconds: UInt64 = 100

  private let reasons: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation
  private let sources: [SignalSource]

  /// From now on the signals no longer end the program by themselves.
  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    reasons = stream
    self.continuation = continuation
    let first = FirstSignal()
    sources = [SIGINT, SIGTERM].map { number in
      SignalSource(number) {
        guard let age = first.age() else {
          continuation.yield()
          return
        }
        // As a shell reports the end by this signal.
        if age > Self.echoMilliseconds { _exit(128 + number) }
      }
    }
  }

  /// Stops as a first signal would.
  func stop() { continuation.yield() }

  /// Returns when there is a reason to stop.
  func wait() async {
    for await _ in reasons { return }
  }

  /// When the first signal came.
  private final class FirstSignal: Sendable {
    private let time = Mutex<ContinuousClock.Instant?>(nil)

    /// Milliseconds since the first signal; `nil` for the first itself.
    func age() -> UInt64? {
      time.withLock { time in
        guard let first = time else {
          time = .now
          return nil
        }
        return UInt64(max(0, first.duration(to: .now) / .milliseconds(1)))
      }
    }
  }
}
