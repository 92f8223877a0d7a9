internal import Dispatch
internal import Glibc

/// Waits for ^C or SIGTERM; a second one ends the program at once.
final class InterruptSignals: Sendable {
  /// One element for each reason to stop.
  let reasons: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation
  // Only held, so that they stay: nobody touches them after `init`.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// From now on the signals no longer end the program by themselves.
  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    reasons = stream
    self.continuation = continuation
    unsafe sources = [SIGINT, SIGTERM].map { number in
      _ = signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        _ = signal(number, SIG_DFL)
        continuation.yield()
      }
      source.activate()
      return source
    }
  }

  /// Stops as a signal would.
  func stop() { continuation.yield() }

  /// Returns when there is a reason to stop.
  func wait() async {
    for await _ in reasons { return }
  }
}
