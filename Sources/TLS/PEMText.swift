import COpenSSL

/// A certificate, freed with its last reference.
@safe
final class Certificate {
  let pointer: OpaquePointer
  /// Takes over the caller's reference.
  init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }
  deinit { unsafe X509_free(pointer) }
}

/// A key pair, freed with its last reference. OpenSSL counts references itself and reads are safe
/// from several threads.
@safe
final class PrivateKey: @unchecked Sendable {
  let pointer: OpaquePointer
  /// Takes over the caller's reference.
  init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }
  deinit { unsafe EVP_PKEY_free(pointer) }
}

/// Certificates and keys as PEM text, in and out.
enum PEMText {
  /// All certificates in `text`, in their order.
  ///
  /// - Throws: what `failure` makes of the reason, when there is none or one is damaged.
  static func certificates(
    in text: String, _ failure: (String) -> TLSError
  ) throws(TLSError) -> [Certificate] {
    let source = BIOBuffer(text)
    defer { ERR_clear_error() }
    var found: [Certificate] = []
    while let pointer = unsafe PEM_read_bio_X509(source.pointer, nil, refusePassphrase, nil) {
      unsafe found.append(Certificate(owning: pointer))
    }
    // The end of the text is an error of its own name; any other means a damaged certificate.
    let code = ErrorQueue.take()
    guard ERR_GET_REASON(code) == PEM_R_NO_START_LINE else {
      throw failure("certificate \(found.count + 1): \(ErrorQueue.text(code))")
    }
    guard !found.isEmpty else { throw failure("no BEGIN CERTIFICATE in the text") }
    return found
  }

  /// The first private key in `text`.
  ///
  /// - Throws: what `failure` makes of the reason; keys with a passphrase are refused.
  static func privateKey(
    in text: String, _ failure: (String) -> TLSError
  ) throws(TLSError) -> PrivateKey {
    let source = BIOBuffer(text)
    guard
      let key = unsafe PEM_read_bio_PrivateKey(source.pointer, nil, refusePassphrase, nil)
    else { throw failure("private key: \(ErrorQueue.takeText())") }
    return unsafe PrivateKey(owning: key)
  }

  /// The PEM text of a certificate.
  static func text(of certificate: Certificate) -> String {
    let target = BIOBuffer()
    guard unsafe PEM_write_bio_X509(target.pointer, certificate.pointer) == 1 else {
      stop("a certificate cannot be written as text")
    }
    return target.text
  }

  /// The PEM text of a private key, unencrypted PKCS #8.
  static func text(of key: PrivateKey) -> String {
    let target = BIOBuffer()
    let written = unsafe PEM_write_bio_PKCS8PrivateKey(
      target.pointer, key.pointer, nil, nil, 0, nil, nil)
    guard written == 1 else { stop("a private key cannot be written as text") }
    return target.text
  }
}

/// Without it OpenSSL would ask for a passphrase at the terminal.
private func refusePassphrase(
  _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?
) -> Int32 { -1 }

/// A memory buffer in OpenSSL's own form.
@safe
private final class BIOBuffer {
  let pointer: OpaquePointer

  init(_ text: String = "") {
    guard let pointer = unsafe BIO_new(BIO_s_mem()) else { stop("no memory for a buffer") }
    unsafe self.pointer = pointer
    let bytes = Array(text.utf8)
    guard unsafe bytes.isEmpty || BIO_write(pointer, bytes, Int32(bytes.count)) > 0 else {
      stop("no memory for a buffer")
    }
  }

  var text: String {
    let count = unsafe BIO_ctrl_pending(pointer)
    return unsafe String(unsafeUninitializedCapacity: count) { bytes in
      unsafe max(0, Int(BIO_read(pointer, bytes.baseAddress, Int32(count))))
    }
  }

  deinit { unsafe BIO_free(pointer) }
}
