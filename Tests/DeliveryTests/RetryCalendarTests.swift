import Base
import Delivery
import Flow
import Testing

// Goal: what is due first comes first, and nothing is lost or doubled.
// Method: against a sorted array, with random adds and removals.
struct RetryCalendarTests {
  private func retry(_ sequence: UInt64, due: UInt64, attempts: UInt16 = 1) -> Retry {
    Retry(
      position: Position(sequence: sequence, index: 0), dueMilliseconds: due, attempts: attempts)
  }

  @Test func `an entry takes 16 bytes and keeps its parts`() {
    #expect(MemoryLayout<Retry>.stride == 16)
    let sut = Retry(
      position: Position(sequence: 9, index: 3), dueMilliseconds: 1 << 45, attempts: .max,
      needsFreshConnection: true)
    #expect(sut.dueMilliseconds == 1 << 45)
    #expect(sut.attempts == .max)
    #expect(sut.needsFreshConnection)
    #expect(!sut.isReplay)
    #expect(sut.position == Position(sequence: 9, index: 3))
    let replay = Retry(
      position: sut.position, dueMilliseconds: .max, attempts: 0, isReplay: true)
    #expect(replay.dueMilliseconds == 1 << 46 - 1)
    #expect(replay.isReplay && !replay.needsFreshConnection && replay.attempts == 0)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `it agrees with a sorted array`(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var sut = RetryCalendar()
    var model: [Retry] = []
    for step in 0..<500 as Range<UInt64> {
      switch random.below(4) {
      case 0, 1:
        let one = retry(step, due: random.below(50))
        sut.add(one)
        model.append(one)
      case 2:
        model.sort(by: Retry.precedes)
        #expect(sut.first == model.first)
        #expect(sut.removeFirst() == (model.isEmpty ? nil : model.removeFirst()))
      default:
        guard let index = sut.indexOfOldest else { continue }
        let oldest = model.min { $0.position < $1.position }
        #expect(sut[index] == oldest)
        #expect(sut.remove(at: index) == oldest)
        model.removeAll { $0 == oldest }
      }
      #expect(sut.count == model.count)
    }
  }

  @Test func `made due, all come by age and keep their attempts`() {
    var sut = RetryCalendar()
    for sequence in [5, 1, 4, 2, 3] as [UInt64] {
      sut.add(retry(sequence, due: 100 - sequence, attempts: UInt16(sequence)))
    }
    sut.makeAllDue()
    var order: [UInt64] = []
    while let one = sut.removeFirst() {
      #expect(one.dueMilliseconds == 0)
      #expect(UInt64(one.attempts) == one.position.sequence)
      order.append(one.position.sequence)
    }
    #expect(order == [1, 2, 3, 4, 5])
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `the oldest events come out in order, replays stay, and the rest is a heap`(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var sut = RetryCalendar()
    var left: [UInt64] = []
    for sequence in 1...300 as ClosedRange<UInt64> {
      let isReplay = random.oneIn(5)
      sut.add(
        Retry(
          position: Position(sequence: sequence, index: 0), dueMilliseconds: random.below(50),
          attempts: 1, isReplay: isReplay))
      if !isReplay { left.append(sequence) }
    }
    let replays = 300 - left.count
    while !left.isEmpty {
      let count = Int(random.below(40))
      let taken = sut.removeOldest(count).map(\.position.sequence)
      #expect(taken == Array(left.prefix(count)))
      left.removeFirst(taken.count)
      #expect(sut.count == left.count + replays)
      #expect(sut.first?.dueMilliseconds == sut.all.map(\.dueMilliseconds).min())
    }
    #expect(sut.removeOldest(10).isEmpty && sut.all.allSatisfy(\.isReplay))
    var due: [UInt64] = []
    while let next = sut.removeFirst() { due.append(next.dueMilliseconds) }
    #expect(due == due.sorted() && due.count == replays)
  }
}
