public import Base
internal import CAres
internal import Glibc

/// Name resolution by c-ares on its reactor's poller: `/etc/hosts` first, then DNS, IPv6 and IPv4.
///
/// Answers are kept for the shortest of their TTLs, at most 60 s; failures for 1 s, so that a broken
/// name under load costs one query a second. Whoever has waited 5 s is told so, whatever the
/// servers do. One instance a thread.
///
/// > Source: ares_getaddrinfo(3), ares_init_options(3), c-ares 1.18.
/// > Runs on: its poller's thread only.
@safe
public final class CAresResolver: NameResolver {
  /// How long an asker waits.
  public static let timeout = Nanoseconds.seconds(5)
  /// An answer is used no longer.
  public static let cacheSecondsMax: UInt64 = 60
  private static let cacheEntriesMax = 4096
  private static let tagBit: UInt64 = 1 << 63
  private static let success = Int32(fanfare_ARES_SUCCESS)

  private struct Entry {
    var addresses: [SocketAddress]
    var failure: String
    var expiresAt: Instant
  }

  /// One name that c-ares works on; c-ares holds a reference until it calls back.
  private final class Query {
    let host: String
    let startedAt: Instant
    var waiters: [UInt64]
    weak var owner: CAresResolver?

    init(host: String, startedAt: Instant, waiter: UInt64, owner: CAresResolver) {
      self.host = host
      self.startedAt = startedAt
      waiters = [waiter]
      self.owner = owner
    }
  }

  private let poller: Poller
  private var channel: ares_channel?
  private var cache: [String: Entry] = [:]
  private var queries: [String: Query] = [:]
  /// Queries in the order they began, for their time-outs.
  private var started: [Query] = []
  private var answers: [Resolution] = []
  private var now = Instant(nanoseconds: 0)

  /// Prepares a resolver whose sockets `poller` watches, with tags whose top bit is set.
  /// - Throws: when c-ares cannot start: out of memory, or an unreadable system configuration.
  public init(poller: Poller) throws(SystemError) {
    self.poller = poller
    unsafe channel = nil
    var status = ares_library_init(Int32(fanfare_ARES_LIB_INIT_ALL))
    if status == Self.success { status = openChannel() }
    if status != Self.success {
      throw SystemError(code: EIO, operation: "name resolver: \(Self.text(status))")
    }
  }

  deinit {
    // Calls back for every query; their weak owner is gone by then.
    if let channel = unsafe channel { unsafe ares_destroy(channel) }
  }

  private func openChannel() -> Int32 {
    var options = unsafe ares_options()
    unsafe options.timeout = 1_500
    unsafe options.tries = 3
    unsafe options.sock_state_cb = { owner, descriptor, readable, writable in
      guard let owner = unsafe owner else { return }
      unsafe Unmanaged<CAresResolver>.fromOpaque(owner).takeUnretainedValue()
        .watch(descriptor, readable != 0, writable != 0)
    }
    unsafe options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
    let mask = Int32(
      fanfare_ARES_OPT_TIMEOUTMS | fanfare_ARES_OPT_TRIES | fanfare_ARES_OPT_SOCK_STATE_CB
        | fanfare_ARES_OPT_LOOKUPS)
    return unsafe "fb".withCString { order in
      unsafe options.lookups = UnsafeMutablePointer(mutating: order)
      return unsafe ares_init_options(&channel, &options, mask)
    }
  }

  private func watch(_ descriptor: Int32, _ reading: Bool, _ writing: Bool) {
    poller.watch(
      descriptor: descriptor, tag: Self.tagBit | UInt64(UInt32(bitPattern: descriptor)),
      reading: reading, writing: writing)
  }

  private static func text(_ status: Int32) -> String {
    unsafe String(cString: ares_strerror(status))
  }

  /// Asks for a name; names in the cache or in `/etc/hosts` are answered without a query.
  public func resolve(_ host: String, tag: UInt64, now: Instant) {
    self.now = now
    if let entry = cache[host], now < entry.expiresAt {
      answers.append(
        Resolution(tag: tag, addresses: entry.addresses, failure: entry.failure))
    } else if let query = queries[host] {
      query.waiters.append(tag)
    } else {
      begin(Query(host: host, startedAt: now, waiter: tag, owner: self))
    }
  }

  private func begin(_ query: Query) {
    queries[query.host] = query
    started.append(query)
    var hints = ares_addrinfo_hints(
      ai_flags: 0, ai_family: AF_UNSPEC, ai_socktype: 1 /* SOCK_STREAM */, ai_protocol: 0)
    // May call back before it returns, for a name in /etc/hosts.
    unsafe ares_getaddrinfo(
      channel, query.host, nil, &hints,
      { argument, status, _, result in
        guard let argument = unsafe argument else { return }
        let query = unsafe Unmanaged<Query>.fromOpaque(argument).takeRetainedValue()
        let found = unsafe CAresResolver.addresses(in: result)
        if let result = unsafe result { unsafe ares_freeaddrinfo(result) }
        query.owner?.finish(query, status, found.addresses, ttl: found.ttl)
      }, Unmanaged.passRetained(query).toOpaque())
  }

  /// Every address of an answer, and the shortest time to live in it, in seconds.
  private static func addresses(
    in result: UnsafeMutablePointer<ares_addrinfo>?
  ) -> (addresses: [SocketAddress], ttl: UInt64) {
    var addresses: [SocketAddress] = []
    var ttl = cacheSecondsMax
    var node = unsafe result?.pointee.nodes
    while let current = unsafe node {
      if let address = unsafe address(of: current.pointee.ai_addr), !addresses.contains(address) {
        addresses.append(address)
        // Entries of /etc/hosts have no time to live; a second keeps the file's edits prompt.
        ttl = min(ttl, max(1, UInt64(clamping: unsafe current.pointee.ai_ttl)))
      }
      unsafe node = current.pointee.ai_next
    }
    return (addresses, ttl)
  }

  /// Reads a `sockaddr_in` or `sockaddr_in6`: family, port, then at 4 or 8 the address.
  private static func address(of raw: UnsafeMutableRawPointer?) -> SocketAddress? {
    guard let raw = unsafe raw else { return nil }
    switch Int32(unsafe raw.loadUnaligned(as: UInt16.self)) {
    case AF_INET:
      let address = unsafe raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
      return SocketAddress(ipv4: UInt32(bigEndian: address), port: 0)
    case AF_INET6:
      let high = unsafe raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      let low = unsafe raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
      return SocketAddress(
        ipv6High: UInt64(bigEndian: high), low: UInt64(bigEndian: low), port: 0)
    default: return nil
    }
  }

  private func finish(
    _ query: Query, _ status: Int32, _ addresses: [SocketAddress], ttl: UInt64
  ) {
    let failed = status != Self.success || addresses.isEmpty
    let failure = failed ? "\(query.host): \(Self.text(status))" : ""
    remember(
      query.host,
      Entry(
        addresses: failed ? [] : addresses, failure: failure,
        expiresAt: now + .seconds(failed ? 1 : ttl)))
    answer(query, failed ? [] : addresses, failure)
  }

  private func remember(_ host: String, _ entry: Entry) {
    if cache.count >= Self.cacheEntriesMax {
      cache = cache.filter { now < $0.value.expiresAt }
      if cache.count >= Self.cacheEntriesMax { cache.removeAll() }
    }
    cache[host] = entry
  }

  /// Tells all who wait; a late answer finds nobody.
  private func answer(_ query: Query, _ addresses: [SocketAddress], _ failure: String) {
    for waiter in query.waiters {
      answers.append(Resolution(tag: waiter, addresses: addresses, failure: failure))
    }
    query.waiters = []
    if queries[query.host] === query { queries[query.host] = nil }
    started.removeAll { $0 === query }
  }

  /// Deals with a readiness of one of c-ares's sockets.
  public func take(_ readiness: Readiness) -> Bool {
    guard readiness.tag & Self.tagBit != 0, readiness.tag != .max else { return false }
    let descriptor = Int32(truncatingIfNeeded: readiness.tag)
    let none: Int32 = -1
    unsafe ares_process_fd(
      channel, readiness.readable ? descriptor : none, readiness.writable ? descriptor : none)
    return true
  }

  /// The next answer.
  public func next() -> Resolution? { answers.isEmpty ? nil : answers.removeFirst() }

  /// Sends queries again that got no answer, and gives up those that waited too long.
  public func turn(now: Instant) -> Instant {
    self.now = now
    if started.isEmpty { return .distantFuture }
    unsafe ares_process_fd(channel, -1, -1)
    while let oldest = started.first, !(now < oldest.startedAt + Self.timeout) {
      answer(oldest, [], "\(oldest.host): no answer within 5 seconds")
    }
    if !answers.isEmpty { return now }
    guard let oldest = started.first else { return .distantFuture }
    return min(oldest.startedAt + Self.timeout, nextRetransmission())
  }

  private func nextRetransmission() -> Instant {
    var time = fanfare_ares_time()
    guard unsafe ares_timeout(channel, nil, &time) != nil else { return .distantFuture }
    return now
      + Nanoseconds(
        UInt64(max(0, time.seconds)) * 1_000_000_000
          + UInt64(max(0, time.microseconds)) * 1_000)
  }
}
