import Base
import Ingest
import Testing

// Goal: no answer may be sent before all before it and its own block are committed.
// Method: random answers against a model that keeps each one apart.
@Suite struct ReplyLedgerTests {
  @Test(arguments: [1, 2, 3, 4])
  func `random answers are released in order and never early`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var ledger = ReplyLedger()
    var model: [(ordinal: UInt64, bytes: Int)] = []
    var open: UInt64 = 1
    var committed: UInt64 = 0
    var sent = 0
    for _ in 0..<3000 {
      if random.oneIn(3) { open += 1 }
      if random.oneIn(6), committed + 1 < open {
        committed += 1 + random.below(open - committed - 1)
      }
      while ledger.release(through: committed) != nil {}
      var safe = 0
      while let first = model.first, first.ordinal <= committed {
        safe += first.bytes
        model.removeFirst()
      }
      sent += safe
      // With few runs waiting nothing is late; with all places taken something may be.
      #expect(ledger.sendable <= sent)
      if model.isEmpty { #expect(ledger.sendable == sent && ledger.waiting == 0) }
      let bytes = 1 + Int(random.below(50))
      let ordinal = random.oneIn(2) ? open : 0
      _ = ledger.add(bytes: bytes, waitingFor: ordinal, replies: 1, now: Instant(nanoseconds: 1))
      model.append((ordinal, bytes))
    }
    while ledger.release(through: open) != nil {}
    #expect(ledger.isEmpty)
  }

  @Test func `a run of publishes in one block is one entry`() {
    var ledger = ReplyLedger()
    var runs = 0
    for _ in 0..<1000 {
      let isNew = ledger.add(bytes: 4, waitingFor: 7, replies: 1, now: Instant(nanoseconds: 1))
      if isNew { runs += 1 }
    }
    #expect(runs == 1)
    #expect(ledger.waiting == 1000)
    #expect(ledger.sendable == 0)
    let early = ledger.release(through: 6)
    #expect(early == nil)
    let run = ledger.release(through: 7)
    #expect(run?.bytes == 4000)
    #expect(ledger.sendable == 4000)
  }
}
