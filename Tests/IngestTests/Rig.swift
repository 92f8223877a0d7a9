import Base
import Flow
import Glibc
import Ingest
import Platform
import Routing
import Testing

/// Ingest over a real unix socket, with a clock that only turns move and a journal played by hand.
final class Rig {
  let directory: String
  let path: String
  let arena: BlockArena
  let window: LogWindow
  let sealed: Ring<BlockRef>
  let committed: Ring<BlockRef>
  let mailbox: Mailbox<IngestCommand>
  let counters = IngestCounters()
  let network = Network()
  let poller = Poller()
  let ingest: Ingest
  private let listener: Socket
  var now = Now(
    instant: Instant(nanoseconds: 1_000_000_000), unix: UnixMilliseconds(1_800_000_000_000))
  /// While set, sealed blocks are not committed.
  var journalHolds = false
  /// The sequence that the journal gives next.
  private var sequence: UInt64 = 0
  /// Sizes, in events, of the blocks committed so far.
  private(set) var blocks: [Int] = []
  private(set) var events: [Stored] = []
  private(set) var deadline = Instant.distantFuture

  /// What the journal saw of an event.
  struct Stored {
    var type: String
    var id: String
    var data: [UInt8]
    var header: EventHeader
    var position: Position
  }

  init(
    ordinary: Int = 8, large: Int = 2, reactors: Int = 0, remembered: [RememberedID] = [],
    isRouted: Bool = true, hooks: IngestHooks = IngestHooks(),
    _ change: (inout IngestConfiguration) -> Void = { _ in }
  ) throws {
    var template = Array("/tmp/fanfare-ingest-XXXXXX\0".utf8.map { CChar($0) })
    directory = unsafe String(cString: mkdtemp(&template))
    path = directory + "/s"
    arena = BlockArena(ordinary: ordinary, large: large)
    window = LogWindow(
      arena: arena, audiences: AudienceTable(), reactorCount: reactors, through: 0)
    sealed = Ring(capacity: 64)
    committed = Ring(capacity: 64)
    mailbox = Mailbox(owner: poller.wakeup)
    var configuration = IngestConfiguration()
    change(&configuration)
    listener = try SocketFile.listen(path: path, network: network)
    ingest = Ingest(
      configuration: configuration, window: window, network: network, poller: poller,
      listener: listener, sealed: sealed, committed: committed, mailbox: mailbox,
      remembered: remembered, random: SeededRandom(seed: 5), counters: counters, hooks: hooks)
    if isRouted { route(Self.snapshot) }
  }

  deinit {
    network.close(listener)
    _ = unsafe unlink(path)
    _ = unsafe rmdir(directory)
  }

  /// `default` with two endpoints on `job.*` and one on `*`; `other` with none.
  static let snapshot = RoutingSnapshot(
    applications: ["default": ApplicationNumber(1), "other": ApplicationNumber(2)],
    entries: [
      RoutingEntry(
        endpoint: EndpointNumber(1), applications: [ApplicationNumber(1)],
        types: [(try? TypePattern(parsing: "job.*")) ?? .all]),
      RoutingEntry(
        endpoint: EndpointNumber(2), applications: [ApplicationNumber(1)],
        types: [(try? TypePattern(parsing: "job.*")) ?? .all]),
      RoutingEntry(
        endpoint: EndpointNumber(3), applications: [ApplicationNumber(1)], channels: ["red"]),
    ])

  func route(_ snapshot: RoutingSnapshot) { mailbox.post(.route(snapshot, done: {})) }

  /// One turn of ingest and one of the journal, a quarter of a millisecond later than the last.
  func turn() {
    now.instant = now.instant + .microseconds(250)
    let ready = poller.wait(now: now.instant, until: now.instant)
    deadline = ingest.turn(now: now, ready: ready)
    if !journalHolds { commit() }
  }

  /// Moves time and takes a turn.
  func pass(seconds: UInt64) {
    now.instant = now.instant + .seconds(seconds)
    now.unix = UnixMilliseconds(now.unix.value + seconds * 1000)
    turn()
  }

  /// Turns until nothing is left to do.
  func settle() {
    var quiet = 0
    var turns = 0
    while quiet < 4 && turns < 5000 {
      turn()
      quiet = ingest.hasWork || sealed.count > 0 ? 0 : quiet + 1
      turns += 1
    }
  }

  /// Plays the journal for `limit` sealed blocks.
  func commit(_ limit: Int = .max) {
    var left = limit
    while left > 0, let ref = sealed.pop() {
      left -= 1
      sequence += 1
      let block = arena[ref]
      block.sequence = sequence
      for index in 0..<block.eventCount { record(block.event(index), index) }
      blocks.append(block.eventCount)
      window.publish(sequence: sequence, ref: ref)
      window.commit(through: sequence)
      #expect(committed.push(ref))
    }
  }

  private func record(_ event: EventView, _ index: Int) {
    events.append(
      unsafe Stored(
        type: String(decoding: event.type, as: UTF8.self),
        id: String(decoding: event.id, as: UTF8.self), data: Array(event.data),
        header: event.header, position: Position(sequence: sequence, index: index)))
  }

  /// Connects a client; accepted by the next turn.
  func client() throws -> Client { try Client(rig: self) }
}

/// A publisher on the rig's socket. It hangs up when it goes, in an optimised build after its last use:
/// a test that needs it to stay says `extendLifetime`.
final class Client {
  private let rig: Rig
  private(set) var descriptor: Int32
  /// The peer has closed.
  private(set) var isClosed = false

  init(rig: Rig) throws {
    self.rig = rig
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(rig.path.utf8)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    let result = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { hangUp() }

  func hangUp() {
    if descriptor >= 0 { _ = close(descriptor) }
    descriptor = -1
  }

  /// Says that nothing more will be sent, and goes on reading.
  func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  /// Sends all bytes, turning the rig while the socket is full; gives up after many turns.
  /// - Returns: bytes sent.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    var tries = 0
    while sent < bytes.count && tries < 200 {
      let count = unsafe bytes.withUnsafeBytes { bytes in
        unsafe Glibc.send(
          descriptor, bytes.baseAddress.map { unsafe $0 + sent }, bytes.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
        tries = 0
      } else {
        rig.turn()
        tries += 1
      }
    }
    return sent
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// What has come, without a turn.
  func receive() -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
      if count == 0 { isClosed = true }
      if count < 0 && errno != EAGAIN { isClosed = true }
      if count <= 0 { return all }
      all += chunk[0..<count]
    }
  }

  /// What has come, as text.
  func text() -> String { String(decoding: receive(), as: UTF8.self) }

  /// Sends, lets everything settle, and gives the answers.
  func ask(_ bytes: [UInt8]) -> String {
    send(bytes)
    rig.settle()
    return text()
  }

  func ask(_ words: String...) -> String { ask(Self.frame(words)) }

  /// A command as clients send it.
  static func frame(_ words: [String]) -> [UInt8] { frame(words.map { Array($0.utf8) }) }

  static func frame(_ words: [[UInt8]]) -> [UInt8] {
    words.reduce(Array("*\(words.count)\r\n".utf8)) { frame, word in
      frame + Array("$\(word.count)\r\n".utf8) + word + [13, 10]
    }
  }
}
