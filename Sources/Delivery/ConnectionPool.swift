internal import Base
internal import Flow
internal import Platform
internal import TLS

/// What connections may be shared for: the same peer under the same trust.
struct OriginKey: Hashable {
  var host: String
  var port: UInt16
  var usesTLS: Bool
  var caPEM: String?
}

/// One peer: its idle connections, last used first, and the lanes that wait for one.
struct Origin: ~Copyable {
  let key: OriginKey
  /// For TLS; `nil` when the setting is unusable, and `problem` says why.
  let tls: TLSContext?
  let problem: String
  /// The host, if it is an address and no name.
  let literal: SocketAddress?
  /// Lanes configured for it.
  var lanes = 0
  /// Connections to it, idle ones included.
  var open = 0
  var idle = noSlot
  var waitingFirst = noSlot
  var waitingLast = noSlot
  /// Connections that wait for the name; one question is asked for all.
  var resolving = noSlot
}

/// A reactor's connections by origin: bounded in all and for each origin, kept for reuse.
struct ConnectionPool: ~Copyable {
  var connections: Slab<Connection>
  var origins = Slab<Origin>(capacity: Int(UInt32.max - 1))
  private var keys: [OriginKey: SlotID] = [:]
  private var contexts: [String: TLSContext] = [:]
  // All idle connections, the one unused longest first.
  private(set) var idleFirst = noSlot
  private var idleLast = noSlot
  private(set) var idleCount = 0

  /// Connections at once; may be lowered below what there are.
  var connectionsMax: Int

  init(connectionsMax: Int) {
    self.connectionsMax = connectionsMax
    connections = Slab(capacity: Int(UInt32.max - 1))
  }

  /// Whether another connection would exceed the bound over all.
  var isFull: Bool { connections.count >= connectionsMax }

  // MARK: Origins

  /// The origin of a configuration, counted as used by one more lane.
  mutating func attach(_ config: EndpointConfig) -> SlotID {
    let key = OriginKey(
      host: config.host, port: config.port, usesTLS: config.usesTLS,
      caPEM: config.usesTLS ? config.caPEM : nil)
    let id = keys[key] ?? make(key)
    origins.find(id)?.it.lanes += 1
    return id
  }

  private mutating func make(_ key: OriginKey) -> SlotID {
    var context: TLSContext?
    var problem = ""
    if key.usesTLS {
      do throws(TLSError) { context = try self.context(key.caPEM) } catch {
        problem = error.description
      }
    }
    let origin = Origin(
      key: key, tls: context, problem: problem,
      literal: SocketAddress(literal: key.host, port: key.port))
    guard let id = origins.insert(origin) else { invariantBroken("origins have run out") }
    keys[key] = id
    return id
  }

  private mutating func context(_ caPEM: String?) throws(TLSError) -> TLSContext {
    if let known = contexts[caPEM ?? ""] { return known }
    let made = try TLSContext(TLSSettings(roots: caPEM.map { .pem($0) } ?? .system))
    contexts[caPEM ?? ""] = made
    return made
  }

  /// A lane no longer uses the origin.
  mutating func detach(_ id: SlotID) {
    guard let origin = origins.find(id) else { return }
    origin.it.lanes -= 1
    forgetIfUnused(origin)
  }

  private mutating func forgetIfUnused(_ origin: OriginRef) {
    guard origin.it.lanes == 0, origin.it.open == 0, origin.it.waitingFirst == noSlot else {
      return
    }
    keys[origin.it.key] = nil
    _ = origins.remove(origin.id)
  }

  // MARK: Connections

  /// A new connection to the origin; the caller has checked the bounds.
  mutating func open(_ origin: OriginRef) -> ConnectionRef? {
    guard let id = connections.insert(Connection(origin: origin.id)) else { return nil }
    origin.it.open += 1
    return connections.find(id)
  }

  /// Takes a connection out; the caller closes its socket.
  mutating func remove(_ connection: ConnectionRef) -> Connection {
    if connection.it.phase == .idle { unlinkIdle(connection) }
    let taken = connections.remove(connection.id)
    if let origin = origins.find(taken.origin) {
      origin.it.open -= 1
      forgetIfUnused(origin)
    }
    return taken
  }

  /// Keeps a connection for the next attempt.
  mutating func park(_ connection: ConnectionRef, now: Instant) {
    guard let origin = origins.find(connection.it.origin) else { return }
    connection.it.phase = .idle
    connection.it.idleSince = now
    connection.it.previous = noSlot
    connection.it.next = origin.it.idle
    connections.find(slot: origin.it.idle)?.it.previous = connection.slot
    origin.it.idle = connection.slot
    connection.it.idlePrevious = idleLast
    connection.it.idleNext = noSlot
    if let last = connections.find(slot: idleLast) {
      last.it.idleNext = connection.slot
    } else {
      idleFirst = connection.slot
    }
    idleLast = connection.slot
    idleCount += 1
  }

  /// The origin's idle connection that was used last, taken out of the idle ones.
  mutating func takeIdle(_ origin: OriginRef) -> ConnectionRef? {
    guard let connection = connections.find(slot: origin.it.idle) else { return nil }
    unlinkIdle(connection)
    connection.it.phase = .busy
    return connection
  }

  /// The idle connection that was used longest ago.
  var oldestIdle: ConnectionRef? { connections.find(slot: idleFirst) }

  private mutating func unlinkIdle(_ connection: ConnectionRef) {
    let (next, previous) = (connection.it.next, connection.it.previous)
    connections.find(slot: next)?.it.previous = previous
    if let before = connections.find(slot: previous) {
      before.it.next = next
    } else {
      origins.find(connection.it.origin)?.it.idle = next
    }
    let (idleNext, idlePrevious) = (connection.it.idleNext, connection.it.idlePrevious)
    if let after = connections.find(slot: idleNext) {
      after.it.idlePrevious = idlePrevious
    } else {
      idleLast = idlePrevious
    }
    if let before = connections.find(slot: idlePrevious) {
      before.it.idleNext = idleNext
    } else {
      idleFirst = idleNext
    }
    idleCount -= 1
  }

  // MARK: Lanes that wait for their origin

  /// Queues a lane until the origin has a connection to spare.
  func wait(_ lane: LaneRef, lanes: borrowing Slab<Lane>) {
    guard !lane.it.isWaitingForHost, let origin = origins.find(lane.it.origin) else { return }
    lane.it.isWaitingForHost = true
    lane.it.hostNext = noSlot
    if let last = lanes.find(slot: origin.it.waitingLast) {
      last.it.hostNext = lane.slot
    } else {
      origin.it.waitingFirst = lane.slot
    }
    origin.it.waitingLast = lane.slot
  }

  /// The lane that has waited longest, taken off the queue.
  func nextWaiting(_ origin: OriginRef, lanes: borrowing Slab<Lane>) -> LaneRef? {
    guard let lane = lanes.find(slot: origin.it.waitingFirst) else { return nil }
    origin.it.waitingFirst = lane.it.hostNext
    if origin.it.waitingFirst == noSlot { origin.it.waitingLast = noSlot }
    lane.it.isWaitingForHost = false
    return lane
  }
}
