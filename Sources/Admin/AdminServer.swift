public import Broker
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
public import Logging
internal import NIOCore
internal import NIOSSL

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
/// | `/healthz`, `/readyz`, `/metrics`, `/api/v1/health` | no | |
/// | `GET /api/v1/…` | yes | `read` |
/// | `POST /api/v1/app/{app}/msg` | yes | `publish` |
/// | everything else under `/api/v1` | yes | `admin` |
///
/// > Runs on: threads of its own; it meets the data plane in ``Broker/BrokerControl`` only.
public struct AdminServer: Sendable {
  /// Largest request body, bytes: an event of 1 MiB in base64 and the JSON around it.
  public static let requestBytesMax = 2 * 1024 * 1024
  /// Connections at once; more wait in the backlog.
  static let connectionsMax = 1024
  /// A connection on which nothing moves so long is closed.
  static let idleSecondsMax: Int64 = 60

  private let control: BrokerControl
  private let logger: Logger

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
    try await application(onServerRunning).run()
  }

  private func application(
    _ onServerRunning: @escaping @Sendable (_ port: Int) async -> Void
  ) throws(AdminServerError) -> some ApplicationProtocol {
    let settings = control.settings
    guard let address = settings.listenHostAndPort else { throw .addressInvalid(settings.listen) }
    return Application(
      responder: AdminRoutes.router(control: control).buildResponder(),
      server: try Self.builder(certificate: settings.tlsCertificate, key: settings.tlsKey),
      configuration: ApplicationConfiguration(
        address: .hostname(address.host, port: address.port), serverName: "fanfare",
        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)),
      onServerRunning: { channel in
        if let port = channel.localAddress?.port { await onServerRunning(port) }
      },
      logger: logger)
  }

  private static func builder(
    certificate: String, key: String
  ) throws(AdminServerError) -> HTTPServerBuilder {
    let plain = HTTPServerBuilder.http1(
      configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(idleSecondsMax)))
    if certificate.isEmpty && key.isEmpty { return plain }
    guard !certificate.isEmpty, !key.isEmpty else {
      throw .certificateUnusable("tls-cert and tls-key are needed together")
    }
    do {
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try chain(certificate).map { .certificate($0) },
        privateKey: .privateKey(try privateKey(key)))
      configuration.minimumTLSVersion = .tlsv12
      // Made once here: the server would only say so when it begins to listen.
      _ = try NIOSSLContext(configuration: configuration)
      return try .tls(plain, tlsConfiguration: configuration)
    } catch let error as AdminServerError {
      throw error
    } catch {
      throw .certificateUnusable(
        "tls-key: \(key) is not the key of certificate \(certificate)")
    }
  }

  private static func chain(_ path: String) throws(AdminServerError) -> [NIOSSLCertificate] {
    do { return try NIOSSLCertificate.fromPEMFile(path) } catch {
      throw .certificateUnusable("tls-cert: \(path) is missing, or no certificate in PEM")
    }
  }

  private static func privateKey(_ path: String) throws(AdminServerError) -> NIOSSLPrivateKey {
    do { return try NIOSSLPrivateKey(file: path, format: .pem) } catch {
      throw .certificateUnusable("tls-key: \(path) is missing, or no private key in PEM")
    }
  }
}
