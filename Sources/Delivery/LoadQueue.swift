package import Base
package import Flow

/// What a reactor wants of the old log: which lanes wait for which block, what was asked of the
/// Reader, and the blocks it has lent. Oldest region first. Pure; no I/O.
package struct LoadQueue {
  private struct Wait: BitwiseCopyable {
    var sequence: UInt64
    var lane: SlotID
  }

  private struct Request {
    var sequence: UInt64
    /// Every block up to here was on disk when it was asked.
    var walked: UInt64
    var lanes: [SlotID]
  }

  private struct Loan {
    var reply: LoadReply
    var sequence: UInt64
    var block: Block
    var usedAt: Instant
    var isLarge: Bool { block.eventCapacity == 1 }

    /// Until when it is not given back for another: those who waited for it must have had their
    /// turn. What holds little is soon used up, and soon read again.
    var keptUntil: Instant {
      let full = LoadQueue.loanMinimumBytes
      let bytes = min(full, max(block.payloadCount, full / 128))
      return usedAt + Nanoseconds(LoadQueue.loanMinimum.count * UInt64(bytes) / UInt64(full))
    }
  }

  /// Requests under way at once.
  package static let requestsMax = 4
  /// A loan nobody has used for so long goes back; a large block sooner, for there are few.
  package static let loanTimeout = Nanoseconds.milliseconds(100)
  package static let loanTimeoutLarge = Nanoseconds.milliseconds(2)
  /// A loan of this many payload bytes, used this short a time ago, is not given back for another;
  /// a smaller one after its share of that.
  package static let loanMinimum = Nanoseconds.milliseconds(5)
  private static let loanMinimumBytes = BlockLimits.payloadBytes

  private let loadsMax: Int
  /// Min-heap by sequence.
  private var waits: [Wait] = []
  private var requests: [Request] = []
  private var loans: [Loan] = []

  package init(loadsMax: Int) { self.loadsMax = max(1, loadsMax) }

  /// Whether a request could be made.
  package var hasWaits: Bool { !waits.isEmpty }
  /// When a request that found all loans in use may be made; `.distantFuture` when none was refused.
  package private(set) var roomAt = Instant.distantFuture
  /// Whether an answer is awaited.
  package var hasRequests: Bool { !requests.isEmpty }

  /// A lane waits for the first block with events at or after `sequence`.
  package mutating func add(lane: SlotID, sequence: UInt64) {
    for index in requests.indices where requests[index].sequence == sequence {
      requests[index].lanes.append(lane)
      return
    }
    waits.append(Wait(sequence: sequence, lane: lane))
    siftUp(waits.count - 1)
  }

  /// The next request to make, if one may be made now.
  /// - Parameter giveBack: gets a loan that makes room for it.
  package mutating func nextRequest(
    walked: UInt64, now: Instant, giveBack: (LoadReply) -> Void
  ) -> LoadRequest? {
    roomAt = .distantFuture
    guard let first = waits.first, requests.count < Self.requestsMax else { return nil }
    if requests.count + loans.count >= loadsMax {
      guard let index = loans.indices.min(by: { loans[$0].keptUntil < loans[$1].keptUntil })
      else { return nil }
      roomAt = loans[index].keptUntil
      if now <= roomAt { return nil }
      roomAt = .distantFuture
      giveBack(loans.remove(at: index).reply)
    }
    var lanes: [SlotID] = []
    while waits.first?.sequence == first.sequence { lanes.append(removeFirst().lane) }
    requests.append(Request(sequence: first.sequence, walked: walked, lanes: lanes))
    return LoadRequest(sequence: first.sequence)
  }

  /// An answer came.
  /// - Returns: the lanes that waited, and up to where the log has no events if none were found.
  package mutating func take(
    _ reply: LoadReply, now: Instant
  ) -> (lanes: [SlotID], walked: UInt64) {
    if let block = reply.block {
      loans.append(Loan(reply: reply, sequence: reply.sequence, block: block, usedAt: now))
    }
    guard let index = requests.firstIndex(where: { $0.sequence == reply.requested }) else {
      return ([], 0)
    }
    let request = requests.remove(at: index)
    return (request.lanes, request.walked)
  }

  /// The lent block with this sequence.
  package mutating func block(_ sequence: UInt64, now: Instant) -> Block? {
    for index in loans.indices where loans[index].sequence == sequence {
      loans[index].usedAt = now
      return loans[index].block
    }
    return nil
  }

  /// Whether only the headers of the lent block with this sequence are good.
  package func isDamaged(_ sequence: UInt64) -> Bool {
    loans.contains { $0.sequence == sequence && $0.reply.damaged }
  }

  /// Gives loans back that nobody has used for a while.
  /// - Returns: when the next is due.
  package mutating func expire(now: Instant, giveBack: (LoadReply) -> Void) -> Instant {
    var next = Instant.distantFuture
    var index = loans.count
    while index > 0 {
      index -= 1
      let due =
        loans[index].usedAt
        + (loans[index].isLarge ? Self.loanTimeoutLarge : Self.loanTimeout)
      if now < due {
        next = min(next, due)
      } else {
        giveBack(loans.remove(at: index).reply)
      }
    }
    return next
  }

  private mutating func removeFirst() -> Wait {
    let first = waits[0]
    let last = waits.removeLast()
    if !waits.isEmpty {
      waits[0] = last
      siftDown()
    }
    return first
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0, waits[index].sequence < waits[(index - 1) / 2].sequence {
      waits.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private mutating func siftDown() {
    var index = 0
    while true {
      var child = 2 * index + 1
      if child >= waits.count { return }
      if child + 1 < waits.count, waits[child + 1].sequence < waits[child].sequence { child += 1 }
      if waits[index].sequence <= waits[child].sequence { return }
      waits.swapAt(index, child)
      index = child
    }
  }
}
