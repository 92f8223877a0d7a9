import Base
import Foundation
import Testing

/// Goal: records of any length come out whole and in order, over the end of the memory too, and one
/// that does not fit changes nothing.
/// Method: against an array as the model, and two threads with a checksum in each record.
struct RecordRingTests {
  private func push(_ ring: RecordRing, _ record: [UInt8], cutAt cut: Int) -> Bool {
    unsafe record.withUnsafeBytes { bytes in
      unsafe ring.push(
        UnsafeRawBufferPointer(rebasing: bytes[..<cut]),
        UnsafeRawBufferPointer(rebasing: bytes[cut...]))
    }
  }

  private func pop(_ ring: RecordRing) -> [UInt8]? { unsafe ring.pop { unsafe Array($0) } }

  @Test func `records come out as they went in`() {
    let ring = RecordRing(capacity: 256)
    var model: [[UInt8]] = []
    var random = SeededRandom(seed: 7)
    var refused = 0
    for step in 0..<20_000 {
      if random.next() % 2 == 0 {
        let record = (0..<Int(random.next() % 90)).map { _ in UInt8(truncatingIfNeeded: step) }
        let cut = record.isEmpty ? 0 : Int(random.next() % UInt64(record.count))
        if push(ring, record, cutAt: cut) { model.append(record) } else { refused += 1 }
      } else if let record = pop(ring) {
        #expect(record == model.removeFirst())
      } else {
        #expect(model.isEmpty && ring.isEmpty)
      }
    }
    #expect(refused > 100)
    while let record = pop(ring) { #expect(record == model.removeFirst()) }
    #expect(model.isEmpty)
  }

  @Test func `one that is too long never fits, one that fits exactly does`() {
    let ring = RecordRing(capacity: 64)
    #expect(!push(ring, [UInt8](repeating: 1, count: 61), cutAt: 0))
    #expect(push(ring, [UInt8](repeating: 2, count: 60), cutAt: 20))
    #expect(!push(ring, [], cutAt: 0))
    #expect(pop(ring)?.count == 60)
    #expect(push(ring, [], cutAt: 0))
    #expect(pop(ring) == [] && pop(ring) == nil)
  }

  @Test(.timeLimit(.minutes(10))) func `two threads lose and tear nothing`() {
    let ring = RecordRing(capacity: 1 << 12)
    let count = 200_000
    let producer = Thread {
      for number in 0..<count {
        let record = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 300)
        while !self.push(ring, record, cutAt: 0) { sched_yield() }
      }
    }
    producer.start()
    var next = 0
    var torn = 0
    while next < count {
      guard let record = pop(ring) else {
        sched_yield()
        continue
      }
      if record != [UInt8](repeating: UInt8(truncatingIfNeeded: next), count: next % 300) {
        torn += 1
      }
      next += 1
    }
    #expect(torn == 0 && ring.isEmpty)
  }
}
