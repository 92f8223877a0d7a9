internal import Admin
internal import Base
internal import Broker
internal import Dispatch
internal import Glibc
internal import Logging

/// A broker with its API and its signals, from start to exit.
struct BrokerShell {
  let settings: Settings
  private let logger = Logger(label: "fanfare")

  /// Takes the settings in force.
  init(settings: Settings) { self.settings = settings }

  /// Runs until SIGTERM or SIGINT, drains, and returns; a second signal ends the process at once.
  func run() async throws {
    let signals = StopSignals()
    let broker = try start()
    let server = AdminServer(control: broker.control, logger: logger)
    let settings = settings
    let api = Task {
      try await server.run { port in
        let url = broker.publishAddress(port: port)
        Self.greet(settings, url: url)
      }
    }
    let failure = Task { () -> (any Error)? in
      // The API ends by itself only when it could not start.
      do { try await api.value } catch is CancellationError { return nil } catch { return error }
      return nil
    }
    Task {
      if let error = await failure.value { signals.fail(error) }
    }
    if let error = await signals.first() {
      _ = await broker.stop()
      throw Failure(.failed, "the API could not listen on \(settings.listen): \(error)")
    }
    logger.notice("stopping", metadata: ["drainTimeout": "\(settings.drainTimeout.seconds)s"])
    let idle = await broker.stop()
    api.cancel()
    logger.notice("stopped", metadata: ["inFlightEnded": "\(idle)"])
  }

  private func start() throws(Failure) -> Broker {
    do throws(BrokerError) {
      return try Broker.start(settings: settings, logger: logger)
    } catch {
      throw Failure(error.isConfiguration ? .configuration : .failed, error.text)
    }
  }

  /// What a person who starts it wants to know.
  private static func greet(_ settings: Settings, url: String) {
    if settings.dev {
      Console.talk(
        "fanfare: --dev: http:// and loopback targets are permitted; do not use it in production")
    }
    Console.talk("fanfare \(fanfareVersion) is ready")
    Console.talk("  socket  \(settings.socketPath)")
    Console.talk("  API     \(url)")
    Console.talk("  token   \(settings.tokenPath)")
  }
}

/// SIGTERM and SIGINT as something to wait for.
private final class StopSignals: Sendable {
  private let stream: AsyncStream<(any Error)?>
  private let continuation: AsyncStream<(any Error)?>.Continuation
  /// Kept alive; set once here, touched by nobody else.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  init() {
    let (stream, continuation) = AsyncStream<(any Error)?>.makeStream()
    self.stream = stream
    self.continuation = continuation
    nonisolated(unsafe) var count = 0
    unsafe sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .main)
      source.setEventHandler {
        unsafe count += 1
        if unsafe count > 1 { _exit(1) }
        continuation.yield(nil)
      }
      source.resume()
      return source
    }
  }

  func fail(_ error: any Error) { continuation.yield(error) }

  /// The first signal (`nil`) or failure.
  func first() async -> (any Error)? {
    for await event in stream { return event }
    return nil
  }
}
