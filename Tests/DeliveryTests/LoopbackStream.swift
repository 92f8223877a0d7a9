import COpenSSL
import Glibc
import TLS

/// The server side of TLS for a test server: a certificate made for the occasion.
@safe
final class LoopbackTLS: @unchecked Sendable {
  fileprivate let context: OpaquePointer
  /// What a client must trust.
  let certificatePEM: String

  init?(hosts: [String]) {
    guard let made = try? SelfSignedCertificate.make(hosts: hosts),
      let context = unsafe SSL_CTX_new(TLS_server_method()),
      let certificate = unsafe Self.read(
        made.certificatePEM, { unsafe PEM_read_bio_X509($0, nil, nil, nil) }),
      let key = unsafe Self.read(
        made.keyPEM, { unsafe PEM_read_bio_PrivateKey($0, nil, nil, nil) })
    else { return nil }
    unsafe self.context = context
    certificatePEM = made.certificatePEM
    unsafe SSL_CTX_use_certificate(context, certificate)
    unsafe SSL_CTX_use_PrivateKey(context, key)
    unsafe SSL_CTX_set_session_id_context(context, [1], 1)
    _ = signal(SIGPIPE, SIG_IGN)
  }

  private static func read(
    _ pem: String, _ parse: (OpaquePointer) -> OpaquePointer?
  ) -> OpaquePointer? {
    let bytes = Array(pem.utf8)
    guard let buffer = unsafe BIO_new_mem_buf(bytes, Int32(bytes.count)) else {
      return nil
    }
    defer { unsafe BIO_free(buffer) }
    return unsafe parse(buffer)
  }
}

/// One blocking connection of a test server, with TLS or without.
@safe
final class LoopbackStream {
  private let descriptor: Int32
  private let ssl: OpaquePointer?

  /// - Returns: `nil` when the handshake fails.
  init?(_ descriptor: Int32, _ tls: LoopbackTLS?) {
    self.descriptor = descriptor
    unsafe ssl = tls.flatMap { unsafe SSL_new($0.context) }
    guard let ssl = unsafe ssl else { return }
    unsafe SSL_set_fd(ssl, descriptor)
    unsafe SSL_set_accept_state(ssl)
    if unsafe SSL_do_handshake(ssl) != 1 {
      ERR_clear_error()
      return nil
    }
  }

  deinit {
    if let ssl = unsafe ssl { unsafe SSL_free(ssl) }
  }

  /// Waits for bytes; none at the end.
  func read() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var count = 0
    if let ssl = unsafe ssl {
      if unsafe SSL_read_ex(ssl, &bytes, bytes.count, &count) != 1 { count = 0 }
      ERR_clear_error()
    } else {
      count = max(0, unsafe Glibc.read(descriptor, &bytes, bytes.count))
    }
    return Array(bytes.prefix(count))
  }

  /// Writes all.
  /// - Returns: `false` when the peer is gone.
  func write(_ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      var count = 0
      let rest = Array(bytes[done...])
      if let ssl = unsafe ssl {
        if unsafe SSL_write_ex(ssl, rest, rest.count, &count) != 1 { count = 0 }
        ERR_clear_error()
      } else {
        count = unsafe send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      done += count
    }
    return true
  }
}
