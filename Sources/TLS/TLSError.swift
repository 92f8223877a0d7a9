import COpenSSL
import Glibc

/// Why a certificate, a key, a root store or a TLS context could not be made. Cold: text is ready
/// for a user; nothing on the delivery path throws it.
public enum TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The PEM text that was to hold trusted roots holds no readable certificate.
  case rootsUnreadable(String)
  /// The client certificate or its key is unreadable, or one does not belong to the other.
  case clientCertificateUnusable(String)
  /// A host that a certificate is to be made for is empty or has characters no host name has.
  case hostInvalid(String)
  /// OpenSSL refused something that has no reason to fail: out of memory, or a broken set-up.
  case library(String)

  /// One sentence for a user.
  public var description: String {
    switch self {
    case .rootsUnreadable(let why): "the CA certificates cannot be read: \(why)"
    case .clientCertificateUnusable(let why): "the client certificate cannot be used: \(why)"
    case .hostInvalid(let host): "'\(host)' is not a host name or an IP address"
    case .library(let why): "OpenSSL failed: \(why)"
    }
  }
}

/// The error queue that OpenSSL keeps for each thread.
///
/// Reads and writes tell "would block" from "failed" by looking into it, so whoever in this module
/// makes a call fail empties it again.
enum ErrorQueue {
  /// The first error, which is the cause of the others, and empties the queue; 0 if there is none.
  static func take() -> UInt {
    let code = ERR_get_error()
    ERR_clear_error()
    return code
  }

  /// The text of the first error, and empties the queue.
  static func takeText() -> String { text(take()) }

  /// OpenSSL's own words for an error code.
  static func text(_ code: UInt) -> String {
    guard code != 0 else { return "no reason given" }
    if let reason = unsafe ERR_reason_error_string(code) { return unsafe String(cString: reason) }
    return "error \(code)"
  }
}

/// Ends the process on what only a defect or exhausted memory can cause.
@inline(never)
func stop(_ message: StaticString) -> Never {
  fatalError("\(message): \(ErrorQueue.takeText())")
}
