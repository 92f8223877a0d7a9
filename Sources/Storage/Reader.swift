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

  private struct Waiting: BitwiseCopyable {
    var reactor: Int
    var sequence: UInt64
  }
  private struct Shelf {
    var ordinary: [Block]
    var large: [Block]
  }

  private let index: SegmentIndex
  private let loader: BlockLoader
  private let requests: [Ring<LoadRequest>]
  private let replies: [Ring<LoadReply>]
  private let returns: [Ring<LoadReply>]
  private let wakeups: [Wakeup]
  private var shelves: [Shelf]
  private var waiting: [Waiting] = []
  /// Blocks loaded, and blocks that could not be.
  public let loads = Counter()
  public let damaged = Counter()

  /// A reader with its blocks; the arrays are by reactor.
  /// - Parameter blocks: ordinary blocks a reactor.
  public init(
    index: SegmentIndex, directory: String, disk: any Disk, requests: [Ring<LoadRequest>],
    replies: [Ring<LoadReply>], returns: [Ring<LoadReply>], reactorWakeups: [Wakeup],
    blocks: Int = 8
  ) {
    self.index = index
    loader = BlockLoader(layout: DirectoryLayout(root: directory), disk: disk, index: index)
    self.requests = requests
    self.replies = replies
    self.returns = returns
    wakeups = reactorWakeups
    shelves = requests.map { _ in
      Shelf(
        ordinary: (0..<blocks).map { _ in
          Block.allocate(events: BlockLimits.events, payload: BlockLimits.payloadBytes)
        },
        large: (0..<Self.largeBlocks).map { _ in
          Block.allocate(
            events: BlockLimits.largeEvents, payload: BlockLimits.largePayloadBytes)
        })
    }
  }

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
  /// - Returns: always `.distantFuture`: only a ring makes work.
  /// > Runs on: the reader's thread.
  public func turn(now: Now) -> Instant {
    takeBack()
    takeRequests()
    var index = 0
    while index < waiting.count {
      if serve(waiting[index]) {
        waiting.remove(at: index)
      } else {
        index += 1
      }
    }
    return .distantFuture
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

  /// - Returns: `false` when it must wait for a block to come back.
  private func serve(_ request: Waiting) -> Bool {
    var reply = LoadReply(
      requested: request.sequence, sequence: 0, block: nil, damaged: false)
    while let place = index.find(atOrAfter: request.sequence) {
      reply.sequence = place.sequence
      do throws(BlockLoader.Failure) { try loader.read(place) } catch {
        // Freed between look-up and read: the next look-up finds what follows.
        if error == .gone { continue }
        reply.damaged = true
        damaged.add()
        return answer(request.reactor, reply)
      }
      return lend(request.reactor, reply)
    }
    reply.sequence = 0
    return answer(request.reactor, reply)
  }

  private func lend(_ reactor: Int, _ lent: LoadReply) -> Bool {
    var reply = lent
    let isLarge = loader.header.plainLength > BlockLimits.payloadBytes
      || loader.eventCount > BlockLimits.events
    guard let block = isLarge ? shelves[reactor].large.last : shelves[reactor].ordinary.last
    else { return false }
    if loader.unpack(into: block) {
      if isLarge {
        shelves[reactor].large.removeLast()
      } else {
        shelves[reactor].ordinary.removeLast()
      }
      reply.block = block
      loads.add()
    } else {
      reply.damaged = true
      damaged.add()
    }
    return answer(reactor, reply)
  }

  private func answer(_ reactor: Int, _ reply: LoadReply) -> Bool {
    require(replies[reactor].push(reply), "a reactor asked for more blocks than it takes replies")
    wakeups[reactor].wake()
    return true
  }
}
