public import Broker
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Platform
internal import ServiceLifecycle
internal import Wire

/// Why the API cannot be served.
public enum AdminServerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The listen address is not `HOST:PORT`.
  case addressInvalid(String)
  /// The certificate or the key cannot be used.
  case certificateUnusable(String)

  /// One sentence for a user.
  public var description: String {
    switch self {
    case .addressInvalid(let text): "'\(text)' is not an address to listen on: give HOST:PORT"
    case .certificateUnusable(let text): text
    }
  }
}

/// The HTTP side of the control plane: REST API, health and metrics on one address.
///
/// | Path | Token | Scope |
/// | --- | --- | --- |
/// | `/healthz`, `/readyz`, `/metrics`, `/openapi.json`, `/api/v1/health` | no | |
/// | `GET /api/v1/…` | yes | `read` |
/// | `POST /api/v1/app/{app}/msg` | yes | `publish` |
/// | endpoints, sending again | yes | `manage` |
/// | everything else under `/api/v1` | yes | `admin` |
///
/// > Runs on: threads of its own; it meets the data plane in ``Broker/BrokerControl`` only.
public struct AdminServer: Sendable {
  /// Largest request body, bytes: an event of 1 MiB in base64 and the JSON around it.
  public static let requestBytesMax = 2 * 1024 * 1024
  /// What it calls itself in answers.
  private static let name = "fanfare"
  /// Connections at once; more wait in the backlog.
  static let connectionsMax = 1024
  /// A connection on which nothing moves so long is closed.
  static let idleSecondsMax: Int64 = 60

  private let control: BrokerControl
  private let logger: Logger
  /// What the listener shows; reloadable.
  public let certificate = ListenerCertificate()

  /// A server for the address, certificate and key in `control.settings`.
  ///
  /// - Parameters:
  ///   - control: what requests act upon.
  ///   - logger: for refusals and faults. Never gets a secret.
  public init(control: BrokerControl, logger: Logger) {
    self.control = control
    self.logger = logger
  }

  /// Serves until the task is cancelled, or the service group that it runs in shuts down: then no
  /// connection is accepted any more and requests under way are finished.
  ///
  /// - Parameter onServerRunning: called once with the port that was bound, which differs from the
  ///   one in the settings if that is 0.
  /// - Throws: ``AdminServerError``, or what the system says when the address cannot be bound.
  public func run(
    onServerRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) async throws {
    let server = try server(onServerRunning)
    let configuration = ServiceGroupConfiguration(services: [server], logger: logger)
    try await ServiceGroup(configuration: configuration).run()
  }

  /// Hummingbird's server without its `Application`, which wakes up each second to note the date.
  private func server(
    _ onServerRunning: @escaping @Sendable (_ port: Int) async -> Void
  ) throws -> any Service {
    let settings = control.settings
    guard let address = settings.listenHostAndPort else {
      throw AdminServerError.addressInvalid(settings.listen)
    }
    return try builder(settings).buildServer(
      configuration: ServerConfiguration(
        address: .hostname(address.host, port: address.port), serverName: Self.name,
        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger,
      responder: Self.responder(AdminRoutes.router(control: control).buildResponder(), logger),
      onServerRunning: { channel in
        if let port = channel.localAddress?.port { await onServerRunning(port) }
      })
  }

  /// Answers one request after the other with what the routes say.
  private static func responder(
    _ routes: some HTTPResponder<AdminContext>, _ logger: Logger
  ) -> HTTPChannelHandler.Responder {
    { request, writer, channel in
      let context = AdminContext(source: .init(channel: channel, logger: logger))
      var response: Response
      do {
        response = try await routes.respond(to: request, context: context)
      } catch let error as HTTPParserError {
        throw error
      } catch {
        response = Response(status: .internalServerError)
      }
      response.headers[.date] = HTTPDate.text(RealClock.unix)
      response.headers[.server] = name
      do {
        try await writer.write(response: response.head, body: response.body)
      } catch is HTTPParserError {
        // As such it would be answered, after an answer has begun.
        throw AnswerCutOff()
      }
    }
  }

  /// The request turned out broken while its answer was written.
  private struct AnswerCutOff: Error {}

  private func builder(_ settings: Settings) throws(AdminServerError) -> HTTPServerBuilder {
    let http = HTTP1Channel.Configuration(idleTimeout: .seconds(Self.idleSecondsMax))
    guard let reading = try certificate.read(settings) else { return .http1(configuration: http) }
    certificate.use(reading)
    return HTTPServerBuilder { [certificate] responder in
      ListenerTLSChannel(
        base: HTTP1Channel(responder: responder, configuration: http), certificate: certificate)
    }
  }
}
