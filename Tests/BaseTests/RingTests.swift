// Goal: a ring keeps order and its bound, alone and between two real threads.
// Method: small capacities that wrap often; a checksum and the order of a long stream across threads.
internal import Base
internal import Foundation
internal import Synchronization
internal import Testing

@Suite struct RingTests {
  @Test func `an empty ring gives nothing`() {
    let ring = Ring<UInt32>(capacity: 4)
    #expect(ring.pop() == nil)
    #expect(ring.peek() == nil)
    #expect(ring.count == 0)
    #expect(ring.capacity == 4)
  }

  @Test func `a full ring refuses the next element`() {
    let ring = Ring<UInt32>(capacity: 4)
    for value in 0..<4 { #expect(ring.push(UInt32(value))) }
    #expect(!ring.push(99))
    #expect(ring.count == 4)
    #expect(ring.pop() == 0)
    #expect(ring.push(4))
    #expect(!ring.push(99))
    for value in 1...4 { #expect(ring.pop() == UInt32(value)) }
    #expect(ring.pop() == nil)
  }

  @Test func `peek shows what pop takes`() {
    let ring = Ring<UInt64>(capacity: 2)
    _ = ring.push(7)
    _ = ring.push(8)
    #expect(ring.peek() == 7)
    #expect(ring.peek() == 7)
    #expect(ring.pop() == 7)
    #expect(ring.peek() == 8)
  }

  @Test func `a ring of one element alternates`() {
    let ring = Ring<UInt8>(capacity: 1)
    for round in 0..<300 {
      let value = UInt8(truncatingIfNeeded: round)
      #expect(ring.push(value))
      #expect(!ring.push(value))
      #expect(ring.pop() == value)
    }
    #expect(ring.pushedTotal == 300)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `random pushes and pops equal a plain queue`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let ring = Ring<UInt64>(capacity: 8)
    var model: [UInt64] = []
    for _ in 0..<20_000 {
      if random.oneIn(2) {
        let value = random.next()
        #expect(ring.push(value) == (model.count < 8))
        if model.count < 8 { model.append(value) }
      } else {
        #expect(ring.pop() == (model.isEmpty ? nil : model.removeFirst()))
      }
      #expect(ring.count == model.count)
    }
  }

  /// Two words that must always arrive together: a torn element would show.
  struct Pair: BitwiseCopyable, Sendable {
    var value: UInt64
    var complement: UInt64
  }

  @Test(.timeLimit(.minutes(10)))
  func `two threads pass two hundred thousand elements in order and whole`() {
    let ring = Ring<Pair>(capacity: 256)
    let total: UInt64 = 200_000
    let producer = Foundation.Thread {
      var next: UInt64 = 0
      while next < total {
        if ring.push(Pair(value: next, complement: ~next)) { next += 1 } else { sched_yield() }
      }
    }
    producer.start()
    var expected: UInt64 = 0
    var broken = 0
    while expected < total {
      guard let pair = ring.pop() else {
        sched_yield()
        continue
      }
      if pair.value != expected || pair.complement != ~expected { broken += 1 }
      expected += 1
    }
    #expect(broken == 0)
    #expect(ring.pop() == nil)
    #expect(ring.pushedTotal == total)
  }

  @Test(.timeLimit(.minutes(10)))
  func `the count seen by a third thread is never negative`() {
    let ring = Ring<UInt64>(capacity: 2)
    let stop = Stop()
    for isProducer in [true, false] {
      Foundation.Thread {
        while !stop.isSet {
          if isProducer { _ = ring.push(1) } else { _ = ring.pop() }
        }
      }.start()
    }
    var negative = 0
    for _ in 0..<500_000 where ring.count < 0 { negative += 1 }
    stop.set()
    #expect(negative == 0)
  }

  @Test func `a capacity that is no power of two stops the process`() async {
    await #expect(processExitsWith: .failure) { _ = Ring<UInt8>(capacity: 3) }
  }
}

/// A flag that ends helper threads.
final class Stop: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .acquiring) }
  func set() { flag.store(true, ordering: .releasing) }
}
