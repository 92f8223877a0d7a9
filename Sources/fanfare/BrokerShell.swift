internal import Admin
internal import Base
internal import Broker
internal import Glibc
internal import Logging
internal import Platform
internal import ServiceLifecycle
internal import Wire

/// A broker with its API, its signals and its service manager, from start to exit.
struct BrokerShell {
  let settings: Settings
  /// Where the settings came from, to be read again.
  let loader: SettingsLoader
  private let manager: ServiceManager
  private let logger = Logger(label: "fanfare")

  /// How long requests to the API that are under way at the end may take.
  private static let graceSeconds = 5
  /// What closing takes beside the drain, at most.
  private static let closeTime = Nanoseconds.seconds(20)

  /// Takes the settings in force.
  init(settings: Settings, loader: SettingsLoader) {
    self.settings = settings
    self.loader = loader
    manager = ServiceManager(environment: loader.environment)
  }

  /// Runs until SIGTERM or SIGINT, drains, and returns; a second signal ends the process at once.
  func run() async throws {
    let signals = StopSignals()
    manager.tell(.status("reading the log"))
    let broker = try start()
    let server = AdminServer(control: broker.control, logger: quietLogger)
    let reloader = Reloader(
      broker: broker, certificate: server.certificate, loader: loader, manager: manager,
      logger: logger)
    let hangUp = SignalSource(SIGHUP) { reloader.reload() }
    defer { withExtendedLifetime(hangUp) {} }
    let services = serviceGroup(broker, server)
    let failure = Slot<any Error>()
    let api = Task {
      // The API ends by itself only when it could not start.
      do { try await services.run() } catch { failure.put(error) }
      signals.stop()
    }
    await signals.wait()
    if let error = failure.take() {
      _ = await broker.stop()
      throw ListenFailure.failure(error, address: settings.listen, flag: "--listen")
    }
    let timeout = broker.drainTimeout
    logger.notice("stopping", metadata: ["drainTimeout": "\(timeout.seconds)s"])
    manager.tell(.stopping("waiting for deliveries in flight", within: timeout + Self.closeTime))
    let idle = await broker.drain()
    await services.triggerGracefulShutdown()
    await api.value
    let closed = await broker.stop()
    logger.notice("stopped", metadata: ["inFlightEnded": "\(idle)", "journalClosed": "\(closed)"])
  }

  private func start() throws(Failure) -> Broker {
    do throws(BrokerError) {
      return try Broker.start(settings: settings, logger: logger)
    } catch {
      throw Failure(error.isConfiguration ? .configuration : .failed, error.text)
    }
  }

  private var quietLogger: Logger {
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .notice)
    return quiet
  }

  private func serviceGroup(_ broker: Broker, _ server: AdminServer) -> ServiceGroup {
    let service = APIService(server: server) { [settings, manager] port in
      let url = broker.publishAddress(port: port)
      Self.greet(settings, broker, url: url)
      manager.tell(.ready(Self.status(broker, url)))
      if let interval = manager.watchdogInterval {
        broker.watch(interval: interval) { manager.tell(.alive) }
      }
    }
    var quiet = quietLogger
    quiet.logLevel = .critical
    var configuration = ServiceGroupConfiguration(services: [service], logger: quiet)
    configuration.maximumGracefulShutdownDuration = .seconds(Self.graceSeconds)
    return ServiceGroup(configuration: configuration)
  }

  private static func status(_ broker: Broker, _ url: String) -> String {
    "accepting events on \(Input.absolute(broker.socketPath)); API at \(url)"
  }

  /// What a person who starts it wants to know.
  private static func greet(_ settings: Settings, _ broker: Broker, url: String) {
    if settings.dev {
      Console.talk(
        "fanfare: --dev: http:// and loopback targets are permitted; do not use it in production")
    }
    Console.talk("fanfare \(fanfareVersion) is ready")
    Console.talk("  socket  \(Input.absolute(broker.socketPath))")
    Console.talk("  API     \(url)")
    Console.talk("  token   \(Input.absolute(settings.tokenPath))")
  }
}

/// Reads the configuration again at SIGHUP: what can follow it does, the rest is named.
///
/// A file that is wrong changes nothing: the old configuration stays in force, whole.
private struct Reloader: Sendable {
  let broker: Broker
  let certificate: ListenerCertificate
  let loader: SettingsLoader
  let manager: ServiceManager
  let logger: Logger

  func reload() {
    manager.tell(.reloading)
    let problems = follow()
    for problem in problems {
      logger.error(
        "the configuration was not reloaded; the old one stays in force",
        metadata: ["problem": "\(problem)"])
    }
    if !problems.isEmpty { broker.reloadFailed() }
    manager.tell(
      .ready(
        problems.first.map { "the configuration was not reloaded: \($0)" }
          ?? "accepting events on \(Input.absolute(broker.socketPath)); reloaded"))
  }

  /// - Returns: what is wrong; nothing was changed then.
  private func follow() -> [String] {
    let draft = loader.draft()
    if !draft.problems.isEmpty { return draft.problems.map(\.description) }
    let settings = draft.settings
    do {
      let reading = try certificate.read(settings)
      let (taken, waiting) = try broker.reload(settings)
      // Without one the listener has begun without TLS, and goes on so until a restart.
      if let reading, broker.control.settings.usesTLS { certificate.use(reading) }
      LogLines.follow(broker.control.settings)
      tell(taken, waiting, certificateExpiry: reading?.expiry)
      return []
    } catch let error as AdminServerError {
      return [error.description]
    } catch let error as BrokerError {
      return [error.text]
    } catch {
      return ["\(error)"]
    }
  }

  private func tell(
    _ taken: [String], _ waiting: [String], certificateExpiry: UnixMilliseconds?
  ) {
    var metadata: Logger.Metadata = [
      "changed": "\(taken.joined(separator: ","))",
      "needRestart": "\(waiting.joined(separator: ","))",
    ]
    if let certificateExpiry { metadata["certificateUntil"] = "\(RFC3339.text(certificateExpiry))" }
    logger.notice("the configuration was reloaded", metadata: metadata)
    for problem in loader.misspelt() {
      logger.warning("a variable was ignored", metadata: ["problem": "\(problem)"])
    }
  }
}

/// The API as a service that is shut down gracefully.
private struct APIService: Service {
  let server: AdminServer
  let onRunning: @Sendable (Int) async -> Void

  func run() async throws { try await server.run(onServerRunning: onRunning) }
}
