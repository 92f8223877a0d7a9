public import Base
public import Broker
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// Certificate and key of the API's listener; may be replaced while it listens.
///
/// Connections go on with the certificate that they began with.
public final class ListenerCertificate: Sendable {
  /// A certificate that was read and fits its key, not yet in use.
  public struct Reading: Sendable {
    let context: NIOSSLContext
    /// When the first certificate of the chain ends.
    public let expiry: UnixMilliseconds
  }

  private let inUse = Mutex<NIOSSLContext?>(nil)

  /// None yet.
  init() {}

  /// Reads the files that the settings name.
  ///
  /// - Returns: `nil` when the settings name none: the listener speaks plain HTTP.
  /// - Throws: ``AdminServerError/certificateUnusable(_:)``: which file, and why.
  public func read(_ settings: Settings) throws(AdminServerError) -> Reading? {
    let (certificate, key) = (settings.tlsCertificate, settings.tlsKey)
    if certificate.isEmpty && key.isEmpty { return nil }
    guard !certificate.isEmpty, !key.isEmpty else {
      throw .certificateUnusable("tls-cert and tls-key are needed together")
    }
    let chain = try Self.chain(certificate)
    let privateKey = try Self.privateKey(key)
    do {
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
      configuration.minimumTLSVersion = .tlsv12
      let seconds = chain.first.map { $0.notValidAfter } ?? 0
      return Reading(
        context: try NIOSSLContext(configuration: configuration),
        expiry: UnixMilliseconds(UInt64(max(0, seconds)) * 1000))
    } catch {
      throw .certificateUnusable("tls-key: \(key) is not the key of certificate \(certificate)")
    }
  }

  /// Has connections from now on use it.
  public func use(_ reading: Reading) { inUse.withLock { $0 = reading.context } }

  /// What the next connection uses.
  var context: NIOSSLContext? { inUse.withLock { $0 } }

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

/// A connection of the API's listener under TLS, by the certificate that is in use when it begins.
struct ListenerTLSChannel: ServerChildChannel, HTTPChannelHandler {
  let base: HTTP1Channel
  let certificate: ListenerCertificate

  var responder: HTTPChannelHandler.Responder { base.responder }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    channel.eventLoop.makeCompletedFuture {
      guard let context = certificate.context else { throw ChannelError.operationUnsupported }
      try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
    }.flatMap { base.setup(channel: channel, logger: logger) }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }
}
