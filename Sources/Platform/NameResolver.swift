public import Base

/// The end of one name resolution.
public struct Resolution: Sendable {
  /// What the asker gave.
  public var tag: UInt64
  /// Every address of the name, IPv6 and IPv4 as the resolver ordered them, port 0; empty on failure.
  public var addresses: [SocketAddress]
  /// Why there is none, for people; empty on success.
  public var failure: String
  /// Makes a resolution.
  public init(tag: UInt64, addresses: [SocketAddress], failure: String) {
    self.tag = tag
    self.addresses = addresses
    self.failure = failure
  }
}

/// Resolves names without blocking its thread.
///
/// One per reactor, on that reactor's poller. Answers are cached for the shorter of their TTL and
/// 60 s, so that a changed address is noticed and a rebinding name cannot hide behind the cache.
public protocol NameResolver: AnyObject {
  /// Asks for a name; literals are the caller's business. Answers come from `next`, never from here.
  func resolve(_ host: String, tag: UInt64, now: Instant)
  /// Whether a readiness belongs to the resolver; if so it is dealt with.
  func take(_ readiness: Readiness) -> Bool
  /// The next answer.
  func next() -> Resolution?
  /// Deals with time-outs.
  /// - Returns: when it wants to be called again.
  func turn(now: Instant) -> Instant
}
