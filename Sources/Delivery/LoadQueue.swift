package import Base
package import Flow

/// For whom an answer of the Reader is.
package struct LoadAnswer {
  /// The lanes that waited for this block.
  package var lanes: [SlotID] = []
  /// Those that seek their next event, for `take(seeker:from:)` one by one and then `takeAll` or
  /// `passOn`; `nil` when there are none.
  package var seekers: LoadSeekers?
  /// Up to where the log has no events if none were found.
  package var walked: UInt64 = 0
}

/// Lanes that were answered together.
package struct LoadSeekers {
  let group: SeekerGroups.ID
  /// How many they were.
  package let count: Int
}

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
    var lanes: [SlotID] = []
    var seekers: SeekerGroups.ID?
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
  private var seekers = SeekerGroups()
  private var requests: [Request] = []
  private var loans: [Loan] = []

  package init(loadsMax: Int) { self.loadsMax = max(1, loadsMax) }

  /// Whether a request could be made.
  package var hasWaits: Bool { !waits.isEmpty || seekers.hasWaiting }
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

  /// A lane waits for the first block at or after `sequence` that has an event for it.
  package mutating func add(seeker lane: SlotID, sequence: UInt64) {
    seekers.add(lane, at: sequence)
  }

  /// Up to where, exclusive, a lane has sought in vain; `nil` if it does not seek.
  package func sought(by lane: SlotID) -> UInt64? { seekers.sequence(of: lane) }

  /// A lane no longer seeks.
  package mutating func remove(seeker lane: SlotID) { _ = seekers.remove(lane) }

  /// The next request to make, if one may be made now.
  /// - Parameter giveBack: gets a loan that makes room for it.
  package mutating func nextRequest(
    walked: UInt64, now: Instant, giveBack: (LoadReply) -> Void
  ) -> LoadRequest? {
    roomAt = .distantFuture
    guard requests.count < Self.requestsMax, !waits.isEmpty || maySeek else { return nil }
    if requests.count + loans.count >= loadsMax {
      guard let index = loans.indices.min(by: { loans[$0].keptUntil < loans[$1].keptUntil })
      else { return nil }
      roomAt = loans[index].keptUntil
      if now <= roomAt { return nil }
      roomAt = .distantFuture
      giveBack(loans.remove(at: index).reply)
    }
    var request: Request
    if maySeek, let (group, sequence) = seekers.takeWaiting() {
      request = Request(sequence: sequence, walked: walked, seekers: group)
    } else if let first = waits.first {
      request = Request(sequence: first.sequence, walked: walked)
      while waits.first?.sequence == first.sequence { request.lanes.append(removeFirst().lane) }
    } else {
      return nil
    }
    requests.append(request)
    return LoadRequest(sequence: request.sequence)
  }

  /// One block at a time is asked for on behalf of seekers: two groups that went on side by side
  /// would never meet.
  private var maySeek: Bool {
    seekers.hasWaiting && !requests.contains { $0.seekers != nil }
  }

  /// An answer came.
  package mutating func take(_ reply: LoadReply, now: Instant) -> LoadAnswer {
    if let block = reply.block {
      loans.append(Loan(reply: reply, sequence: reply.sequence, block: block, usedAt: now))
    }
    guard let index = requests.firstIndex(where: { $0.sequence == reply.requested }) else {
      return LoadAnswer()
    }
    let request = requests.remove(at: index)
    var answer = LoadAnswer(lanes: request.lanes, walked: request.walked)
    if let group = request.seekers {
      seekers.close(group)
      answer.seekers = LoadSeekers(group: group, count: seekers.count(group))
    }
    return answer
  }

  /// Takes one of them out: what it sought has come.
  /// - Returns: `false` if it is not among them.
  package mutating func take(seeker lane: SlotID, from answered: LoadSeekers) -> Bool {
    seekers.remove(lane, from: answered.group)
  }

  /// Takes all that are left: they are to look for themselves.
  package mutating func takeAll(_ answered: LoadSeekers) -> [SlotID] {
    seekers.takeAll(answered.group)
  }

  /// Nothing before `sequence` is for those that are left.
  package mutating func passOn(_ answered: LoadSeekers, to sequence: UInt64) {
    seekers.move(answered.group, to: sequence)
  }

  /// Gives a block back for which nobody has waited.
  package mutating func giveBack(_ sequence: UInt64, _ giveBack: (LoadReply) -> Void) {
    guard let index = loans.firstIndex(where: { $0.sequence == sequence }) else { return }
    giveBack(loans.remove(at: index).reply)
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
