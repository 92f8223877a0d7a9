public import Base
internal import Catalog
internal import Delivery
internal import Flow
internal import Glibc
internal import Ingest
public import Logging
internal import Platform
internal import Storage
internal import Synchronization
internal import TLS

/// A running broker: data plane, catalogue, and what the API may ask of them.
public final class Broker: Sendable {
  /// What API, page and signals may ask.
  public let control: BrokerControl
  private let settings: Settings
  private let plane: DataPlane
  private let housekeeper: Housekeeper
  private let lock: DirectoryLock
  private let logger: Logger
  /// The local socket, if the service manager passed it.
  private let inherited: InheritedSocket?
  /// Where the API listens, once it does.
  private let apiPort = Mutex<Int?>(nil)

  /// Starts a broker: locks the directory, opens catalogue and log, recovers, and runs the threads.
  ///
  /// When it returns, the local socket accepts events.
  /// - Throws: what is wrong, with its path, and nothing is left running.
  public static func start(settings: Settings, logger: Logger) throws(BrokerError) -> Broker {
    ProcessSetup.protect()
    let disk = RealDisk()
    let lock = try storage { () throws(StorageError) in
      try makeDirectory(settings.data, disk, logger)
      let lock = try DirectoryLock(directory: settings.data)
      // Before the catalogue is opened, which may bring it up to date.
      try Recovery.checkFormat(directory: settings.data, disk: disk)
      return lock
    }
    let catalog = try openCatalog(settings)
    let recovered = try storage { () throws(StorageError) in
      try Recovery.open(
        directory: settings.data, disk: disk, now: RealClock().now(),
        log: { logger.notice("\($0)") })
    }
    let configuration = try PlaneConfiguration(settings, disk: disk)
    let inherited = try inheritedSocket()
    let listener = if let inherited { inherited.socket } else { try listen(settings) }
    let box = ControlBox()
    let attempts = try openAttempts(settings, logger)
    let plane = try DataPlane(
      configuration, recovered: recovered, listener: listener, hooks: box.hooks,
      kept: KeptDeadLetters(catalog: catalog), tap: attempts.tap)
    let control = BrokerControl(
      catalog: catalog, settings: settings, plane: plane, attempts: attempts,
      startedUnixMilliseconds: RealClock.unix.value, logger: logger)
    box.fill(control)
    try load(control, plane, recovered, logger)
    plane.start(failed: { error, path in
      // Nothing acknowledged is at stake: what the failed sync covers was never answered.
      logger.critical(
        "the journal could not be written; ending, so that nothing unsynced is acknowledged",
        metadata: ["error": "\(error)", "path": "\(path)"])
      _exit(70)
    })
    attempts.start(answers: plane.reactors.map(\.answers), oldest: { plane.logReader.oldest })
    let housekeeper = Housekeeper(
      control: control, notices: plane.notices, settled: plane.settled,
      damage: DamageReport(findings: recovered.report, reader: plane.logReader), logger: logger)
    housekeeper.recordDead(recovered.deadSinceCheckpoint)
    housekeeper.start()
    ProcessSetup.returnFreeMemory()
    return Broker(
      control: control, settings: settings, plane: plane, housekeeper: housekeeper, lock: lock,
      inherited: inherited, logger: logger)
  }

  private init(
    control: BrokerControl, settings: Settings, plane: DataPlane,
    housekeeper: Housekeeper, lock: DirectoryLock, inherited: InheritedSocket?, logger: Logger
  ) {
    self.control = control
    self.settings = settings
    self.plane = plane
    self.housekeeper = housekeeper
    self.lock = lock
    self.inherited = inherited
    self.logger = logger
  }

  /// Where the local socket is.
  public var socketPath: String { inherited?.path ?? settings.socketPath }

  /// Has the service manager told that the threads of the data plane go round, as long as they do.
  /// - Parameters:
  ///   - interval: how long may pass between two signs of life.
  ///   - alive: gives one.
  public func watch(interval: Nanoseconds, alive: @escaping @Sendable () -> Void) {
    Watchdog(plane.pulses.all, interval: interval, alive: alive) { [logger] threads in
      logger.error(
        "threads do not go round; the service manager may end the broker for that",
        metadata: ["threads": "\(threads.joined(separator: ","))"])
    }.start()
  }

  /// Writes the API's address where the command line looks for it.
  /// - Returns: the URL.
  public func publishAddress(port: Int) -> String {
    apiPort.withLock { $0 = port }
    let settings = control.settings
    let host = settings.listenHostAndPort?.host ?? "127.0.0.1"
    let reachable = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
    let shown = reachable.contains(":") ? "[\(reachable)]" : reachable
    let scheme = settings.tlsCertificate.isEmpty ? "http" : "https"
    let url = settings.publicURL.isEmpty ? "\(scheme)://\(shown):\(port)" : settings.publicURL
    Self.write(url + "\n", to: settings.addressPath)
    return url
  }

  /// How long ``drain()`` waits at most.
  public var drainTimeout: Nanoseconds { control.settings.drainTimeout }

  /// Takes no new events and lets attempts in flight end.
  /// - Returns: whether all of them ended within the drain timeout.
  public func drain() async -> Bool {
    await control.operational.flush()
    return await plane.drain(within: drainTimeout)
  }

  /// Follows changed settings as far as a running broker can.
  ///
  /// The log's level and format, and the listener's certificate, are the caller's matter.
  /// - Returns: keys that changed and are followed, and keys that changed and need a restart.
  /// - Throws: what the machine says against it; nothing was changed.
  public func reload(
    _ settings: Settings
  ) throws(BrokerError) -> (taken: [String], waiting: [String]) {
    let current = control.settings
    var next = current
    var waiting: [String] = []
    var taken: [String] = []
    for key in SettingKey.all where key.differs(current, settings) {
      if key.reloads, current.usesTLS == settings.usesTLS || !key.name.hasPrefix("tls-") {
        key.copy(from: settings, to: &next)
        taken.append(key.name)
      } else {
        waiting.append(key.name)
      }
    }
    let limits = try PlaneLimits(next, disk: RealDisk())
    control.follow(next)
    if limits != plane.limits.withLock({ $0 }) { plane.follow(limits) }
    housekeeper.lookAgain()
    if next.publicURL != current.publicURL, let port = apiPort.withLock({ $0 }) {
      _ = publishAddress(port: port)
    }
    control.reloadSucceeded.store(true, ordering: .relaxed)
    return (taken, waiting)
  }

  /// Notes that the configuration could not be read again, for the metrics.
  public func reloadFailed() { control.reloadSucceeded.store(false, ordering: .relaxed) }

  /// Stops, drained or not: the journal closes cleanly.
  /// - Returns: whether it did, so that the next start has nothing to recover.
  public func stop() async -> Bool {
    plane.refuseEvents()
    let closed = await plane.finish(within: .seconds(10))
    await housekeeper.stop()
    await control.attempts.stop()
    // What the service manager opened stays: publishers wait there for the next broker.
    if inherited == nil { SocketFile.remove(path: settings.socketPath) }
    _ = unsafe unlink(settings.addressPath)
    do throws(CatalogError) {
      try control.attempts.store.close()
      try control.catalog.close()
    } catch {
      logger.warning("the catalogue was not closed", metadata: ["error": "\(error.text)"])
    }
    return closed
  }

  private static func storage<R>(_ body: () throws(StorageError) -> R) throws(BrokerError) -> R {
    do throws(StorageError) {
      return try body()
    } catch {
      throw .failed(error.description)
    }
  }

  private static func makeDirectory(_ path: String, _ disk: any Disk, _ logger: Logger)
    throws(StorageError)
  {
    do throws(SystemError) {
      try disk.makeDirectory(path)
    } catch {
      throw .system(path: path, error)
    }
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & 0o022 != 0 else { return }
    logger.warning(
      "others may write into the data directory: they could replace its files",
      metadata: ["path": "\(path)", "mode": "0\(String(status.st_mode & 0o777, radix: 8))"])
  }

  private static func openCatalog(_ settings: Settings) throws(BrokerError) -> Catalog {
    let path = settings.data + "/catalog.db"
    // A new key would open nothing that is there, and hide that the old one is missed.
    if !exists(settings.keyPath), exists(path) {
      throw .configuration(
        "the key file \(settings.keyPath) is missing, and the secrets in \(path) were sealed with "
          + "it; put it back, or name it by --key-file")
    }
    let sealer: Sealer
    do throws(SealerError) {
      sealer = try Sealer(keyFile: settings.keyPath)
    } catch {
      throw .configuration(error.description)
    }
    do throws(CatalogError) {
      let catalog = try Catalog(path: path, sealer: sealer)
      try catalog.ensureAdminToken(writeTo: settings.tokenPath)
      return catalog
    } catch {
      throw .failed(error.text)
    }
  }

  private static func openAttempts(
    _ settings: Settings, _ logger: Logger
  ) throws(BrokerError) -> AttemptRecorder {
    do throws(CatalogError) {
      return AttemptRecorder(
        store: try AttemptStore(path: settings.attemptsPath), settings: settings, logger: logger)
    } catch {
      throw .failed(error.text)
    }
  }

  private static func inheritedSocket() throws(BrokerError) -> InheritedSocket? {
    do throws(InheritedSocketError) {
      return try InheritedSocket.take(environment: ProcessSetup.environment)
    } catch {
      throw .configuration(error.text)
    }
  }

  private static func listen(_ settings: Settings) throws(BrokerError) -> Socket {
    do throws(SocketFileError) {
      return try SocketFile.listen(
        path: settings.socketPath, group: settings.socketGroup.isEmpty ? nil : settings.socketGroup,
        network: Network())
    } catch {
      throw .failed(error.text)
    }
  }

  /// Gives every stage what the catalogue knows, before the threads run.
  private static func load(
    _ control: BrokerControl, _ plane: DataPlane, _ recovered: RecoveredLog, _ logger: Logger
  ) throws(BrokerError) {
    do throws(CatalogError) {
      // A stop between tombstone and delete: the log's word counts.
      let removed = try control.catalog.removeEndpoints(
        numbered: recovered.removedEndpoints.map(\.value))
      for name in removed {
        logger.notice("finished the removal of an endpoint", metadata: ["endpoint": "\(name)"])
      }
      try control.catalog.raiseEndpointNumberHighWater(to: recovered.endpointHighWater)
      plane.post(expunged: try control.expunged.load(control.catalog, plane.logReader))
      try control.funnel.preload()
      control.reportParked(recovered.lanes, logger)
    } catch {
      throw .failed(error.text)
    }
  }

  private static func exists(_ path: String) -> Bool {
    unsafe access(path, F_OK) == 0 || errno != ENOENT
  }

  private static func write(_ text: String, to path: String) {
    let temporary = path + ".tmp"
    guard let file = unsafe fopen(temporary, "w") else { return }
    _ = unsafe fputs(text, file)
    _ = unsafe fclose(file)
    _ = unsafe rename(temporary, path)
  }
}
