public import Base
public import Flow
public import Platform

/// The stage that takes events in: local sockets and the API on one side, blocks for the journal on
/// the other.
///
/// Takes bytes · Gives sealed ``Flow/Block``s, and an answer to each publish once its block is
/// committed. Never blocks; everything it keeps has a bound (see ``IngestConfiguration``).
///
/// > Runs on: the ingest thread; counters are read from anywhere.
public final class Ingest {
  private var core: IngestCore
  /// What is counted.
  public let counters: IngestCounters

  /// Makes the stage.
  /// - Parameters:
  ///   - window: Its arena is taken from and evicted by this stage alone.
  ///   - listener: A listening unix socket (see ``SocketFile``), or `.none`.
  ///   - sealed: Blocks to the journal; as many places as the arena has slots.
  ///   - committed: The same blocks back, in order, once they are durable.
  ///   - mailbox: Its owner is this thread's wakeup.
  ///   - remembered: Publisher-given ids that recovery found, oldest first.
  public init(
    configuration: IngestConfiguration, window: LogWindow, network: Network, poller: Poller,
    listener: Socket, sealed: Ring<BlockRef>, committed: Ring<BlockRef>,
    mailbox: Mailbox<IngestCommand>, remembered: [RememberedID], random: SeededRandom,
    counters: IngestCounters, hooks: IngestHooks
  ) {
    self.counters = counters
    core = IngestCore(
      configuration: configuration, window: window, network: network, poller: poller,
      listener: listener, sealed: sealed, committed: committed, mailbox: mailbox,
      remembered: remembered, random: random, counters: counters, hooks: hooks)
  }

  /// Does what can be done now.
  /// - Parameter ready: what the stage's poller said.
  /// - Returns: when it wants to be called again if nothing happens.
  public func turn(now: Now, ready: [Readiness]) -> Instant { core.turn(now, ready) }

  /// Whether another turn would do something although nothing became ready: look after
  /// `Wakeup.prepareToSleep`, and after each turn of the journal.
  public var hasWork: Bool { core.hasWork }

  /// The publisher-given ids whose events are durable, oldest first: for checkpoints.
  public func remembered() -> [RememberedID] { core.remembered.durable }

  /// Refuses every publish from now on; what was accepted is committed and answered. Connections
  /// are still taken: a publisher is told at once to come back, instead of waiting in the backlog.
  public func drain() { core.isDraining = true }

  /// Whether everything accepted is committed and answered, and sent as far as peers read.
  public var isDrained: Bool { core.isDrained }
}
