/// Why a URL cannot be an endpoint's.
public enum URLTargetError: Error, Equatable, Sendable {
  /// Longer than ``URLTarget/bytesMax``.
  case tooLong
  /// It begins with neither `https://` nor `http://`.
  case unsupportedScheme
  /// A space, a control character, a backslash or something not ASCII; percent-encode it.
  case invalidCharacter(offset: Int)
  /// `user:password@`: credentials belong into the endpoint's `auth`.
  case userInfo
  /// `#…`, which is never sent.
  case fragment
  /// There is no host.
  case emptyHost
  /// The host is no name: an empty or overlong label, or a character that none may hold.
  case invalidHost
  /// The host is not ASCII: give it as an A-label (`xn--…`).
  case nonASCIIHost
  /// An IPv4 address in octal, hexadecimal or decimal, or with parts missing.
  case ambiguousAddress
  /// What is in brackets is no IPv6 address, or has a scope.
  case invalidIPv6Address
  /// The port is no number from 1 to 65535.
  case invalidPort
  /// A `%` without two hexadecimal digits, or `%00`.
  case invalidPercentEncoding(offset: Int)

  /// For people.
  public var text: String {
    switch self {
    case .tooLong: "the URL is longer than \(URLTarget.bytesMax) bytes"
    case .unsupportedScheme: "the URL must begin with https:// (or http:// where that is allowed)"
    case .invalidCharacter(let offset):
      "the URL holds a character at offset \(offset) that must be percent-encoded"
    case .userInfo: "the URL must not hold a user name or password; use the endpoint's auth"
    case .fragment: "the URL must not hold a fragment (#…)"
    case .emptyHost: "the URL has no host"
    case .invalidHost: "the URL's host is not a valid name"
    case .nonASCIIHost: "the URL's host must be ASCII; give its xn-- form"
    case .ambiguousAddress:
      "the URL's host is a number but not a plain IPv4 address such as 192.0.2.1"
    case .invalidIPv6Address: "the URL's host is not a valid IPv6 address"
    case .invalidPort: "the URL's port must be from 1 to 65535"
    case .invalidPercentEncoding(let offset):
      "the URL holds an invalid percent-encoding at offset \(offset)"
    }
  }
}

/// The URL of an endpoint, taken apart and found unambiguous.
///
/// Stricter than a browser: what two parsers could read differently is refused, not guessed, as
/// the host decides which addresses are dialled. Whether the address is allowed is for the address
/// guard, at each connect.
///
/// > Source: RFC 3986; WHATWG URL §3.5 (hosts that end in a number).
public struct URLTarget: Hashable, Sendable {
  /// Longest URL.
  public static let bytesMax = 2048

  /// How the host is spoken to.
  public enum Scheme: String, Sendable {
    case http, https

    /// The port when none is given.
    public var defaultPort: UInt16 { self == .https ? 443 : 80 }
  }

  /// `https`, or `http` where that is allowed.
  public let scheme: Scheme
  /// Name in lower case, or IP address without brackets in its canonical form.
  public let host: String
  /// TCP port, not 0.
  public let port: UInt16
  /// Path, from its `/`, and query; as given.
  public let pathAndQuery: String
  /// Whether the host is an IP address.
  public let isIPLiteral: Bool

  /// Takes a URL apart.
  ///
  /// - Throws: The first thing wrong with it.
  public init(parsing text: String) throws(URLTargetError) {
    let bytes = Array(text.utf8)
    if bytes.count > Self.bytesMax { throw .tooLong }
    let (scheme, start) = try Self.scheme(bytes)
    let end = bytes[start...].firstIndex(where: Self.endsAuthority) ?? bytes.count
    try Self.checkRest(bytes, from: end)
    let (hostBytes, portBytes) = try Self.splitAuthority(Array(bytes[start..<end]))
    let address = try URLHost(hostBytes)
    self.scheme = scheme
    host = address.text
    isIPLiteral = address.isAddress
    port = try Self.port(portBytes) ?? scheme.defaultPort
    let rest = String(decoding: bytes[end...], as: UTF8.self)
    pathAndQuery = rest.hasPrefix("/") ? rest : "/" + rest
  }

  /// Whether TLS is spoken.
  public var usesTLS: Bool { scheme == .https }

  /// What the `Host` header says: brackets around an IPv6 address, the port unless the default.
  public var authority: String {
    let name = isIPLiteral && host.utf8.contains(ASCII.colon) ? "[\(host)]" : host
    return port == scheme.defaultPort ? name : "\(name):\(port)"
  }

  /// The whole URL again, in its normal form.
  public var text: String { "\(scheme.rawValue)://\(authority)\(pathAndQuery)" }

  /// The URL as metrics and logs may show it: the query, which often holds a token, is left out.
  public var textWithoutQuery: String {
    let path = pathAndQuery.prefix { $0 != "?" }
    return "\(scheme.rawValue)://\(authority)\(path)"
  }

  // MARK: Parts

  private static func scheme(_ bytes: [UInt8]) throws(URLTargetError) -> (Scheme, Int) {
    for scheme in [Scheme.https, .http] {
      let prefix = Array("\(scheme.rawValue)://".utf8)
      if bytes.prefix(prefix.count).map(ASCII.lowercased) == prefix {
        return (scheme, prefix.count)
      }
    }
    throw .unsupportedScheme
  }

  private static func endsAuthority(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }

  /// Path and query hold what a request line may hold, and no fragment.
  private static func checkRest(_ bytes: [UInt8], from start: Int) throws(URLTargetError) {
    for index in start..<bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "#") { throw .fragment }
      if byte <= ASCII.space || byte >= 0x7F || byte == ASCII.backslash {
        throw .invalidCharacter(offset: index)
      }
      if byte == UInt8(ascii: "%") {
        guard index + 2 < bytes.count, let high = ASCII.hexValue(bytes[index + 1]),
          let low = ASCII.hexValue(bytes[index + 2]), high | low != 0
        else { throw .invalidPercentEncoding(offset: index) }
      }
    }
  }

  /// Host and what stands after its colon; nil without a colon.
  private static func splitAuthority(
    _ bytes: [UInt8]
  ) throws(URLTargetError) -> (host: [UInt8], port: [UInt8]?) {
    if bytes.contains(UInt8(ascii: "@")) { throw .userInfo }
    if bytes.isEmpty { throw .emptyHost }
    if bytes[0] == UInt8(ascii: "[") {
      guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else { throw .invalidIPv6Address }
      let rest = bytes[(close + 1)...]
      if rest.isEmpty { return (Array(bytes[...close]), nil) }
      guard rest.first == ASCII.colon else { throw .invalidHost }
      return (Array(bytes[...close]), Array(rest.dropFirst()))
    }
    guard let colon = bytes.firstIndex(of: ASCII.colon) else { return (bytes, nil) }
    return (Array(bytes[..<colon]), Array(bytes[(colon + 1)...]))
  }

  private static func port(_ bytes: [UInt8]?) throws(URLTargetError) -> UInt16? {
    guard let bytes else { return nil }
    guard bytes.count >= 1, bytes.count <= 5, bytes.allSatisfy(ASCII.isDigit),
      let value = UInt16(String(decoding: bytes, as: UTF8.self)), value > 0
    else { throw .invalidPort }
    return value
  }
}
