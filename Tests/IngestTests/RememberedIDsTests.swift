import Base
import Flow
import Ingest
import Testing

// Goal: the open-addressing table agrees with a dictionary through inserts, evictions, take-backs.
// Method: random operations with colliding keys against a model.
@Suite struct RememberedIDsTests {
  private func entry(_ key: UInt64, _ time: UInt64) -> RememberedID {
    RememberedID(key: key, contentHash: key &* 3, time: UnixMilliseconds(time), endpoints: 1)
  }

  @Test(arguments: [1, 2, 3, 7, 16])
  func `random work agrees with a model`(capacity: Int) {
    var random = SeededRandom(seed: UInt64(capacity))
    var table = RememberedIDs(capacity: capacity, lifetimeMilliseconds: 50, recovered: [])
    var model: [RememberedID] = []
    for step in 0..<4000 {
      // Few low bits, so that probes run into each other and around the end.
      let key = random.below(4) | random.below(3) << 60 | (random.oneIn(2) ? 31 : 0)
      if table.find(key) == nil {
        table.insert(entry(key, UInt64(step)))
        model.append(entry(key, UInt64(step)))
        if model.count > capacity { model.removeFirst() }
      }
      if random.oneIn(5), let last = model.last, model.count > 1 {
        table.removeNewest(downTo: table.end - 1)
        model.removeAll { $0 == last }
      }
      if random.oneIn(20) {
        table.expire(now: UnixMilliseconds(UInt64(step)), atMost: .max)
        model.removeAll { UInt64(step) > $0.time.value + 50 }
      }
      #expect(table.count == model.count)
      for known in model {
        let found = table.find(known.key).map { table[$0] }
        #expect(found == known)
      }
    }
    table.durableSerial = table.end
    #expect(table.durable == model)
  }
}
