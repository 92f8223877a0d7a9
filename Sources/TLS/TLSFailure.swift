import COpenSSL
import Glibc

/// Why a connection's TLS failed: small, copied freely, kept with an attempt.
///
/// The text for people is made when somebody asks for it. ``TLSConnection/text(of:host:)`` knows
/// more than ``text``, as long as the connection is there: whose certificate it was.
public struct TLSFailure: Error, BitwiseCopyable, Sendable, Equatable {
  /// What went wrong, as far as a program cares.
  public enum Reason: UInt8, BitwiseCopyable, Sendable {
    /// The certificate, or one above it, is past its time.
    case certificateExpired
    /// The certificate, or one above it, begins in the future.
    case certificateNotYetValid
    /// The certificate is for another host.
    case hostMismatch
    /// The certificate was issued by nobody we trust.
    case unknownIssuer
    /// The certificate is unacceptable for another reason; see ``TLSFailure/verifyResult``.
    case certificateRefused
    /// The peer ended the handshake by an alert, for instance for want of a client certificate.
    case refusedByPeer
    /// No TLS version that both sides speak; we speak 1.2 and 1.3.
    case version
    /// The answer is no TLS at all.
    case notTLS
    /// The peer broke the protocol.
    case protocolViolation
    /// The peer closed the connection in the middle of the handshake.
    case closed
    /// The system reported an error; see ``TLSFailure/systemError``.
    case system
  }

  /// The kind of failure.
  public let reason: Reason
  /// OpenSSL's packed error code; 0 when it named none.
  public let code: UInt64
  /// OpenSSL's `X509_V_ERR_…` of a refused certificate; else 0.
  public let verifyResult: Int32
  /// The `errno` of ``Reason/system``; else 0.
  public let systemError: Int32

  init(_ reason: Reason, code: UInt = 0, verifyResult: Int32 = 0, systemError: Int32 = 0) {
    self.reason = reason
    self.code = UInt64(code)
    self.verifyResult = verifyResult
    self.systemError = systemError
  }

  /// Whether it is the peer's certificate that was not accepted.
  public var isCertificate: Bool {
    switch reason {
    case .certificateExpired, .certificateNotYetValid, .hostMismatch, .unknownIssuer,
      .certificateRefused:
      true
    default: false
    }
  }

  /// One clause for a user, without names: "certificate has expired".
  public var text: String {
    switch reason {
    case .certificateExpired: "certificate has expired"
    case .certificateNotYetValid: "certificate is not valid yet"
    case .hostMismatch: "certificate is for another host"
    case .unknownIssuer: "certificate is not issued by a trusted authority"
    case .certificateRefused: "certificate refused: \(verifyText)"
    case .refusedByPeer: "peer refused the TLS handshake: \(alertText)"
    case .version: "peer speaks no TLS version that is accepted (1.2 or 1.3)"
    case .notTLS: "peer's answer is not TLS; is it a plain http port?"
    case .protocolViolation: "TLS protocol error: \(ErrorQueue.text(UInt(code)))"
    case .closed: "peer closed the connection during the TLS handshake"
    case .system: "connection failed: \(unsafe String(cString: strerror(systemError)))"
    }
  }

  private var verifyText: String {
    guard let text = unsafe X509_verify_cert_error_string(Int(verifyResult)) else {
      return "error \(verifyResult)"
    }
    return unsafe String(cString: text)
  }

  /// "tlsv13 alert certificate required" without what the alert number says twice.
  private var alertText: String {
    let text = ErrorQueue.text(UInt(code))
    guard let alert = text.utf8.firstRange(of: "alert ".utf8) else { return text }
    return String(text[alert.upperBound...])
  }
}

extension TLSFailure {
  /// Reads what OpenSSL says about a call on `ssl` that just failed, and empties its error queue.
  ///
  /// - Parameters:
  ///   - kind: what `SSL_get_error` returned, `SSL_ERROR_SSL` or `SSL_ERROR_SYSCALL`.
  ///   - systemError: `errno` right after the call.
  static func taken(from ssl: OpaquePointer, kind: Int32, systemError: Int32) -> TLSFailure {
    let code = ErrorQueue.take()
    if kind == SSL_ERROR_SYSCALL || code == 0 {
      return systemError == 0
        ? TLSFailure(.closed) : TLSFailure(.system, systemError: systemError)
    }
    let reason = ERR_GET_REASON(code)
    if reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
      return certificate(unsafe Int32(SSL_get_verify_result(ssl)), code: code)
    }
    return TLSFailure(protocolReason(reason), code: code)
  }

  /// The failure for an `X509_V_ERR_…`.
  static func certificate(_ result: Int32, code: UInt = 0) -> TLSFailure {
    let reason: Reason =
      switch result {
      case X509_V_ERR_CERT_HAS_EXPIRED: .certificateExpired
      case X509_V_ERR_CERT_NOT_YET_VALID: .certificateNotYetValid
      case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .hostMismatch
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED:
        .unknownIssuer
      default: .certificateRefused
      }
    return TLSFailure(reason, code: code, verifyResult: result)
  }

  private static func protocolReason(_ reason: Int32) -> Reason {
    switch reason {
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_VERSION_TOO_LOW,
      SSL_R_UNSUPPORTED_SSL_VERSION:
      .version
    case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST,
      SSL_R_PACKET_LENGTH_TOO_LONG:
      .notTLS
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: .closed
    // OpenSSL numbers the alerts of a peer from here on.
    case SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255): .refusedByPeer
    default: .protocolViolation
    }
  }
}
