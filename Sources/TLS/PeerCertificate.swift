import COpenSSL
import Glibc

/// What of a peer's certificate goes into a message for people. The peer chose these bytes, so they
/// are cut and cleaned here.
enum PeerCertificate {
  /// The first names that the certificate is for: "a.example, b.example and 3 more".
  static func names(of certificate: OpaquePointer) -> String? {
    guard
      let raw = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil)
    else { return nil }
    let names = OpaquePointer(raw)
    defer { unsafe GENERAL_NAMES_free(names) }
    let count = unsafe OPENSSL_sk_num(names)
    guard count > 0 else { return nil }
    let shown = (0..<min(count, namesShownMax)).map { unsafe name(OPENSSL_sk_value(names, $0)) }
    let rest = Int(count) - shown.count
    return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  /// The last day on which the certificate is good: "2026-11-21".
  static func lastDay(of certificate: OpaquePointer) -> String? {
    unsafe day(X509_get0_notAfter(certificate))
  }

  /// The first day on which the certificate is good.
  static func firstDay(of certificate: OpaquePointer) -> String? {
    unsafe day(X509_get0_notBefore(certificate))
  }

  /// Unix seconds after which the certificate is no longer good; 0 when it cannot be read.
  static func expiry(of certificate: OpaquePointer) -> Int64 {
    var time = unsafe tm()
    guard unsafe ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1 else { return 0 }
    return unsafe Int64(timegm(&time))
  }

  private static let namesShownMax: Int32 = 3
  private static let nameCharactersMax = 64

  private static func day(_ time: UnsafePointer<ASN1_TIME>?) -> String? {
    var fields = unsafe tm()
    guard let time = unsafe time, unsafe ASN1_TIME_to_tm(time, &fields) == 1 else { return nil }
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return unsafe "\(fields.tm_year + 1900)-\(two(fields.tm_mon + 1))-\(two(fields.tm_mday))"
  }

  private static func name(_ entry: UnsafeMutableRawPointer?) -> String {
    guard let entry = unsafe entry else { return "?" }
    var kind: Int32 = 0
    let general = unsafe entry.assumingMemoryBound(to: GENERAL_NAME.self)
    guard let value = unsafe GENERAL_NAME_get0_value(general, &kind) else { return "?" }
    switch kind {
    case GEN_DNS, GEN_EMAIL, GEN_URI, GEN_IPADD:
      let text = unsafe value.assumingMemoryBound(to: ASN1_STRING.self)
      let bytes = unsafe UnsafeBufferPointer(
        start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
      return kind == GEN_IPADD ? unsafe address(bytes) : unsafe clean(bytes)
    default: return "?"
    }
  }

  private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    guard bytes.count == 4 || bytes.count == 16 else { return "?" }
    return unsafe String(unsafeUninitializedCapacity: Int(INET6_ADDRSTRLEN)) { text in
      unsafe text.withMemoryRebound(to: CChar.self) { text in
        let done = unsafe inet_ntop(
          family, bytes.baseAddress, text.baseAddress, socklen_t(text.count))
        return unsafe done == nil ? 0 : strlen(done!)
      }
    }
  }

  private static func clean(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    let kept = unsafe bytes.prefix(nameCharactersMax).map { byte in
      (0x21...0x7E).contains(byte) ? byte : UInt8(ascii: "?")
    }
    return String(decoding: kept, as: UTF8.self)
  }
}
