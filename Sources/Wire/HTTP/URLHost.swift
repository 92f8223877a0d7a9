internal import Glibc

/// The host of a URL: a name, or an address in its canonical form.
struct URLHost {
  var text: String
  var isAddress: Bool

  /// Reads a host, IPv6 addresses with their brackets.
  init(_ bytes: [UInt8]) throws(URLTargetError) {
    if bytes.isEmpty { throw .emptyHost }
    if bytes[0] == UInt8(ascii: "[") {
      text = try Self.ipv6(Array(bytes[1..<bytes.count - 1]))
      isAddress = true
      return
    }
    if bytes.contains(where: { $0 >= 0x80 }) { throw .nonASCIIHost }
    let labels = bytes.split(separator: ASCII.dot, omittingEmptySubsequences: false)
    try Self.checkName(bytes.count, labels)
    isAddress = Self.looksNumeric(labels[labels.count - 1])
    if isAddress { try Self.checkIPv4(labels) }
    text = String(decoding: bytes.map(ASCII.lowercased), as: UTF8.self)
  }

  /// > Source: RFC 1123 §2.1; `_` is allowed besides, as names in private networks have it.
  private static func checkName(
    _ count: Int, _ labels: [ArraySlice<UInt8>]
  ) throws(URLTargetError) {
    if count > 253 { throw .invalidHost }
    let hyphen = UInt8(ascii: "-")
    for label in labels {
      guard (1...63).contains(label.count), label.first != hyphen, label.last != hyphen else {
        throw .invalidHost
      }
      let isPlain = label.allSatisfy {
        ASCII.isAlphanumeric($0) || $0 == hyphen || $0 == UInt8(ascii: "_")
      }
      if !isPlain { throw .invalidHost }
    }
  }

  /// Whether a resolver could take a name with this last label for an address.
  private static func looksNumeric(_ label: ArraySlice<UInt8>) -> Bool {
    if label.allSatisfy(ASCII.isDigit) { return true }
    let prefix = label.prefix(2).map(ASCII.lowercased)
    return prefix == [0x30, 0x78] && label.dropFirst(2).allSatisfy { ASCII.hexValue($0) != nil }
  }

  /// Four decimal numbers without leading zeros, or nothing.
  private static func checkIPv4(_ labels: [ArraySlice<UInt8>]) throws(URLTargetError) {
    if labels.count != 4 { throw .ambiguousAddress }
    for label in labels {
      guard label.count <= 3, label.allSatisfy(ASCII.isDigit),
        label.count == 1 || label.first != 0x30,
        UInt8(String(decoding: label, as: UTF8.self)) != nil
      else { throw .ambiguousAddress }
    }
  }

  /// The canonical text of an IPv6 address (RFC 5952, as inet_ntop(3) writes it).
  private static func ipv6(_ bytes: [UInt8]) throws(URLTargetError) -> String {
    let isPlain = bytes.allSatisfy {
      ASCII.hexValue($0) != nil || $0 == ASCII.colon || $0 == ASCII.dot
    }
    if !isPlain || bytes.count > 45 { throw .invalidIPv6Address }
    var address = in6_addr()
    let input = String(decoding: bytes, as: UTF8.self)
    guard unsafe inet_pton(AF_INET6, input, &address) == 1 else { throw .invalidIPv6Address }
    var output = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard unsafe inet_ntop(AF_INET6, &address, &output, socklen_t(output.count)) != nil else {
      throw .invalidIPv6Address
    }
    let text = output.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: text, as: UTF8.self)
  }
}
