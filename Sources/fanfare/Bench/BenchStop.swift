internal import Glibc
internal import Synchronization

/// ^C, SIGTERM and SIGHUP as a flag: the benchmark stops, tidies up and says what it has.
final class BenchStop: Sendable {
  private let flag = Atomic<Bool>(false)
  private let signals = StopSignals()
  private let hangUp = Slot<SignalSource>()

  init() {
    hangUp.put(SignalSource(SIGHUP) { [signals] in signals.stop() })
    Task { [self] in
      await signals.wait()
      flag.store(true, ordering: .relaxed)
    }
  }

  /// Whether to stop.
  var isSet: Bool { flag.load(ordering: .relaxed) }
}
