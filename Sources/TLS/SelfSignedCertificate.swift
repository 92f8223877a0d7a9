import COpenSSL
import Glibc

/// Makes a certificate that vouches for itself, for a request bin or a first try of the API over
/// TLS. A client trusts it when it is given that certificate as its only root.
public enum SelfSignedCertificate {
  /// Days for which it is good; browsers refuse more than 398.
  static let days = 365
  private static let secondsPerDay = 86_400
  /// Clocks differ; it begins this much earlier.
  private static let secondsEarly = 3_600

  /// Makes a new P-256 key and a certificate for it.
  ///
  /// - Parameter hosts: DNS names (`*.` may lead) and IP addresses, at least one; the first also is
  ///   the common name.
  /// - Returns: certificate and private key as PEM text; keep the key at mode 0600.
  /// - Throws: ``TLSError/hostInvalid(_:)`` for what is neither name nor address.
  public static func make(
    hosts: [String]
  ) throws(TLSError) -> (certificatePEM: String, keyPEM: String) {
    let names = try subjectNames(hosts)
    guard let raw = unsafe fanfare_ec_p256_key(), let blank = unsafe X509_new() else {
      throw .library(ErrorQueue.takeText())
    }
    let key = unsafe PrivateKey(owning: raw)
    let certificate = unsafe Certificate(owning: blank)
    unsafe fill(certificate.pointer, key: key, commonName: hosts[0])
    let extensions = [
      (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
      (NID_ext_key_usage, "serverAuth"), (NID_subject_alt_name, names),
      (NID_subject_key_identifier, "hash"),
    ]
    for (kind, value) in extensions {
      guard unsafe add(kind, value, to: certificate.pointer) else {
        throw .library(ErrorQueue.takeText())
      }
    }
    guard unsafe X509_sign(certificate.pointer, key.pointer, EVP_sha256()) > 0 else {
      throw .library(ErrorQueue.takeText())
    }
    return (PEMText.text(of: certificate), PEMText.text(of: key))
  }

  private static func fill(_ certificate: OpaquePointer, key: PrivateKey, commonName: String) {
    // Counted from 0: this is version 3.
    unsafe X509_set_version(certificate, 2)
    unsafe setSerial(certificate)
    _ = unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), -secondsEarly)
    _ = unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), days * secondsPerDay)
    unsafe X509_set_pubkey(certificate, key.pointer)
    let name = unsafe X509_get_subject_name(certificate)
    // A common name has 64 characters at most; the names that count are those of the extension.
    let text = Array(commonName.utf8.prefix(64))
    unsafe X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, Int32(text.count), -1, 0)
    unsafe X509_set_issuer_name(certificate, name)
  }

  /// A random positive number: two certificates of one name must not share a serial.
  private static func setSerial(_ certificate: OpaquePointer) {
    let word = SecureRandom.word() >> 1 | 1
    unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), word)
  }

  private static func add(_ kind: Int32, _ value: String, to certificate: OpaquePointer) -> Bool {
    guard
      let made = unsafe fanfare_x509_extension(certificate, certificate, kind, value)
    else { return false }
    defer { unsafe X509_EXTENSION_free(made) }
    return unsafe X509_add_ext(certificate, made, -1) == 1
  }

  /// The text that OpenSSL makes the names' extension of: "DNS:a.example,IP:127.0.0.1".
  private static func subjectNames(_ hosts: [String]) throws(TLSError) -> String {
    guard !hosts.isEmpty else { throw .hostInvalid("") }
    var names: [String] = []
    for host in hosts {
      if isAddress(host) {
        names.append("IP:\(host)")
      } else if isName(host) {
        names.append("DNS:\(host)")
      } else {
        throw .hostInvalid(host)
      }
    }
    return names.joined(separator: ",")
  }

  private static func isAddress(_ host: String) -> Bool {
    var room: [16 of UInt8] = .init(repeating: 0)
    return unsafe inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1
  }

  private static func isName(_ host: String) -> Bool {
    let labels = (host.hasPrefix("*.") ? host.dropFirst(2) : host[...])
      .split(separator: ".", omittingEmptySubsequences: false)
    return host.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.utf8.allSatisfy(isNameCharacter)
      }
  }

  private static func isNameCharacter(_ character: UInt8) -> Bool {
    switch character {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
