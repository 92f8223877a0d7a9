internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import ServiceLifecycle
internal import TLS

/// The server behind `fanfare listen`: takes any request, checks it, answers as it was told to.
struct RequestBin: Sendable {
  /// The longest body that is taken, in bytes: more than an event and its envelope can be.
  static let bodyBytesMax = 4 << 20

  let host: String
  let port: Int
  /// Certificate and key as PEM text; `nil` serves in clear.
  let identity: (certificatePEM: String, keyPEM: String)?
  let secrets: [WebhookSecret]
  let behaviour: BinBehaviour
  let journal: BinJournal

  /// How long requests under way may take to end when the bin stops.
  static let graceSeconds = 5

  /// Serves until `signals` say stop; requests that are under way then are still answered.
  ///
  /// - Parameters:
  ///   - onRunning: called once with the port it listens on.
  ///   - onLeaving: called before it stops, or when it could not begin.
  func run(
    until signals: StopSignals, onRunning: @escaping @Sendable (Int) async -> Void,
    onLeaving: @escaping @Sendable () -> Void
  ) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [try application(onRunning)], logger: Self.logger)
    configuration.maximumGracefulShutdownDuration = .seconds(Self.graceSeconds)
    let services = ServiceGroup(configuration: configuration)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { signals.stop() }
        try await services.run()
      }
      tasks.addTask {
        await signals.wait()
        onLeaving()
        await services.triggerGracefulShutdown()
      }
      try await tasks.waitForAll()
    }
  }

  private static let logger: Logger = {
    var logger = Logger(label: "listen")
    logger.logLevel = .critical
    return logger
  }()

  private func application(
    _ onRunning: @escaping @Sendable (Int) async -> Void
  ) throws -> some Service {
    let responder = CallbackResponder<BasicRequestContext> { request, _ in
      try await respond(to: request)
    }
    return Application(
      responder: responder, server: try server(),
      configuration: .init(address: .hostname(host, port: port), serverName: nil),
      onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? port) },
      logger: Self.logger)
  }

  private func server() throws -> HTTPServerBuilder {
    guard let identity else { return .http1() }
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8))
    let key = try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem)
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    return try .tls(.http1(), tlsConfiguration: configuration)
  }

  private func respond(to request: Request) async throws -> Response {
    let body: [UInt8]
    do {
      let buffer = try await request.body.collect(upTo: Self.bodyBytesMax)
      body = Array(buffer.readableBytesView)
    } catch is NIOTooManyBytesError {
      return Response(status: .contentTooLarge)
    }
    if request.method == .get || request.method == .head { return page() }
    if behaviour.delayMilliseconds > 0 {
      try await Task.sleep(for: .milliseconds(behaviour.delayMilliseconds))
    }
    let status = behaviour.nextStatus()
    journal.note(
      BinRequest(
        method: request.method.rawValue, path: request.uri.description,
        headers: request.headers.map { ($0.name.canonicalName, $0.value) }, body: body,
        secrets: secrets, status: status))
    return Response(status: .init(code: status))
  }

  private func page() -> Response {
    let (count, requests) = journal.recent
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
        .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'",
      ],
      body: .init(byteBuffer: ByteBuffer(string: BinPage.html(count, requests))))
  }
}
