import COpenSSL

/// TLS sessions to resume, a few for each host and port: a resumed handshake spares both sides the
/// certificate. Bounded in hosts and in sessions a host; belongs to the thread of its context.
///
/// A TLS 1.3 ticket is good for one connection, so that nobody can link two of them: taking removes
/// it, and the new connection brings the next. A TLS 1.2 session stays until it is too old.
@safe
package final class SessionCache {
  /// A host's place in the cache, as it travels through OpenSSL with a connection. The generation
  /// keeps a late ticket of an evicted host out of its successor's place.
  package struct Place: Equatable {
    fileprivate let slot: UInt32
    fileprivate let generation: UInt32

    fileprivate init(slot: Int, generation: UInt32) {
      self.slot = UInt32(slot)
      self.generation = generation
    }

    /// As a pointer that points nowhere; never nil.
    package var bits: UnsafeMutableRawPointer? {
      unsafe UnsafeMutableRawPointer(bitPattern: UInt(slot + 1) | UInt(generation) << 32)
    }

    package init?(bits: UnsafeMutableRawPointer?) {
      let word = UInt(bitPattern: bits)
      guard word != 0 else { return nil }
      slot = UInt32(truncatingIfNeeded: word) - 1
      generation = UInt32(truncatingIfNeeded: word >> 32)
    }
  }

  private struct Host: Hashable {
    let name: String
    let port: UInt16
  }

  /// Owns one reference of each session in it.
  @safe
  private struct Slot {
    var host: Host
    var generation: UInt32 = 0
    /// Set at each use and cleared by the sweep, which evicts who was not used since.
    var isRecent = true
    var count = 0
    var sessions: [4 of OpaquePointer?] = unsafe .init(repeating: nil)
  }

  /// Sessions kept for one host and port.
  package static let sessionsPerHostMax = 4
  /// After an hour a full handshake looks at the certificate again, which may have been replaced
  /// or revoked.
  package static let ageSecondsMax: Int64 = 3_600

  private let hostsMax: Int
  private var slots: [Slot] = []
  private var places: [Host: Int] = [:]
  private var sweep = 0

  package init(hostsMax: Int) {
    self.hostsMax = max(1, hostsMax)
  }

  deinit {
    for index in slots.indices { empty(index) }
  }

  /// The place of a host, which may be an evicted one's.
  package func place(host: String, port: UInt16) -> Place {
    let key = Host(name: host, port: port)
    let slot = places[key] ?? assign(key)
    slots[slot].isRecent = true
    return Place(slot: slot, generation: slots[slot].generation)
  }

  /// A session that may be offered now.
  ///
  /// - Parameter now: unix seconds.
  /// - Returns: `nil` when there is none; else the caller owns one reference.
  package func take(_ place: Place, now: Int64) -> OpaquePointer? {
    guard let index = index(of: place) else { return nil }
    while slots[index].count > 0 {
      let last = slots[index].count - 1
      guard let session = unsafe slots[index].sessions[last] else { break }
      if unsafe isUsable(session, now: now), unsafe !isSingleUse(session) {
        unsafe SSL_SESSION_up_ref(session)
        return unsafe session
      }
      unsafe slots[index].sessions[last] = nil
      slots[index].count = last
      if unsafe isUsable(session, now: now) { return unsafe session }
      unsafe SSL_SESSION_free(session)
    }
    return nil
  }

  /// Keeps a session for the next connection; the oldest gives way.
  ///
  /// - Returns: `false` when the place is no longer that host's: the reference stays the caller's.
  package func keep(_ session: OpaquePointer, at place: Place) -> Bool {
    guard let index = index(of: place) else { return false }
    if unsafe !isSingleUse(session) { empty(index) }
    if slots[index].count == Self.sessionsPerHostMax { dropOldest(index) }
    unsafe slots[index].sessions[slots[index].count] = session
    slots[index].count += 1
    return true
  }

  /// Drops a host's sessions: one of them did not work.
  package func forget(_ place: Place) {
    if let index = index(of: place) { empty(index) }
  }

  /// Sessions kept for a place at the moment.
  package func count(at place: Place) -> Int { index(of: place).map { slots[$0].count } ?? 0 }

  private func index(of place: Place) -> Int? {
    let slot = Int(place.slot)
    guard slot < slots.count, slots[slot].generation == place.generation else { return nil }
    return slot
  }

  private func assign(_ host: Host) -> Int {
    if slots.count < hostsMax {
      unsafe slots.append(Slot(host: host))
      places[host] = slots.count - 1
      return slots.count - 1
    }
    while slots[sweep].isRecent {
      slots[sweep].isRecent = false
      sweep = (sweep + 1) % slots.count
    }
    let slot = sweep
    sweep = (sweep + 1) % slots.count
    empty(slot)
    places[slots[slot].host] = nil
    slots[slot].host = host
    slots[slot].generation &+= 1
    places[host] = slot
    return slot
  }

  private func empty(_ index: Int) {
    for at in 0..<slots[index].count {
      unsafe SSL_SESSION_free(slots[index].sessions[at])
      unsafe slots[index].sessions[at] = nil
    }
    slots[index].count = 0
  }

  private func dropOldest(_ index: Int) {
    unsafe SSL_SESSION_free(slots[index].sessions[0])
    for at in 1..<Self.sessionsPerHostMax {
      unsafe slots[index].sessions[at - 1] = slots[index].sessions[at]
    }
    slots[index].count -= 1
  }

  /// OpenSSL does not look at the certificate of a session that it resumes; this does.
  private func isUsable(_ session: OpaquePointer, now: Int64) -> Bool {
    let age = unsafe now - Int64(SSL_SESSION_get_time(session))
    guard unsafe SSL_SESSION_is_resumable(session) == 1, (0...Self.ageSecondsMax).contains(age)
    else { return false }
    guard let certificate = unsafe SSL_SESSION_get0_peer(session) else { return false }
    return unsafe PeerCertificate.expiry(of: certificate) > now
  }

  private func isSingleUse(_ session: OpaquePointer) -> Bool {
    unsafe SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION
  }
}
