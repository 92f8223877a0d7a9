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
  /// The settings, with what SIGHUP changed.
  private let inForce: Mutex<Settings>

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
    let listener = try listen(settings)
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
      logger: logger)
  }

  private init(
    control: BrokerControl, settings: Settings, plane: DataPlane,
    housekeeper: Housekeeper, lock: DirectoryLock, logger: Logger
  ) {
    self.control = control
    self.settings = settings
    self.plane = plane
    self.housekeeper = housekeeper
    self.lock = lock
    self.logger = logger
    inForce = Mutex(settings)
  }

  /// Writes the API's address where the command line looks for it.
  /// - Returns: the URL.
  public func publishAddress(port: Int) -> String {
    let host = settings.listenHostAndPort?.host ?? "127.0.0.1"
    let reachable = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
    let shown = reachable.contains(":") ? "[\(reachable)]" : reachable
    let scheme = settings.tlsCertificate.isEmpty ? "http" : "https"
    let url = settings.publicURL.isEmpty ? "\(scheme)://\(shown):\(port)" : settings.publicURL
    Self.write(url + "\n", to: settings.addressPath)
    return url
  }

  /// How long ``drain()`` waits at most.
  public var drainTimeout: Nanoseconds { inForce.withLock { $0.drainTimeout } }

  /// Takes no new events and lets attempts in flight end.
  /// - Returns: whether all of them ended within the drain timeout.
  public func drain() async -> Bool {
    await control.operational.flush()
    return await plane.drain(within: drainTimeout)
  }

  /// Follows changed settings as far as a running broker can.
  ///
  /// The log level is the caller's matter.
  /// - Returns: keys that changed and are followed, and keys that changed and need a restart.
  public func reload(_ settings: Settings) -> (taken: [String], waiting: [String]) {
    control.reloadSucceeded.store(true, ordering: .relaxed)
    return inForce.withLock { current in
      let changed = SettingKey.all.filter { $0.differs(current, settings) }
      current.drainTimeout = settings.drainTimeout
      current.logLevel = settings.logLevel
      return (changed.filter(\.reloads).map(\.name), changed.filter { !$0.reloads }.map(\.name))
    }
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
    SocketFile.remove(path: settings.socketPath)
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
