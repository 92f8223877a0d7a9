/// Why a custom header was refused.
public enum HeaderError: Error, Equatable, Sendable {
  /// The name is empty or holds a byte that no header name may hold.
  case invalidName(String)
  /// Fanfare sets this header itself.
  case reserved(String)
  /// The value of this header holds CR, LF, NUL or another control character.
  case invalidValue(String)
  /// The value of this header is longer than ``HeaderRules/valueBytesMax``.
  case valueTooLong(String)
  /// The name appears twice.
  case duplicate(String)
  /// More than ``HeaderRules/countMax`` headers, or more than ``HeaderRules/totalBytesMax`` bytes.
  case tooMany

  /// For people. Values are never shown: they may be secrets.
  public var text: String {
    switch self {
    case .invalidName(let name):
      "'\(name.filter { $0.isASCII && !$0.isNewline })' is not a header name"
    case .reserved(let name): "header '\(name)' is set by Fanfare and cannot be changed"
    case .invalidValue(let name): "the value of header '\(name)' holds a control character"
    case .valueTooLong(let name):
      "the value of header '\(name)' is longer than \(HeaderRules.valueBytesMax) bytes"
    case .duplicate(let name): "header '\(name)' is given twice"
    case .tooMany:
      "more than \(HeaderRules.countMax) headers or \(HeaderRules.totalBytesMax) bytes of them"
    }
  }
}

/// Which headers a user may add to the requests of an endpoint.
///
/// Checked when they are given and once more when a request is laid down: what could end a line
/// early must not reach the wire by any way.
public enum HeaderRules {
  /// Longest value.
  public static let valueBytesMax = 8192
  /// Most headers of one endpoint.
  public static let countMax = 32
  /// Most bytes of names and values together.
  public static let totalBytesMax = 16_384
  /// Longest name.
  public static let nameBytesMax = 128

  /// Refuses the first header that is malformed, reserved, too long or given twice.
  public static func validate(_ headers: [(name: String, value: String)]) throws(HeaderError) {
    var seen: Set<String> = []
    var total = 0
    for (name, value) in headers {
      try validateName(name)
      try validateValue(value, of: name)
      if !seen.insert(name.lowercased()).inserted { throw .duplicate(name) }
      total += name.utf8.count + value.utf8.count
    }
    if headers.count > countMax || total > totalBytesMax { throw .tooMany }
  }

  /// Refuses what is no token (RFC 9110 §5.6.2), and names that Fanfare sets itself.
  public static func validateName(_ name: String) throws(HeaderError) {
    guard isToken(name) else { throw .invalidName(name) }
    if isReserved(name) { throw .reserved(name) }
  }

  /// Refuses control characters but tabs, blanks at either end, and what is too long.
  public static func validateValue(_ value: String, of name: String) throws(HeaderError) {
    if value.utf8.count > valueBytesMax { throw .valueTooLong(name) }
    for byte in value.utf8 where (byte < ASCII.space && byte != ASCII.tab) || byte == 0x7F {
      throw .invalidValue(name)
    }
    if let first = value.utf8.first, let last = value.utf8.last,
      ASCII.isBlank(first) || ASCII.isBlank(last)
    {
      throw .invalidValue(name)
    }
  }

  /// Whether it could be a header name at all.
  public static func isToken(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= nameBytesMax && name.utf8.allSatisfy(ASCII.isToken)
  }

  /// Whether Fanfare sets the header itself, or it would change how the request is framed.
  public static func isReserved(_ name: String) -> Bool {
    let name = name.lowercased()
    if reservedPrefixes.contains(where: name.hasPrefix) { return true }
    return reservedNames.contains(name)
  }

  private static let reservedPrefixes = ["webhook-", "svix-", "ce-", "proxy-"]

  private static let reservedNames: Set<String> = [
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "date",
    "expect", "host", "http2-settings", "keep-alive", "stripe-signature", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "via", "x-hub-signature", "x-hub-signature-256",
  ]
}
