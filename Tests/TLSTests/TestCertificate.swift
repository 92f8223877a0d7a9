import COpenSSL
import TLS

/// Certificates of any make, good and bad, for the servers of these tests.
@safe
final class TestCertificate: @unchecked Sendable {
  let certificate: OpaquePointer
  let key: OpaquePointer

  /// - Parameters:
  ///   - name: the common name.
  ///   - alternatives: the names' extension as OpenSSL's text, "DNS:a.example"; none if nil.
  ///   - issuer: who signs; itself if nil.
  ///   - beginsIn: seconds from now until it is good.
  ///   - endsIn: seconds from now until it is not.
  init(
    _ name: String, alternatives: String? = nil, issuer: TestCertificate? = nil,
    isAuthority: Bool = false, beginsIn: Int = -60, endsIn: Int = 3_600
  ) {
    unsafe key = fanfare_ec_p256_key()!
    unsafe certificate = X509_new()!
    unsafe X509_set_version(certificate, 2)
    unsafe ASN1_INTEGER_set_uint64(
      X509_get_serialNumber(certificate), SecureRandom.word() >> 1)
    _ = unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), beginsIn)
    _ = unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), endsIn)
    unsafe X509_set_pubkey(certificate, key)
    let subject = unsafe X509_get_subject_name(certificate)
    unsafe X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_ASC, Array(name.utf8), Int32(name.utf8.count), -1, 0)
    unsafe X509_set_issuer_name(
      certificate, issuer.map { unsafe X509_get_subject_name($0.certificate) } ?? subject)
    add(NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "critical,CA:FALSE", issuer)
    if let alternatives { add(NID_subject_alt_name, alternatives, issuer) }
    let signed = unsafe X509_sign(certificate, issuer?.key ?? key, EVP_sha256())
    precondition(signed > 0)
  }

  deinit {
    unsafe X509_free(certificate)
    unsafe EVP_PKEY_free(key)
  }

  /// As PEM text.
  var pem: String {
    unsafe text { unsafe PEM_write_bio_X509($0, certificate) }
  }

  /// The key as PEM text.
  var keyPEM: String {
    unsafe text { unsafe PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) }
  }

  private func text(_ write: (OpaquePointer) -> Int32) -> String {
    let buffer = unsafe BIO_new(BIO_s_mem())!
    defer { unsafe BIO_free(buffer) }
    let written = unsafe write(buffer)
    precondition(written == 1)
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = unsafe BIO_read(buffer, &bytes, Int32(bytes.count))
    return String(decoding: bytes.prefix(Int(count)), as: UTF8.self)
  }

  private func add(_ kind: Int32, _ value: String, _ issuer: TestCertificate?) {
    let made = unsafe fanfare_x509_extension(
      issuer?.certificate ?? certificate, certificate, kind, value)!
    unsafe X509_add_ext(certificate, made, -1)
    unsafe X509_EXTENSION_free(made)
  }
}

/// An authority that tests trust.
let testAuthority = TestCertificate("Test Authority", isAuthority: true)
