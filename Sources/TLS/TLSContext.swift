import COpenSSL

/// The client side of TLS for one setting: whom to trust, who we are, and the sessions to resume.
///
/// TLS 1.2 or 1.3, ALPN `http/1.1`, the peer's certificate and name always verified, renegotiation
/// and compression off, no early data. A reactor has one for each ``TLSSettings`` it meets, so that
/// nothing in it is shared between threads but the root store, which OpenSSL locks.
///
/// > Runs on: made on any thread, then used by one thread at a time.
@safe
public final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer
  package let sessions: SessionCache
  private let roots: RootStore

  /// The certificate that the running handshake refused, left by OpenSSL's callback for the
  /// connection to pick up.
  var refused: Certificate?

  /// Hosts whose sessions are kept, unless told otherwise. With its certificates a host takes about
  /// 20 KiB.
  public static let sessionHostsMaxDefault = 512

  /// Makes a context. Cold: reads roots and keys.
  ///
  /// - Parameters:
  ///   - settings: whom to trust and who we are.
  ///   - sessionHostsMax: hosts whose sessions are kept for resumption, each up to four.
  /// - Throws: ``TLSError/rootsUnreadable(_:)`` or ``TLSError/clientCertificateUnusable(_:)`` when
  ///   the PEM text is no good: the endpoint's setting must be mended.
  public init(
    _ settings: TLSSettings = TLSSettings(), sessionHostsMax: Int = sessionHostsMaxDefault
  ) throws(TLSError) {
    sessions = SessionCache(hostsMax: sessionHostsMax)
    switch settings.roots {
    case .system: roots = .system
    case .pem(let text): roots = try RootStore(pem: text)
    }
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw .library(ErrorQueue.takeText())
    }
    unsafe pointer = context
    configure()
    if let own = settings.clientCertificate { try use(own) }
    ERR_clear_error()
  }

  /// Makes a context from its parts; see ``init(_:sessionHostsMax:)``.
  ///
  /// - Parameters:
  ///   - roots: whom to trust.
  ///   - clientCertificate: who we are: certificate chain and key as PEM text.
  public convenience init(
    roots: TLSSettings.Roots, clientCertificate: (pem: String, key: String)? = nil
  ) throws(TLSError) {
    let own = clientCertificate.map { TLSSettings.ClientCertificate(pem: $0.pem, key: $0.key) }
    try self.init(TLSSettings(roots: roots, clientCertificate: own))
  }

  deinit { unsafe SSL_CTX_free(pointer) }

  private func configure() {
    unsafe SSL_CTX_set1_cert_store(pointer, roots.store)
    _ = unsafe fanfare_ssl_ctx_min_version(pointer, TLS1_2_VERSION)
    _ = unsafe SSL_CTX_set_options(
      pointer,
      fanfare_SSL_OP_NO_RENEGOTIATION | fanfare_SSL_OP_NO_COMPRESSION
        // Many servers close without the alert; HTTP says itself whether an answer is whole.
        | fanfare_SSL_OP_IGNORE_UNEXPECTED_EOF)
    // An idle connection gives its 16 KiB buffers back; a write that the socket does not take whole
    // goes on from another address.
    _ = unsafe fanfare_ssl_ctx_mode(
      pointer,
      Int(
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
          | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    // A record's header and body in one read(2).
    unsafe fanfare_ssl_ctx_read_ahead(pointer, 1)
    unsafe SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, noteRefusedCertificate)
    // OpenSSL's own default of 100 certificates is only work for an attacker to give.
    unsafe SSL_CTX_set_verify_depth(pointer, 10)
    offerHTTP1()
    rememberSessions()
  }

  private func offerHTTP1() {
    let name = Array("http/1.1".utf8)
    let offer = [UInt8(name.count)] + name
    // Returns 0 when it worked, unlike its neighbours.
    guard unsafe SSL_CTX_set_alpn_protos(pointer, offer, UInt32(offer.count)) == 0 else {
      stop("ALPN cannot be set")
    }
  }

  private func rememberSessions() {
    // Place 0 is the application's own. Connections hold the context, so that it outlives them.
    _ = unsafe SSL_CTX_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    _ = unsafe fanfare_ssl_ctx_session_cache_mode(
      pointer, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
    unsafe SSL_CTX_sess_set_new_cb(pointer, keepNewSession)
  }

  private func use(_ own: TLSSettings.ClientCertificate) throws(TLSError) {
    let chain = try PEMText.certificates(in: own.pem) { .clientCertificateUnusable($0) }
    let key = try PEMText.privateKey(in: own.key) { .clientCertificateUnusable($0) }
    // The last use of an object is where it may be freed, not where a pointer of it is used.
    let isUsable = withExtendedLifetime((chain, key)) {
      unsafe SSL_CTX_use_certificate(pointer, chain[0].pointer) == 1
        && SSL_CTX_use_PrivateKey(pointer, key.pointer) == 1
    }
    guard isUsable else { throw .clientCertificateUnusable(ErrorQueue.takeText()) }
    for certificate in chain.dropFirst() {
      unsafe X509_up_ref(certificate.pointer)
      guard unsafe fanfare_ssl_ctx_add_chain_certificate(pointer, certificate.pointer) == 1 else {
        unsafe X509_free(certificate.pointer)
        throw .clientCertificateUnusable(ErrorQueue.takeText())
      }
    }
  }

  /// The context that a connection of OpenSSL's belongs to.
  fileprivate static func owner(of ssl: OpaquePointer) -> TLSContext? {
    guard let raw = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0) else { return nil }
    return unsafe Unmanaged<TLSContext>.fromOpaque(raw).takeUnretainedValue()
  }
}

/// OpenSSL has a session for us: 1 when we keep the reference.
private func keepNewSession(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
  guard let ssl = unsafe ssl, let session = unsafe session,
    let context = unsafe TLSContext.owner(of: ssl),
    let place = unsafe SessionCache.Place(bits: SSL_get_ex_data(ssl, 0))
  else { return 0 }
  return unsafe context.sessions.keep(session, at: place) ? 1 : 0
}

/// OpenSSL looked at one certificate of the chain. Never changes the verdict; keeps the certificate
/// that failed, which OpenSSL itself forgets, so that a message can name it.
private func noteRefusedCertificate(_ verdict: Int32, _ check: OpaquePointer?) -> Int32 {
  guard verdict == 0, let check = unsafe check,
    let raw = unsafe X509_STORE_CTX_get_ex_data(check, SSL_get_ex_data_X509_STORE_CTX_idx()),
    let context = unsafe TLSContext.owner(of: OpaquePointer(raw)),
    let certificate = unsafe X509_STORE_CTX_get_current_cert(check)
  else { return verdict }
  unsafe X509_up_ref(certificate)
  unsafe context.refused = Certificate(owning: certificate)
  return verdict
}
