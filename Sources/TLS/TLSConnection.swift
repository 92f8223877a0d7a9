import COpenSSL
import Glibc

/// How far a handshake is.
public enum TLSProgress: BitwiseCopyable, Sendable, Equatable {
  /// The peer is who we asked for; read and write.
  case done
  /// Call again when the socket is readable.
  case wantRead
  /// Call again when the socket is writable.
  case wantWrite
  /// It is over; close the socket.
  case failed(TLSFailure)
}

/// What a read or a write came to.
public enum TLSRead: BitwiseCopyable, Sendable, Equatable {
  /// So many bytes were read or written; never 0.
  case bytes(Int)
  /// Nothing yet; call again when the socket is readable.
  case wantRead
  /// Nothing yet; call again when the socket is writable.
  case wantWrite
  /// The peer will send nothing more.
  case closed
  /// It is over; close the socket.
  case failed(TLSFailure)
}

extension TLSRead {
  /// Why a read or a write moved nothing.
  /// - Parameter systemError: `errno` right after the call.
  static func stalled(_ ssl: OpaquePointer, systemError: Int32) -> TLSRead {
    switch unsafe SSL_get_error(ssl, 0) {
    case SSL_ERROR_WANT_READ: .wantRead
    case SSL_ERROR_WANT_WRITE: .wantWrite
    case SSL_ERROR_ZERO_RETURN: .closed
    case let kind: unsafe .failed(.taken(from: ssl, kind: kind, systemError: systemError))
    }
  }
}

/// The client side of one TLS connection over a connected socket, which it does not own.
///
/// Over a non-blocking socket no call ever blocks; over a blocking one all of them do, and none
/// returns `wantRead` or `wantWrite`. Deadlines are the caller's. `SIGPIPE` must be ignored.
///
/// OpenSSL keeps a queue of errors for each thread, and looks into it to tell "would block" from
/// "failed". Emptying it takes 0.1 µs, so reads and writes rely on finding it empty: whatever fails
/// in this module empties it.
///
/// > Runs on: the thread that uses its context.
@safe
public struct TLSConnection: ~Copyable {
  private let ssl: OpaquePointer
  private let context: TLSContext
  private let place: SessionCache.Place
  /// What the handshake refused, for ``text(of:host:)``.
  private var refused: Certificate?
  private var hasFailed = false

  /// Prepares a handshake, sends nothing; offers a session of that host and port if there is one.
  ///
  /// - Parameters:
  ///   - context: the setting; held until the connection is gone.
  ///   - fd: a connected socket, open until the connection is gone.
  ///   - host: what the certificate must be for: a DNS name, or an IP address as text without
  ///     brackets.
  ///   - port: with `host`, whose sessions may be resumed.
  /// - Throws: ``TLSError/hostInvalid(_:)``, or ``TLSError/library(_:)`` when memory is out.
  public init(
    context: TLSContext, fd: Int32, host: String, port: UInt16
  ) throws(TLSError) {
    let place = context.sessions.place(host: host, port: port)
    unsafe ssl = try Self.prepare(context, fd: fd, host: host, place: place)
    self.context = context
    self.place = place
    offerSession()
  }

  deinit {
    // Without this OpenSSL takes the connection for a broken one and spoils its session, which the
    // cache may hold. After a failure it is right to.
    if !hasFailed { unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
    unsafe SSL_free(ssl)
  }

  /// Goes on with the handshake as far as the socket allows.
  public mutating func handshake() -> TLSProgress {
    ERR_clear_error()
    errno = 0
    let result = unsafe SSL_do_handshake(ssl)
    let systemError = errno
    if result == 1 { return finishHandshake() }
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantRead
    case SSL_ERROR_WANT_WRITE: return .wantWrite
    case SSL_ERROR_ZERO_RETURN: return .failed(failHandshake(TLSFailure(.closed)))
    case let kind:
      return unsafe .failed(
        failHandshake(.taken(from: ssl, kind: kind, systemError: systemError)))
    }
  }

  /// Reads what has come, at most one TLS record (16 KiB).
  ///
  /// - Parameter buffer: where to; not empty.
  /// - Complexity: at most one `read` of the socket for a record that came whole.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSRead {
    var count = 0
    errno = 0
    if unsafe SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count) == 1 {
      return .bytes(count)
    }
    return stalled(systemError: errno)
  }

  /// Writes as much as the socket takes.
  ///
  /// - Parameter buffer: not empty. When not all of it was written, the next write must begin with
  ///   the rest, the same bytes though at any address, and be no shorter than the rest.
  /// - Returns: `.bytes(n)` with `n` smaller than the buffer when the socket is full: wait until it
  ///   is writable.
  public mutating func write(_ buffer: UnsafeRawBufferPointer) -> TLSRead {
    var total = 0
    // OpenSSL writes one record of 16 KiB at a time.
    while total < buffer.count {
      var count = 0
      errno = 0
      let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[total...])
      if unsafe SSL_write_ex(ssl, rest.baseAddress, rest.count, &count) != 1 {
        let result = stalled(systemError: errno)
        // What was written must be told. A failure says its cause only once, so it goes first.
        let isBlocked = result == .wantWrite || result == .wantRead
        return isBlocked && total > 0 ? .bytes(total) : result
      }
      total += count
    }
    return .bytes(total)
  }

  /// Whether bytes of the peer wait inside, which the socket will not announce again: read on.
  public var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

  /// Whether the handshake resumed an earlier session.
  public var wasResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// The protocol in words, "TLSv1.3".
  public var versionText: String { unsafe String(cString: SSL_get_version(ssl)) }

  /// The cipher suite in words, "TLS_AES_256_GCM_SHA384"; "none" before the handshake is done.
  public var cipherText: String {
    guard let cipher = unsafe SSL_get_current_cipher(ssl) else { return "none" }
    return unsafe String(cString: SSL_CIPHER_get_name(cipher))
  }

  /// Until when the peer's certificate is good, unix seconds; `nil` before it showed one. Cold.
  public var certificateExpirySeconds: Int64? {
    guard let certificate = unsafe SSL_get0_peer_certificate(ssl) else { return nil }
    defer { ERR_clear_error() }
    return unsafe PeerCertificate.expiry(of: certificate)
  }

  /// Tells the peer that nothing more comes; does not wait for an answer or for the socket.
  public mutating func closeNotify() {
    guard !hasFailed, unsafe SSL_is_init_finished(ssl) == 1 else { return }
    _ = unsafe SSL_shutdown(ssl)
    ERR_clear_error()
  }

  /// A failure of this connection in one clause, with the names and days of its certificate:
  /// "certificate is for example.org, not hooks.example.com". Cold.
  public func text(of failure: TLSFailure, host: String) -> String {
    guard let certificate = unsafe refused?.pointer else { return failure.text }
    defer { ERR_clear_error() }
    switch failure.reason {
    case .certificateExpired:
      return unsafe PeerCertificate.lastDay(of: certificate).map {
        "certificate expired on \($0)"
      } ?? failure.text
    case .certificateNotYetValid:
      return unsafe PeerCertificate.firstDay(of: certificate).map {
        "certificate is not valid before \($0)"
      } ?? failure.text
    case .hostMismatch:
      guard let names = unsafe PeerCertificate.names(of: certificate) else {
        return "certificate names no host at all, so not \(host)"
      }
      return "certificate is for \(names), not \(host)"
    default: return failure.text
    }
  }

  private static func prepare(
    _ context: TLSContext, fd: Int32, host: String, place: SessionCache.Place
  ) throws(TLSError) -> OpaquePointer {
    guard let ssl = unsafe SSL_new(context.pointer) else {
      throw .library(ErrorQueue.takeText())
    }
    guard unsafe expect(host, of: ssl) else {
      unsafe SSL_free(ssl)
      ERR_clear_error()
      throw .hostInvalid(host)
    }
    guard unsafe SSL_set_fd(ssl, fd) == 1, unsafe SSL_set_ex_data(ssl, 0, place.bits) == 1 else {
      unsafe SSL_free(ssl)
      throw .library(ErrorQueue.takeText())
    }
    unsafe SSL_set_connect_state(ssl)
    return unsafe ssl
  }

  /// Makes the verification ask for `host`, and tells the peer the name.
  private static func expect(_ host: String, of ssl: OpaquePointer) -> Bool {
    let name = host.hasSuffix(".") ? String(host.dropLast()) : host
    guard !name.isEmpty, !name.utf8.contains(0) else { return false }
    let parameters = unsafe SSL_get0_param(ssl)
    if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 { return true }
    ERR_clear_error()
    // A common name is no host name any more, and a wildcard stands for one whole label.
    unsafe X509_VERIFY_PARAM_set_hostflags(
      parameters,
      UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    return unsafe X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
      && fanfare_ssl_host_name(ssl, name) == 1
  }

  private func offerSession() {
    guard let session = unsafe context.sessions.take(place, now: Int64(time(nil))) else { return }
    // A session that does not fit is no error: the handshake is a full one.
    _ = unsafe SSL_set_session(ssl, session)
    unsafe SSL_SESSION_free(session)
    ERR_clear_error()
  }

  /// OpenSSL ends a handshake only when the certificate was good; of a resumed one it knows the
  /// verdict of the first.
  private mutating func finishHandshake() -> TLSProgress {
    let verdict = unsafe Int32(SSL_get_verify_result(ssl))
    if verdict == X509_V_OK { return .done }
    return .failed(failHandshake(.certificate(verdict)))
  }

  private mutating func stalled(systemError: Int32) -> TLSRead {
    let result = unsafe TLSRead.stalled(ssl, systemError: systemError)
    if case .failed(let failure) = result { return .failed(fail(failure)) }
    return result
  }

  private mutating func fail(_ failure: TLSFailure) -> TLSFailure {
    hasFailed = true
    return failure
  }

  /// The session that was offered may be why, so the next handshake is a full one.
  private mutating func failHandshake(_ failure: TLSFailure) -> TLSFailure {
    refused = context.refused
    context.refused = nil
    context.sessions.forget(place)
    return fail(failure)
  }
}
