public import Base
internal import Synchronization

/// Tells that all of some threads go round, as long as they do.
///
/// It wakes up twice an interval, asks every thread for its pulse and looks at the answers the next
/// time. A thread that has not answered is looked at more often until it has; meanwhile nothing is
/// told, so whoever listens may end the process.
///
/// > Runs on: a thread of its own.
public final class Watchdog: Sendable {
  private let pulses: [Pulse]
  private let pause: Nanoseconds
  private let alive: @Sendable () -> Void
  private let stuck: @Sendable (_ threads: [String]) -> Void
  private let wakeup = Wakeup()
  private static let lookInterval = Nanoseconds.milliseconds(100)

  /// A watchdog that watches from `start` on.
  /// - Parameters:
  ///   - interval: how long may pass between two signs of life.
  ///   - alive: gives one.
  ///   - stuck: called once whenever threads do not answer for half an interval.
  public init(
    _ pulses: [Pulse], interval: Nanoseconds, alive: @escaping @Sendable () -> Void,
    stuck: @escaping @Sendable (_ threads: [String]) -> Void
  ) {
    self.pulses = pulses
    pause = Nanoseconds(max(interval.count / 2, Self.lookInterval.count))
    self.alive = alive
    self.stuck = stuck
  }

  /// Watches until the process ends.
  public func start() {
    Thread.start(name: "watchdog") { [self] in
      while true { watch() }
    }
  }

  private func watch() {
    for pulse in pulses { pulse.ask() }
    sleep(pause)
    var isTold = false
    while true {
      let silent = pulses.filter(\.isAsked).map(\.name)
      if silent.isEmpty { break }
      if !isTold { stuck(silent) }
      isTold = true
      sleep(Self.lookInterval)
    }
    alive()
  }

  private func sleep(_ time: Nanoseconds) {
    let start = RealClock.monotonic
    let end = start + time
    var now = start
    while now < end {
      wakeup.waitBlocking(until: end, now: now)
      now = RealClock.monotonic
    }
  }
}
