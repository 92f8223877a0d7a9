public import Base

/// Everything outside the program: time, disk, network, peers; all of it follows from one seed.
///
/// The driver owns the program's stages, asks `nextTime`, and calls `advance(to:)` between their
/// turns. Single-threaded.
public final class World: @unchecked Sendable {
  /// Virtual time.
  public let clock = SimulatedClock()
  /// What happened.
  public let trace = Trace()
  /// The disk.
  public let disk: SimulatedDisk
  /// The sockets.
  public private(set) var network: SimulatedNetwork!
  /// For the driver's own choices.
  public var random: SeededRandom
  private var agenda = Agenda()
  private var forks: UInt64 = 0
  private let seed: UInt64

  /// A world at its beginning: an empty disk, nobody connected.
  public init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    disk = SimulatedDisk(trace: trace, seed: seed ^ 0xD15C)
    network = SimulatedNetwork(world: self, seed: seed ^ 0x4E7)
  }

  /// A generator of its own for each part, so that one part's choices do not shift another's.
  public func fork() -> SeededRandom {
    forks += 1
    return SeededRandom(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ forks)
  }

  /// The present.
  public var now: Now { clock.now() }

  /// When the next planned thing happens.
  public var nextTime: Instant { agenda.nextTime }

  /// Plans something.
  public func after(_ delay: Nanoseconds, _ action: @escaping () -> Void) {
    agenda.add(at: clock.instant + delay, action)
  }

  /// Plans something for an instant; for now, if that is past.
  public func at(_ time: Instant, _ action: @escaping () -> Void) {
    agenda.add(at: max(time, clock.instant), action)
  }

  /// Nothing happens any more: what is planned, and the network, keep nothing in memory.
  public func dissolve() {
    agenda = Agenda()
    network = nil
  }

  /// Moves time to `time`, doing on the way what is planned up to then.
  public func advance(to time: Instant) {
    while agenda.nextTime <= time {
      clock.advance(to: agenda.nextTime)
      agenda.pop()?()
    }
    clock.advance(to: time)
  }
}
