internal import Base
internal import Platform
internal import Routing
internal import Wire

/// What a connection cannot go on before; while any is set it is not read.
struct Blockage: OptionSet, BitwiseCopyable {
  var rawValue: UInt8
  /// Too many answers wait for their commit.
  static let replies = Blockage(rawValue: 1)
  /// It does not read its answers.
  static let output = Blockage(rawValue: 2)
  /// No room in memory for its next event.
  static let room = Blockage(rawValue: 4)
  /// A hook owes it an answer.
  static let parked = Blockage(rawValue: 8)
  /// It is to be closed once its answers are sent.
  static let closing = Blockage(rawValue: 16)
}

/// The publishes between `MULTI` and `EXEC`.
struct Batch: ~Copyable {
  /// The commands as they came.
  var frames = ByteBuffer(capacity: 16)
  var commands = 0
  var isOpen = false
  /// Some command was refused; `EXEC` will be.
  var isBroken = false

  mutating func close() {
    frames.removeAll()
    frames.shrink(above: 4096)
    commands = 0
    isOpen = false
    isBroken = false
  }
}

/// The patterns of a tail; only connections that tail have one.
final class Subscription {
  var channels: [TypePattern] = []
  var patterns: [TypePattern] = []
  var count: Int { channels.count + patterns.count }
}

/// One publisher's connection.
struct Connection: ~Copyable {
  let socket: Socket
  /// What `CLIENT ID` tells.
  let number: UInt64
  var parser: RESPParser
  var writer = RESPWriter()
  /// Bytes read and not yet consumed.
  var input = ByteBuffer(capacity: 16)
  /// Answers in order; the ledger says how many bytes may go.
  var output = ByteBuffer(capacity: 16)
  var ledger = ReplyLedger()
  var batch = Batch()
  var subscription: Subscription?
  var name: [UInt8] = []
  var blockage: Blockage = []
  /// epoll said that there is something to read, and no read has found nothing since.
  var isReadable = true
  /// The peer has closed or half-closed: read until the end of the stream.
  var isHungUp = false
  var hasEnded = false
  /// In the list of connections that have something to do.
  var isQueued = false
  /// The input holds bytes that have not been parsed since they came or a blockage went.
  var hasUnparsed = false
  /// Bytes of its buffers as last counted.
  var bufferBytes = 0
  /// When the command began whose rest is still missing, or the closing did; `nil` for neither.
  var partialSince: Instant?
  var hasTimer = false
  let openedAt: Instant
  /// Neighbours in the order of last activity.
  var older = SlotID.none
  var newer = SlotID.none

  init(socket: Socket, number: UInt64, configuration: IngestConfiguration, now: Instant) {
    self.socket = socket
    self.number = number
    openedAt = now
    parser = RESPParser(
      payloadMax: configuration.dataBytesMax, commandBytesMax: configuration.commandBytesMax)
  }

  /// Nothing owed in either direction: it may be closed for a newer one.
  var isIdle: Bool {
    ledger.isEmpty && output.isEmpty && input.isEmpty && parser.isIdle && subscription == nil
      && blockage.isEmpty && !batch.isOpen
  }
}

/// A live connection in its slab.
///
/// `@safe`: made by `Sessions` from a live name, and used within one turn before it is removed.
@safe
struct Session: BitwiseCopyable {
  let id: SlotID
  private let pointer: UnsafeMutablePointer<Connection>

  init(id: SlotID, pointer: UnsafeMutablePointer<Connection>) {
    self.id = id
    unsafe self.pointer = pointer
  }

  /// The connection, in place.
  var connection: Connection {
    unsafeAddress { unsafe UnsafePointer(pointer) }
    nonmutating unsafeMutableAddress { unsafe pointer }
  }
}

/// All connections, with their order of activity.
struct Sessions: ~Copyable {
  private var slab: Slab<Connection>
  private var oldest = SlotID.none
  private var newest = SlotID.none
  private var numberNext: UInt64 = 1

  init(capacity: Int) { slab = Slab(capacity: capacity) }

  var count: Int { slab.count }
  var isFull: Bool { slab.count == slab.capacity }
  /// One past the highest slot in use: for walks.
  var slotEnd: UInt32 { slab.slotEnd }

  /// The connection with this name, unless it is closed.
  subscript(id: SlotID) -> Session? {
    guard let pointer = unsafe slab.pointer(id) else { return nil }
    return unsafe Session(id: id, pointer: pointer)
  }

  /// The connection in a slot, if there is one.
  func session(inSlot slot: UInt32) -> Session? {
    guard let id = slab.id(ofSlot: slot) else { return nil }
    return self[id]
  }

  mutating func insert(
    _ socket: Socket, _ configuration: IngestConfiguration, now: Instant
  ) -> Session? {
    let connection = Connection(
      socket: socket, number: numberNext, configuration: configuration, now: now)
    guard let id = slab.insert(connection), let session = self[id] else { return nil }
    numberNext += 1
    linkNewest(session)
    return session
  }

  mutating func remove(_ session: Session) {
    unlink(session)
    _ = slab.remove(session.id)
  }

  /// Makes it the most recently active one.
  mutating func touch(_ session: Session) {
    if newest == session.id { return }
    unlink(session)
    linkNewest(session)
  }

  /// The longest inactive connection that owes nothing and is owed nothing; looks at 64 at most.
  var oldestIdle: Session? {
    var id = oldest
    for _ in 0..<64 {
      guard let session = self[id] else { return nil }
      if session.connection.isIdle { return session }
      id = session.connection.newer
    }
    return nil
  }

  private mutating func linkNewest(_ session: Session) {
    session.connection.older = newest
    session.connection.newer = .none
    if let before = self[newest] {
      before.connection.newer = session.id
    } else {
      oldest = session.id
    }
    newest = session.id
  }

  private mutating func unlink(_ session: Session) {
    let older = session.connection.older
    let newer = session.connection.newer
    if let before = self[older] { before.connection.newer = newer } else { oldest = newer }
    if let after = self[newer] { after.connection.older = older } else { newest = older }
  }
}
