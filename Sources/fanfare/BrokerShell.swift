internal import Admin
internal import Base
internal import Broker
internal import Glibc
internal import Logging
internal import ServiceLifecycle

/// A broker with its API and its signals, from start to exit.
struct BrokerShell {
  let settings: Settings
  /// Where the settings came from, to be read again.
  let loader: SettingsLoader
  private let logger = Logger(label: "fanfare")

  /// How long requests to the API that are under way at the end may take.
  private static let graceSeconds = 5

  /// Takes the settings in force.
  init(settings: Settings, loader: SettingsLoader) {
    self.settings = settings
    self.loader = loader
  }

  /// Runs until SIGTERM or SIGINT, drains, and returns; a second signal ends the process at once.
  func run() async throws {
    let signals = StopSignals()
    let broker = try start()
    let hangUp = SignalSource(SIGHUP) { [loader, logger] in
      Self.reload(broker, loader, logger)
    }
    defer { withExtendedLifetime(hangUp) {} }
    let services = serviceGroup(broker)
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
    let timeout = broker.drainTimeout.seconds
    logger.notice("stopping", metadata: ["drainTimeout": "\(timeout)s"])
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

  private func serviceGroup(_ broker: Broker) -> ServiceGroup {
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .notice)
    let server = AdminServer(control: broker.control, logger: quiet)
    let settings = settings
    let service = APIService(server: server) { port in
      Self.greet(settings, url: broker.publishAddress(port: port))
    }
    quiet.logLevel = .critical
    var configuration = ServiceGroupConfiguration(services: [service], logger: quiet)
    configuration.maximumGracefulShutdownDuration = .seconds(Self.graceSeconds)
    return ServiceGroup(configuration: configuration)
  }

  /// Reads the configuration again: what can follow it does, the rest is named.
  private static func reload(_ broker: Broker, _ loader: SettingsLoader, _ logger: Logger) {
    let problems = loader.check()
    guard problems.isEmpty, let settings = try? loader.load() else {
      broker.reloadFailed()
      for problem in problems {
        logger.error("the configuration was not reloaded", metadata: ["problem": "\(problem)"])
      }
      return
    }
    let (taken, waiting) = broker.reload(settings)
    LogLines.setLevel(settings.logLevel)
    logger.notice(
      "the configuration was reloaded",
      metadata: [
        "changed": "\(taken.joined(separator: ","))",
        "needRestart": "\(waiting.joined(separator: ","))",
      ])
  }

  /// What a person who starts it wants to know.
  private static func greet(_ settings: Settings, url: String) {
    if settings.dev {
      Console.talk(
        "fanfare: --dev: http:// and loopback targets are permitted; do not use it in production")
    }
    Console.talk("fanfare \(fanfareVersion) is ready")
    Console.talk("  socket  \(Input.absolute(settings.socketPath))")
    Console.talk("  API     \(url)")
    Console.talk("  token   \(Input.absolute(settings.tokenPath))")
  }
}

/// The API as a service that is shut down gracefully.
private struct APIService: Service {
  let server: AdminServer
  let onRunning: @Sendable (Int) async -> Void

  func run() async throws { try await server.run(onServerRunning: onRunning) }
}
