public import Base
public import Flow
public import Platform

/// Loads old blocks for the reactors: one thread that may wait for the disk, so that no reactor
/// does.
///
/// Requests of all reactors are served lowest sequence first, like an elevator. Each reactor has a
/// fixed set of blocks; a reply lends one, and the reactor gives it back by pushing the reply into
/// `returns`. Without a free block its requests wait.
public final class Reader {
  /// Large blocks, for a single big event or a batch, beside the ordinary ones.
  private static let largeBlocks = 2
  /// How long a deleted segment's space may stay taken because the Reader has it open.
  private static let filesCheckInterval = Nanoseconds.seconds(2)
  /// Without a read for so long every file is closed, so that nothing is left to look after.
  private static let filesKept = Nanoseconds.seconds(4)

  /// After a read that the disk refused.
  private static let retryDelay = Nanoseconds.seconds(1)

  private struct Waiting: BitwiseCopyable {
    var reactor: Int
    var sequence: UInt64
    var notBefore = Instant(nanoseconds: 0)
  }

  private enum Served {
    case answered
    /// Until a lent block comes back.
    case waits
    /// Until the disk reads again.
    case refused
  }
  private struct Shelf {
    var ordinary: [Block]
    var large: [Block]
  }

  private let index: SegmentIndex
  private let layout: DirectoryLayout
  private let loader: BlockLoader
  private let requests: [Ring<LoadRequest>]
  private let replies: [Ring<LoadReply>]
  private let returns: [Ring<LoadReply>]
  private let wakeups: [Wakeup]
  /// Blocks that nobody has, by reactor.
  private var shelves: [Shelf]
  /// All of them, lent ones too.
  private let blocks: [Block]
  private var waiting: [Waiting] = []
  private var usedAt = Instant(nanoseconds: 0)
  /// Blocks loaded, and blocks that could not be.
  public let loads = Counter()
  public let damaged = Counter()
  /// Each damaged block once, as `StorageError.damaged`: for the log.
  public let damage = TroubleList()
  /// Reads that the disk refused; each is tried again, and its lanes wait meanwhile.
  public let refused = Counter()
  /// What it said, with the path: once until it reads again.
  public let refusals = TroubleList()
  private var isRefused = false
  /// Spool blocks unpacked; one serves several loads.
  public let spoolBlocksRead = Counter()

  /// A reader with its blocks; the arrays are by reactor.
  /// - Parameter blocks: ordinary blocks a reactor.
  public init(
    index: SegmentIndex, directory: String, disk: any Disk, requests: [Ring<LoadRequest>],
    replies: [Ring<LoadReply>], returns: [Ring<LoadReply>], reactorWakeups: [Wakeup],
    blocks: Int = 8
  ) {
    self.index = index
    layout = DirectoryLayout(root: directory)
    loader = BlockLoader(layout: layout, disk: disk, index: index)
    self.requests = requests
    self.replies = replies
    self.returns = returns
    wakeups = reactorWakeups
    shelves = requests.map { _ in
      Shelf(
        ordinary: (0..<blocks).map { _ in
          Block.allocate(events: BlockLimits.events, payload: BlockLimits.payloadBytes)
        },
        large: (0..<Self.largeBlocks).map { _ in Block.allocate() })
    }
    self.blocks = shelves.flatMap { $0.ordinary + $0.large }
  }

  /// Whoever was lent a block must not look at it any more.
  deinit { for block in blocks { block.deallocate() } }

  /// Memory that the blocks take, bytes.
  public static func memoryBytes(reactors: Int, blocks: Int = 8) -> Int {
    let ordinary = Block.memoryBytes(
      events: BlockLimits.events, payload: BlockLimits.payloadBytes)
    let large = Block.memoryBytes(
      events: BlockLimits.largeEvents, payload: BlockLimits.largePayloadBytes)
    return reactors * (blocks * ordinary + largeBlocks * large)
  }

  /// Whether a request or a returned block waits in a ring.
  public var hasWork: Bool {
    for reactor in 0..<requests.count
    where requests[reactor].count > 0 || returns[reactor].count > 0 {
      return true
    }
    return false
  }

  /// Takes back blocks and serves what can be served; waits for the disk meanwhile.
  /// - Returns: when to call again at the latest: to try a refused read, or to let go of files that
  ///   were deleted.
  /// > Runs on: the reader's thread.
  public func turn(now: Now) -> Instant {
    takeBack()
    takeRequests()
    if !waiting.isEmpty { usedAt = now.instant }
    var next = Instant.distantFuture
    var index = 0
    while index < waiting.count {
      if waiting[index].notBefore <= now.instant {
        switch serve(waiting[index]) {
        case .answered:
          waiting.remove(at: index)
          continue
        case .waits: break
        case .refused:
          refused.add()
          waiting[index].notBefore = now.instant + Self.retryDelay
        }
      }
      if waiting[index].notBefore > now.instant { next = min(next, waiting[index].notBefore) }
      index += 1
    }
    if now.instant >= usedAt + Self.filesKept { loader.closeAll() } else { loader.closeFreed() }
    spoolBlocksRead.set(loader.spoolBlocksRead)
    return loader.hasFiles ? min(next, now.instant + Self.filesCheckInterval) : next
  }

  private func takeBack() {
    for reactor in 0..<returns.count {
      while let reply = returns[reactor].pop() {
        guard let block = reply.block else { continue }
        if block.payloadCapacity > BlockLimits.payloadBytes {
          shelves[reactor].large.append(block)
        } else {
          shelves[reactor].ordinary.append(block)
        }
      }
    }
  }

  private func takeRequests() {
    var came = false
    for reactor in 0..<requests.count {
      while let request = requests[reactor].pop() {
        waiting.append(Waiting(reactor: reactor, sequence: request.sequence))
        came = true
      }
    }
    if came { waiting.sort { ($0.sequence, $0.reactor) < ($1.sequence, $1.reactor) } }
  }

  private func serve(_ request: Waiting) -> Served {
    var reply = LoadReply(
      requested: request.sequence, sequence: 0, block: nil, damaged: false)
    while let place = index.find(atOrAfter: request.sequence) {
      reply.sequence = place.sequence
      do throws(BlockLoader.Failure) { try loader.read(place) } catch {
        switch error {
        // Freed between look-up and read: the next look-up finds what follows.
        case .gone: continue
        case .unavailable(let error):
          refusals.note(.system(path: layout.file(of: place), error))
          isRefused = true
          return .refused
        case .damaged(let reason):
          let headers = loader.hasSection ? loader.block(atOrAfter: request.sequence) : nil
          return lend(request.reactor, reply, headers, from: place, damage: reason)
        }
      }
      guard let found = loader.block(atOrAfter: request.sequence) else { break }
      reply.sequence = found.sequence
      return lend(request.reactor, reply, found, from: place)
    }
    reply.sequence = 0
    return answer(request.reactor, reply)
  }

  private func note(damageOf place: BlockPlace, _ reason: String) {
    damaged.add()
    damage.note(
      .damaged(path: layout.file(of: place), offset: place.offset, reason: reason))
  }

  /// Lends the block, or of a damaged one at least the headers where they are good.
  /// - Parameter found: the block of the log; `nil` when not even its headers could be read.
  private func lend(
    _ reactor: Int, _ lent: LoadReply, _ found: BlockLoader.Found?, from place: BlockPlace,
    damage: String? = nil
  ) -> Served {
    var reply = lent
    var damage = damage
    if let found {
      let isLarge = found.plainLength > BlockLimits.payloadBytes
        || found.eventCount > BlockLimits.events
      guard let block = isLarge ? shelves[reactor].large.last : shelves[reactor].ordinary.last
      else { return .waits }
      if damage == nil, !loader.unpack(found.sequence, into: block) {
        damage = "the payload does not unpack to what was stored"
      }
      if damage == nil || loader.unpackHeaders(into: block) {
        if isLarge {
          shelves[reactor].large.removeLast()
        } else {
          shelves[reactor].ordinary.removeLast()
        }
        reply.block = block
      }
    }
    if let damage {
      reply.damaged = true
      note(damageOf: place, damage)
    } else {
      loads.add()
      if isRefused { refusals.clear() }
      isRefused = false
    }
    return answer(reactor, reply)
  }

  private func answer(_ reactor: Int, _ reply: LoadReply) -> Served {
    require(replies[reactor].push(reply), "a reactor asked for more blocks than it takes replies")
    wakeups[reactor].wake()
    return .answered
  }
}
