internal import Base
public import Platform

/// A run of addresses that share a prefix: `10.0.0.0/8`, `fd00::/8`, or a single address.
public struct AddressBlock: Hashable, Sendable {
  /// Whether it is a block of IPv6.
  public let isIPv6: Bool
  private let high: UInt64
  private let low: UInt64
  private let highMask: UInt64
  private let lowMask: UInt64

  /// Reads `address/prefix`, or one address.
  /// - Returns: `nil` for anything else, or when bits are set behind the prefix.
  public init?(cidr text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = parts.first,
      let address = SocketAddress(literal: String(first), port: 0)
    else { return nil }
    let width = address.isIPv6 ? 128 : 32
    var prefix = width
    if parts.count == 2 {
      guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let length = Int(parts[1]),
        length <= width
      else { return nil }
      prefix = length
    }
    self.init(address, prefix: prefix)
    guard address.high & ~highMask == 0, address.low & ~lowMask == 0 else { return nil }
  }

  init(_ address: SocketAddress, prefix: Int) {
    isIPv6 = address.isIPv6
    if address.isIPv6 {
      highMask = Self.mask(min(prefix, 64), of: 64)
      lowMask = Self.mask(max(prefix - 64, 0), of: 64)
    } else {
      // An IPv4 address stands in the low 32 bits of `high`.
      highMask = Self.mask(prefix, of: 32)
      lowMask = 0
    }
    high = address.high & highMask
    low = address.low & lowMask
  }

  private static func mask(_ prefix: Int, of width: Int) -> UInt64 {
    if prefix == 0 { return 0 }
    let all: UInt64 = width == 64 ? .max : 0xFFFF_FFFF
    return all & (UInt64.max << UInt64(width - prefix))
  }

  /// Whether the address lies in the block, whatever its port.
  public func contains(_ address: SocketAddress) -> Bool {
    address.isIPv6 == isIPv6 && address.high & highMask == high && address.low & lowMask == low
  }
}

/// Decides which addresses may be dialled: asked at each connect, after name resolution.
///
/// A name with one forbidden address is refused whole, so that a rebinding name gains nothing by
/// mixing. The order is: own ports (always refused), allow list, development mode, block list.
///
/// > Source: the block lists of Svix and Smokescreen, plus ::/96 and fec0::/10.
public struct AddressGuard: Sendable, Equatable {
  private let allowed: [AddressBlock]
  private let devMode: Bool
  private let ownPorts: [UInt16]
  private let ownAddresses: [AddressBlock]

  /// - Parameters:
  ///   - allowed: exceptions that the operator made.
  ///   - devMode: loopback and private networks are permitted.
  ///   - ownPorts: where this broker listens; never dialled on this host.
  ///   - ownAddresses: this host's addresses; loopback counts in any case.
  public init(
    allowed: [AddressBlock] = [], devMode: Bool = false, ownPorts: [UInt16] = [],
    ownAddresses: [SocketAddress] = []
  ) {
    self.allowed = allowed
    self.devMode = devMode
    self.ownPorts = ownPorts
    self.ownAddresses = ownAddresses.map { AddressBlock($0, prefix: $0.isIPv6 ? 128 : 32) }
  }

  /// Whether every address of an answer may be dialled on `port`; false for an empty answer.
  public func permits(_ addresses: [SocketAddress], port: UInt16) -> Bool {
    !addresses.isEmpty && addresses.allSatisfy { permits($0, port: port) }
  }

  /// Why an answer must not be dialled on `port`, and what permits it; `nil` when it may be.
  public func refusal(_ addresses: [SocketAddress], port: UInt16) -> String? {
    if addresses.isEmpty { return "the name has no address" }
    guard let address = addresses.first(where: { !permits($0, port: port) }) else { return nil }
    if ownPorts.contains(port), isOwn(Self.unmapped(address)) {
      return "\(address.text) port \(port) is this broker itself"
    }
    return "\(address.text) is private or forbidden; serve --allow \(address.text) permits it"
  }

  /// Whether one address may be dialled on `port`.
  public func permits(_ address: SocketAddress, port: UInt16) -> Bool {
    let address = Self.unmapped(address)
    if ownPorts.contains(port), isOwn(address) { return false }
    if allowed.contains(where: { $0.contains(address) }) { return true }
    if devMode, Self.development.contains(where: { $0.contains(address) }) { return true }
    let blocks = address.isIPv6 ? Self.forbidden6 : Self.forbidden4
    return !blocks.contains { $0.contains(address) }
  }

  private func isOwn(_ address: SocketAddress) -> Bool {
    Self.loopback.contains { $0.contains(address) }
      || ownAddresses.contains { $0.contains(address) }
  }

  /// `::ffff:a.b.c.d` is judged as the IPv4 address that the kernel would dial.
  private static func unmapped(_ address: SocketAddress) -> SocketAddress {
    guard address.isIPv6, address.high == 0, address.low >> 32 == 0xFFFF else { return address }
    return SocketAddress(ipv4: UInt32(truncatingIfNeeded: address.low), port: address.port)
  }

  private static func blocks(_ texts: [String]) -> [AddressBlock] {
    let blocks = texts.compactMap { AddressBlock(cidr: $0) }
    require(blocks.count == texts.count, "an address block is misspelt")
    return blocks
  }

  /// What a connect to "this host" reaches, `0.0.0.0` and `::` included.
  private static let loopback = blocks(["127.0.0.0/8", "0.0.0.0/8", "::1", "::"])

  private static let development = blocks([
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7",
  ])

  private static let forbidden4 = blocks([
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    // Azure's host agent, at a public address.
    "168.63.129.16",
  ])

  private static let forbidden6 = blocks([
    "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32",
    "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
  ])
}
