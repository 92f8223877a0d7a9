import COpenSSL
import Glibc

/// The server side of TLS for tests: one set-up, any number of connections.
@safe
final class TestServer: @unchecked Sendable {
  fileprivate let context: OpaquePointer

  /// - Parameters:
  ///   - certificate: whom it claims to be.
  ///   - versionMax: the newest version it speaks.
  ///   - clientRoot: if given, it insists on a client certificate issued by that one.
  init(
    _ certificate: TestCertificate, versionMax: Int32 = TLS1_3_VERSION,
    clientRoot: TestCertificate? = nil
  ) {
    _ = signal(SIGPIPE, SIG_IGN)
    unsafe context = SSL_CTX_new(TLS_server_method())!
    unsafe SSL_CTX_use_certificate(context, certificate.certificate)
    unsafe SSL_CTX_use_PrivateKey(context, certificate.key)
    // Lets it be as old as a test wants.
    unsafe SSL_CTX_set_cipher_list(context, "DEFAULT@SECLEVEL=0")
    _ = unsafe fanfare_ssl_ctx_min_version(context, TLS1_VERSION)
    _ = unsafe fanfare_ssl_ctx_max_version(context, versionMax)
    unsafe SSL_CTX_set_session_id_context(context, [1], 1)
    if let clientRoot {
      unsafe X509_STORE_add_cert(SSL_CTX_get_cert_store(context), clientRoot.certificate)
      unsafe SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
  }

  deinit { unsafe SSL_CTX_free(context) }
}

/// Two connected, non-blocking sockets.
final class SocketPair {
  let client: Int32
  let server: Int32

  init() {
    var pair: [Int32] = [0, 0]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let made = unsafe socketpair(AF_UNIX, type, 0, &pair)
    precondition(made == 0)
    client = pair[0]
    server = pair[1]
  }

  deinit {
    close(client)
    close(server)
  }
}

/// One connection of a ``TestServer``.
@safe
final class TestServerConnection {
  private let ssl: OpaquePointer
  private let fd: Int32

  init(_ server: TestServer, fd: Int32) {
    unsafe ssl = SSL_new(server.context)!
    self.fd = fd
    unsafe SSL_set_fd(ssl, fd)
    unsafe SSL_set_accept_state(ssl)
  }

  deinit { unsafe SSL_free(ssl) }

  /// Goes on with the handshake; whether it is done.
  func step() -> Bool {
    defer { ERR_clear_error() }
    return unsafe SSL_do_handshake(ssl) == 1
  }

  /// Reads what there is.
  func read() -> [UInt8] {
    defer { ERR_clear_error() }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var count = 0
    return unsafe SSL_read_ex(ssl, &bytes, bytes.count, &count) == 1
      ? Array(bytes.prefix(count)) : []
  }

  /// Writes all, which must fit into the socket.
  func write(_ bytes: [UInt8]) {
    var count = 0
    let done = unsafe SSL_write_ex(ssl, bytes, bytes.count, &count)
    precondition(done == 1 && count == bytes.count)
  }

  /// Says that no more comes.
  func closeNotify() {
    _ = unsafe SSL_shutdown(ssl)
    ERR_clear_error()
  }

  /// Closes the socket for both directions without a word.
  func hangUp() { shutdown(fd, Int32(SHUT_RDWR)) }

  /// The name that the client asked for.
  var requestedName: String? {
    guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return nil }
    return unsafe String(cString: name)
  }
}
