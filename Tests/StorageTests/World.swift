import Base
import Flow
import Glibc
import Platform
import Storage
import Synchronization

/// A directory that goes away with its owner.
final class TemporaryDirectory {
  let path: String
  init() {
    var template = Array("/tmp/fanfare-storage-XXXXXX".utf8CString)
    path = unsafe template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = unsafe mkdtemp(base) else { return "" }
      return unsafe String(cString: made)
    }
  }
  deinit { Self.remove(path) }

  static func remove(_ path: String) {
    if let names = try? RealDisk().list(path) {
      for name in names { remove(path + "/" + name) }
      _ = unsafe rmdir(path)
    } else {
      _ = unsafe unlink(path)
    }
  }
}

/// Syncs at once, or when told to.
final class TestSync: SyncQueue, @unchecked Sendable {
  var isHeld = false
  var failureCode: Int32 = 0
  private(set) var submissions = 0
  private var requests: [(FileHandle, UInt64)] = []
  private let disk: any Disk

  init(disk: any Disk) { self.disk = disk }

  func submit(_ file: FileHandle, token: UInt64) -> Bool {
    submissions += 1
    requests.append((file, token))
    return true
  }

  /// Whether it syncs on its submitter's thread when asked to.
  var worksHere = false
  private(set) var syncsHere = 0

  func syncNow(_ file: FileHandle) -> (code: Int32, time: Nanoseconds)? {
    guard worksHere, requests.isEmpty else { return nil }
    syncsHere += 1
    return (failureCode, .microseconds(100))
  }

  var hasCompletion: Bool { !isHeld && !requests.isEmpty }

  func completion() -> SyncCompletion? {
    if isHeld || requests.isEmpty { return nil }
    let (file, token) = requests.removeFirst()
    do throws(SystemError) { try disk.syncData(file) } catch {
      return SyncCompletion(token: token, code: error.code)
    }
    return SyncCompletion(token: token, code: failureCode)
  }
}

/// A journal with everything around it, and a clock that a test moves.
final class World {
  let configuration: JournalConfiguration
  let recovered: RecoveredLog
  let keeper: SegmentKeeper
  let window: LogWindow
  let journal: Journal
  let counters: JournalCounters
  let sync: TestSync
  let disk: any Disk
  let sealed = Ring<BlockRef>(capacity: 64)
  let committed = Ring<BlockRef>(capacity: 64)
  let outcomes: [Ring<Outcome>]
  let settled = Mailbox<Outcome>(owner: Wakeup())
  var now: Now
  /// Sequences in the order in which they were committed.
  var committedSequences: [UInt64] = []
  /// What reactors answer when a checkpoint wants their images.
  var images: (World) -> [ReactorImage] = { world in
    (0..<world.outcomes.count).map {
      ReactorImage(reactor: $0, walkedThrough: world.window.committedThrough, lanes: [])
    }
  }
  var remembered: [RememberedID] = []
  private var made: UInt64 = 0

  static let segmentBytes = 2 << 20

  init(
    _ directory: String, reactors: Int = 1, durability: Durability = .fsync,
    start: UInt64 = 1_000, bytesMax: UInt64 = 1 << 40, retentionSeconds: UInt64 = 3600,
    spoolBytesMax: UInt64 = .max, reserveBytes: Int = 0, disk: any Disk = RealDisk(),
    kept: (any KeptEvents)? = nil
  ) throws {
    self.disk = disk
    sync = TestSync(disk: disk)
    now = Now(
      instant: Instant(nanoseconds: start * 1_000_000),
      unix: UnixMilliseconds(1_700_000_000_000 + start))
    configuration = JournalConfiguration(
      directory: directory, durability: durability, segmentBytes: Self.segmentBytes,
      retentionSeconds: retentionSeconds, bytesMax: bytesMax, spoolBytesMax: spoolBytesMax,
      reserveBytes: reserveBytes)
    recovered = try Recovery.open(
      directory: directory, disk: disk, now: now, segmentBytes: Self.segmentBytes)
    keeper = SegmentKeeper(
      configuration: configuration, recovered: recovered, disk: disk, wakeup: Wakeup(),
      journalWakeup: Wakeup(), kept: kept)
    window = LogWindow(
      arena: BlockArena(ordinary: 16, large: 2), audiences: recovered.audiences,
      reactorCount: reactors, through: recovered.walkedThrough)
    counters = JournalCounters(recovered.counters)
    outcomes = (0..<reactors).map { _ in Ring<Outcome>(capacity: 1 << 12) }
    journal = Journal(
      configuration: configuration, recovered: recovered, disk: disk, sync: sync, keeper: keeper,
      window: window, sealed: sealed, committed: committed, outcomes: outcomes,
      settledSink: settled, counters: counters)
  }

  /// Whether ingest may seal.
  var isFree: Bool { window.journalIsFree.load(ordering: .acquiring) }

  func advance(microseconds: UInt64) {
    now.instant = now.instant + .microseconds(microseconds)
    now.unix = UnixMilliseconds(1_700_000_000_000 + now.instant.nanoseconds / 1_000_000)
  }

  /// One turn of every stage.
  @discardableResult
  func turn() -> Instant {
    let deadline = journal.turn(now: now)
    while let ref = committed.pop() {
      committedSequences.append(window.arena[ref].sequence)
      for reactor in 0..<outcomes.count {
        window.setWalked(reactor: reactor, through: window.committedThrough)
      }
      _ = window.arena.evict(ref)
    }
    if journal.wantsImages {
      for image in images(self) { journal.supply(image) }
    }
    if journal.wantsRemembered { journal.supply(remembered: remembered) }
    _ = keeper.turn(now: now)
    return deadline
  }

  /// Turns until nothing is left to do for `milliseconds`.
  func settle(milliseconds: UInt64 = 20) {
    for _ in 0..<(milliseconds * 4) {
      turn()
      advance(microseconds: 250)
    }
  }

  func finish() {
    journal.finish()
    for _ in 0..<2000 where !journal.isFinished {
      turn()
      advance(microseconds: 500)
    }
  }

  /// A block with one event for each audience given, sealed.
  @discardableResult
  func seal(
    _ audiences: [AudienceNumber], bytes: Int = 100, id: String = "id", random: Bool = false,
    flags: UInt8 = 0
  ) -> BlockRef? {
    let isLarge = bytes > BlockLimits.payloadBytes
    guard let ref = window.arena.take(large: isLarge) else { return nil }
    let block = window.arena[ref]
    for (index, audience) in audiences.enumerated() {
      append(
        block, audience: audience, id: "\(id)\(index)", flags: flags,
        data: makeData(bytes, random: random))
    }
    return sealed.push(ref) ? ref : nil
  }

  private func makeData(_ count: Int, random: Bool) -> [UInt8] {
    if !random { return [UInt8](repeating: 120, count: count) }
    made += 1
    var generator = SeededRandom(seed: made)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  private func append(
    _ block: Block, audience: AudienceNumber, id: String, flags: UInt8, data: [UInt8]
  ) {
    let bytes = Array("job.done".utf8) + Array(id.utf8) + data
    let place = unsafe block.nextPayload(bytes.count)
    unsafe place.copyBytes(from: bytes)
    let idHash = unsafe Array(id.utf8).withUnsafeBytes { unsafe Hash64.of($0) }
    let header = EventHeader(
      time: now.unix, idHash: idHash, typeHash: 1, contentHash: 7, payloadOffset: 0,
      dataLength: UInt32(data.count), extrasLength: 0, audience: audience,
      application: ApplicationNumber(1), typeLength: 8, idLength: UInt8(id.utf8.count),
      kind: .text, flags: flags)
    block.append(header)
  }

  func audience(_ endpoints: UInt32...) -> AudienceNumber {
    window.audiences.append(endpoints.map { EndpointNumber($0) }) ?? .empty
  }

  func push(
    _ kind: OutcomeKind, _ endpoint: UInt32, _ position: Position, attempt: UInt16 = 1,
    due: UInt64 = 0
  ) {
    let ring = outcomes[Int(endpoint) % outcomes.count]
    let outcome = Outcome(
      position: position, endpoint: EndpointNumber(endpoint), kind: kind, attempt: attempt,
      due: UnixMilliseconds(due))
    require(ring.push(outcome), "a test pushed too many outcomes")
  }
}

extension World {
  /// Flips a bit of the block with this sequence, at an offset in it; a negative one counts from
  /// its end.
  /// - Returns: where the block stands.
  @discardableResult
  func strike(block sequence: UInt64, at offset: Int) throws -> (path: String, offset: UInt64) {
    guard let place = recovered.index.find(atOrAfter: sequence), place.sequence == sequence else {
      throw SystemError(code: ENOENT, operation: "find block \(sequence)")
    }
    let path = DirectoryLayout(root: configuration.directory).segment(place.segment)
    try Bytes.flip(path, at: Int(place.offset) + (offset < 0 ? place.length : 0) + offset)
    return (path, place.offset)
  }
}

/// Whole files as arrays.
enum Bytes {
  static func read(_ path: String) throws -> [UInt8] {
    let disk = RealDisk()
    let file = try disk.open(path, .read)
    defer { disk.close(file) }
    var bytes = [UInt8](repeating: 0, count: Int(try disk.size(file)))
    _ = try unsafe bytes.withUnsafeMutableBytes { (buffer) throws in
      try unsafe disk.readAll(file, into: buffer, at: 0)
    }
    return bytes
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    let disk = RealDisk()
    try? disk.remove(path)
    let file = try disk.open(path, .create)
    defer { disk.close(file) }
    try unsafe bytes.withUnsafeBytes { (buffer) throws in
      try unsafe disk.writeAll(file, buffer, at: 0)
    }
  }

  /// Flips the lowest bit of one byte.
  static func flip(_ path: String, at offset: Int) throws {
    var bytes = try read(path)
    bytes[offset] ^= 1
    try write(bytes, to: path)
  }

  static func names(_ path: String) -> [String] { (try? RealDisk().list(path)) ?? [] }
}
