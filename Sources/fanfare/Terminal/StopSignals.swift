internal import Dispatch
internal import Glibc
internal import Synchronization

/// A signal that calls a closure instead of ending the program, as long as the value lives.
final class SignalSource: Sendable {
  // Only held, so that it stays: nobody touches it after `init`.
  private nonisolated(unsafe) let source: any DispatchSourceSignal

  /// - Parameter body: runs on a queue of its own, as any code may.
  init(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
    _ = signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler(handler: body)
    source.activate()
    unsafe self.source = source
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
