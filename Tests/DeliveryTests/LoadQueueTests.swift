import Base
import Delivery
import Flow
import Testing

// Goal: the oldest block first, each asked for once, all of its lanes told, every loan returned.
struct LoadQueueTests {
  private var sut = LoadQueue(loadsMax: 3)
  private func lane(_ slot: UInt64) -> SlotID { SlotID(packed: 1 << 32 | slot) }
  private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private mutating func ask(at milliseconds: UInt64 = 0) -> (UInt64?, returned: Int) {
    var returned = 0
    let request = sut.nextRequest(walked: 100, now: at(milliseconds)) { _ in returned += 1 }
    return (request?.sequence, returned)
  }

  private func reply(
    _ requested: UInt64, _ sequence: UInt64, payload: Int = BlockLimits.payloadBytes
  ) -> LoadReply {
    let block = Block.allocate(events: 2, payload: payload)
    let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    _ = unsafe block.load(sequence: sequence, headers: none, payloadLength: payload) { _ in true }
    return LoadReply(requested: requested, sequence: sequence, block: block, damaged: false)
  }

  @Test mutating func `the oldest is asked for first, and once for all its lanes`() {
    for (slot, sequence) in [(1, 9), (2, 4), (3, 9), (4, 4), (5, 7)] as [(UInt64, UInt64)] {
      sut.add(lane: lane(slot), sequence: sequence)
    }
    #expect(ask().0 == 4)
    sut.add(lane: lane(6), sequence: 4)
    #expect(ask().0 == 7)
    #expect(ask().0 == 9)
    #expect(!sut.hasWaits)
    let taken = sut.take(reply(4, 5), now: at(1))
    #expect(Set(taken.lanes) == [lane(2), lane(4), lane(6)])
    #expect(taken.walked == 100)
    #expect(sut.block(5, now: at(2)) != nil)
    #expect(sut.block(4, now: at(2)) == nil)
  }

  @Test mutating func `no more than its share of blocks is out, the least used makes room`() {
    for sequence in 1...5 as ClosedRange<UInt64> {
      sut.add(lane: lane(sequence), sequence: sequence)
    }
    for _ in 0..<3 { #expect(ask().0 != nil) }
    #expect(ask().0 == nil)
    _ = sut.take(reply(1, 1), now: at(0))
    _ = sut.take(reply(2, 2), now: at(1))
    #expect(ask(at: 2).0 == nil)
    _ = sut.block(1, now: at(10))
    #expect(ask(at: 12) == (4, 1))
    #expect(sut.block(2, now: at(12)) == nil)
    #expect(sut.block(1, now: at(12)) != nil)
  }

  @Test mutating func `a block that holds little makes room sooner, and the queue says when`() {
    for sequence in 1...5 as ClosedRange<UInt64> {
      sut.add(lane: lane(sequence), sequence: sequence)
    }
    for _ in 0..<3 { #expect(ask().0 != nil) }
    _ = sut.take(reply(1, 1), now: at(0))
    _ = sut.take(reply(2, 2, payload: BlockLimits.payloadBytes / 4), now: at(0))
    #expect(ask(at: 1).0 == nil)
    // A quarter of five milliseconds.
    #expect(sut.roomAt == Instant(nanoseconds: at(1).nanoseconds + 250_000))
    #expect(ask(at: 2) == (4, 1))
    #expect(sut.block(2, now: at(2)) == nil)
    #expect(ask(at: 3).0 == nil)
    #expect(sut.roomAt == at(5))
    #expect(ask(at: 6) == (5, 1))
    #expect(sut.roomAt == .distantFuture)
  }

  @Test mutating func `a loan that nobody uses goes back`() {
    sut.add(lane: lane(1), sequence: 1)
    _ = ask()
    _ = sut.take(reply(1, 1), now: at(0))
    var returned = 0
    #expect(sut.expire(now: at(99)) { _ in returned += 1 } == at(100))
    #expect(returned == 0)
    #expect(sut.expire(now: at(100)) { _ in returned += 1 } == .distantFuture)
    #expect(returned == 1)
  }

  @Test mutating func `an answer without a block lends nothing`() {
    sut.add(lane: lane(1), sequence: 1)
    _ = ask()
    let none = LoadReply(requested: 1, sequence: 0, block: nil, damaged: false)
    #expect(sut.take(none, now: at(0)).lanes == [lane(1)])
    #expect(sut.expire(now: at(1_000)) { _ in } == .distantFuture)
  }

  @Test mutating func `seekers are called by name, the others move on together`() throws {
    for slot in 1...4 as ClosedRange<UInt64> { sut.add(seeker: lane(slot), sequence: 5) }
    #expect(ask().0 == 5)
    sut.add(lane: lane(9), sequence: 5)
    let answer = sut.take(reply(5, 6), now: at(0))
    #expect(answer.lanes == [lane(9)])
    let seekers = try #require(answer.seekers)
    #expect(seekers.count == 4)
    #expect(call([2, 2, 9], of: seekers) == [true, false, false])
    sut.passOn(seekers, to: 7)
    #expect(sut.sought(by: lane(1)) == 7 && sut.sought(by: lane(2)) == nil)
    #expect(ask().0 == 7)
    #expect(!sut.hasWaits)
    let second = sut.take(reply(7, 7), now: at(0))
    let next = try #require(second.seekers)
    let left = sut.takeAll(next)
    #expect(Set(left) == [lane(1), lane(3), lane(4)])
    #expect(sut.sought(by: lane(1)) == nil)
  }

  @Test mutating func `seekers that meet others are with them from then on`() throws {
    sut.add(seeker: lane(1), sequence: 5)
    sut.add(seeker: lane(2), sequence: 9)
    sut.add(seeker: lane(3), sequence: 9)
    #expect(ask().0 == 5)
    // The others wait for those behind them.
    #expect(ask().0 == nil && sut.hasWaits)
    let first = sut.take(reply(5, 5), now: at(0))
    sut.passOn(try #require(first.seekers), to: 9)
    #expect(ask().0 == 9)
    // Asked for already, and can still be joined.
    sut.add(seeker: lane(5), sequence: 9)
    let second = sut.take(reply(9, 9), now: at(0))
    let all = try #require(second.seekers)
    #expect(all.count == 4)
    // Answered: whoever comes now asks anew.
    sut.add(seeker: lane(4), sequence: 9)
    #expect(call([3, 4], of: all) == [true, false])
    let left = sut.takeAll(all)
    #expect(Set(left) == [lane(1), lane(2), lane(5)])
    #expect(ask().0 == 9)
  }

  @Test mutating func `old seekers that keep coming do not hold up the rest`() throws {
    sut.add(seeker: lane(1), sequence: 900)
    var asked: [UInt64] = []
    for round in 1...20 as ClosedRange<UInt64> {
      sut.add(seeker: lane(10 + round), sequence: round)
      let request = ask(at: round * 100).0
      let sequence = try #require(request)
      asked.append(sequence)
      let answer = sut.take(reply(sequence, sequence), now: at(round * 100))
      let seekers = try #require(answer.seekers)
      if sequence >= 900 { sut.passOn(seekers, to: sequence + 1) } else { _ = sut.takeAll(seekers) }
    }
    #expect(asked.contains(901))
    #expect(asked.count { $0 < 900 } > 15)
  }

  @Test mutating func `retries do not wait for seekers`() {
    sut.add(seeker: lane(1), sequence: 5)
    sut.add(lane: lane(2), sequence: 7)
    sut.add(seeker: lane(3), sequence: 6)
    #expect(ask().0 == 5)
    #expect(ask().0 == 7)
    #expect(ask().0 == nil)
  }

  @Test mutating func `one that no longer seeks is not answered`() throws {
    for slot in 1...3 as ClosedRange<UInt64> { sut.add(seeker: lane(slot), sequence: slot / 3 + 4) }
    sut.remove(seeker: lane(1))
    #expect(sut.sought(by: lane(1)) == nil && sut.sought(by: lane(2)) == 4)
    #expect(ask().0 == 4)
    sut.remove(seeker: lane(2))
    let answer = sut.take(reply(4, 4), now: at(0))
    #expect(answer.lanes.isEmpty)
    #expect(try #require(answer.seekers).count == 0)
    sut.remove(seeker: lane(3))
    #expect(ask().0 == nil)
    #expect(!sut.hasWaits)
  }

  @Test mutating func `a block that nobody waited for goes back at once`() {
    sut.add(seeker: lane(1), sequence: 1)
    _ = ask()
    _ = sut.take(reply(1, 1), now: at(0))
    var returned = 0
    sut.giveBack(1) { _ in returned += 1 }
    sut.giveBack(1) { _ in returned += 1 }
    #expect(returned == 1)
    #expect(sut.block(1, now: at(0)) == nil)
  }

  private mutating func call(_ slots: [UInt64], of seekers: LoadSeekers) -> [Bool] {
    slots.map { sut.take(seeker: lane($0), from: seekers) }
  }
}
