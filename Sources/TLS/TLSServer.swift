import COpenSSL
import Glibc

/// The server side of TLS for one certificate: what the sink of `fanfare bench` shows to a broker.
///
/// TLS 1.2 or 1.3 with tickets, so that clients resume as they would with a real endpoint. Nobody
/// outside the machine is meant to meet it.
///
/// > Runs on: one thread at a time.
@safe
public final class TLSServer: @unchecked Sendable {
  fileprivate let pointer: OpaquePointer

  /// - Parameters:
  ///   - certificatePEM: the chain, its own certificate first.
  ///   - keyPEM: the key of the first certificate.
  /// - Throws: `TLSError` when one is unreadable or they do not belong together.
  public init(certificatePEM: String, keyPEM: String) throws(TLSError) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else {
      throw .library(ErrorQueue.takeText())
    }
    unsafe pointer = context
    let chain = try PEMText.certificates(in: certificatePEM) { .clientCertificateUnusable($0) }
    let key = try PEMText.privateKey(in: keyPEM) { .clientCertificateUnusable($0) }
    // The last use of an object is where it may be freed, not where a pointer of it is used.
    let isUsable = withExtendedLifetime((chain, key)) {
      unsafe SSL_CTX_use_certificate(context, chain[0].pointer) == 1
        && SSL_CTX_use_PrivateKey(context, key.pointer) == 1
    }
    guard isUsable else { throw .clientCertificateUnusable(ErrorQueue.takeText()) }
    _ = unsafe fanfare_ssl_ctx_min_version(context, TLS1_2_VERSION)
    _ = unsafe SSL_CTX_set_options(
      context, fanfare_SSL_OP_NO_RENEGOTIATION | fanfare_SSL_OP_IGNORE_UNEXPECTED_EOF)
    _ = unsafe fanfare_ssl_ctx_mode(context, Int(SSL_MODE_RELEASE_BUFFERS))
    unsafe fanfare_ssl_ctx_read_ahead(context, 1)
    _ = unsafe SSL_CTX_set_session_id_context(context, [1], 1)
    ERR_clear_error()
  }

  deinit { unsafe SSL_CTX_free(pointer) }
}

/// One connection of a ``TLSServer`` over a non-blocking socket, which it does not own.
///
/// > Runs on: the thread that uses its server.
@safe
public struct TLSServerConnection: ~Copyable {
  private let ssl: OpaquePointer
  private let server: TLSServer

  /// Prepares to be greeted by a client.
  /// - Throws: `TLSError.library` when memory is out.
  public init(_ server: TLSServer, fd: Int32) throws(TLSError) {
    unsafe ssl = try Self.prepare(server, fd)
    self.server = server
  }

  deinit {
    unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    unsafe SSL_free(ssl)
  }

  private static func prepare(_ server: TLSServer, _ fd: Int32) throws(TLSError) -> OpaquePointer {
    guard let ssl = unsafe SSL_new(server.pointer) else {
      throw .library(ErrorQueue.takeText())
    }
    guard unsafe SSL_set_fd(ssl, fd) == 1 else {
      unsafe SSL_free(ssl)
      throw .library(ErrorQueue.takeText())
    }
    unsafe SSL_set_accept_state(ssl)
    return unsafe ssl
  }

  /// Reads what has come, at most one record; the first reads shake hands.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSRead {
    var count = 0
    errno = 0
    if unsafe SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count) == 1 {
      return .bytes(count)
    }
    return stalled(systemError: errno)
  }

  /// Writes one small answer; a socket that does not take it whole counts as failed or stalled.
  public mutating func write(_ buffer: UnsafeRawBufferPointer) -> TLSRead {
    var count = 0
    errno = 0
    if unsafe SSL_write_ex(ssl, buffer.baseAddress, buffer.count, &count) == 1 {
      return .bytes(count)
    }
    return stalled(systemError: errno)
  }

  /// Whether bytes wait inside, which the socket will not announce again: read on.
  public var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

  private func stalled(systemError: Int32) -> TLSRead {
    defer { ERR_clear_error() }
    return unsafe TLSRead.stalled(ssl, systemError: systemError)
  }
}
