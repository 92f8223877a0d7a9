public import Catalog
internal import Logging
internal import Synchronization

/// What the control plane may ask of a running broker: the one way in for API, page and signals.
///
/// A change is committed to the catalogue first, then reaches the reactors, then routing, and only
/// then is the caller answered: whoever reads the answer can publish and be served accordingly.
public final class BrokerControl: Sendable {
  /// Applications, endpoints, tokens, dead letters.
  public let catalog: Catalog
  private let settingsInForce: Mutex<Settings>
  let plane: DataPlane
  let attempts: AttemptRecorder
  let funnel: RoutingFunnel
  let operational: OperationalEvents
  let expunged = ExpungedEvents()
  let replays = ReplayTasks()
  let started: UInt64
  /// Whether the configuration could be read when it was read last.
  let reloadSucceeded = Atomic(true)

  init(
    catalog: Catalog, settings: Settings, plane: DataPlane, attempts: AttemptRecorder,
    startedUnixMilliseconds: UInt64, logger: Logger
  ) {
    self.catalog = catalog
    settingsInForce = Mutex(settings)
    self.plane = plane
    self.attempts = attempts
    funnel = RoutingFunnel(catalog: catalog, plane: plane)
    operational = OperationalEvents(
      catalog: catalog, plane: plane, funnel: funnel, attempts: attempts.store, logger: logger)
    started = startedUnixMilliseconds
  }

  /// The settings in force: a reload may change them.
  public var settings: Settings { settingsInForce.withLock { $0 } }

  /// Has everything that asks follow other settings.
  func follow(_ settings: Settings) { settingsInForce.withLock { $0 = settings } }

  /// Why the broker is not ready to accept events; empty when it is.
  public var notReadyReasons: [String] { plane.notReadyReasons }
}
