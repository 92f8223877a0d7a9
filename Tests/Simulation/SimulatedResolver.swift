public import Base
public import Platform

/// Names of the simulated world: each has its address, answers take their time and sometimes fail.
public final class SimulatedResolver: NameResolver, @unchecked Sendable {
  private let world: World
  private let wakeup: Wakeup
  private var random: SeededRandom
  private var answers: [Resolution] = []
  private var isAlive = true
  /// One lookup in so many fails; 0 for none.
  public var failsOneIn: UInt64 = 0

  /// A resolver of one reactor; `wakeup` is that reactor's.
  public init(world: World, wakeup: Wakeup) {
    self.world = world
    self.wakeup = wakeup
    random = world.fork()
  }

  /// The process died.
  public func processDied() { isAlive = false }

  public func resolve(_ host: String, tag: UInt64, now: Instant) {
    let fails = failsOneIn > 0 && random.oneIn(failsOneIn)
    let delay = Nanoseconds.microseconds(50 + random.below(random.oneIn(20) ? 300_000 : 2_000))
    world.after(delay) { [weak self] in
      guard let self, self.isAlive else { return }
      let address = fails ? nil : self.world.network.address(ofHost: host)
      self.world.trace.note("resolved", tag, address == nil ? 0 : 1)
      self.answers.append(
        Resolution(
          tag: tag, addresses: address.map { [$0] } ?? [],
          failure: address == nil ? "\(host): no such name" : ""))
      self.wakeup.wake()
    }
  }

  public func take(_ readiness: Readiness) -> Bool { false }

  public func next() -> Resolution? { answers.isEmpty ? nil : answers.removeFirst() }

  public func turn(now: Instant) -> Instant { answers.isEmpty ? .distantFuture : now }
}
