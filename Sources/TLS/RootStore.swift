import COpenSSL
import Glibc

/// The authorities that a context trusts. Reference counted by OpenSSL and locked inside, so that
/// the contexts of several threads share one.
@safe
final class RootStore: @unchecked Sendable {
  let store: OpaquePointer

  /// The system's authorities, read at first use and once for the process.
  static let system = RootStore()

  /// Reads the bundle of the system in one go: a folder of hashed names would be read from disk in
  /// the middle of handshakes. `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured as everywhere.
  private init() {
    unsafe store = Self.makeStore()
    let overridden = unsafe getenv("SSL_CERT_FILE") != nil || getenv("SSL_CERT_DIR") != nil
    let loaded =
      !overridden
      && Self.bundles.contains {
        unsafe access($0, R_OK) == 0 && X509_STORE_load_file(store, $0) == 1
      }
    if !loaded { _ = unsafe X509_STORE_set_default_paths(store) }
    ERR_clear_error()
  }

  /// Debian and Alpine, Red Hat, openSUSE, BSD.
  private static let bundles = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
  ]

  /// Trusts the certificates in `pem` and nothing else; each is an anchor, whether it is an
  /// authority or the very certificate of an endpoint.
  init(pem: String) throws(TLSError) {
    unsafe store = Self.makeStore()
    let certificates = try PEMText.certificates(in: pem) { .rootsUnreadable($0) }
    for certificate in certificates {
      guard unsafe X509_STORE_add_cert(store, certificate.pointer) == 1 else {
        throw .rootsUnreadable(ErrorQueue.takeText())
      }
    }
    _ = unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
  }

  private static func makeStore() -> OpaquePointer {
    guard let store = unsafe X509_STORE_new() else { stop("no memory for a root store") }
    return unsafe store
  }

  deinit { unsafe X509_STORE_free(store) }
}
