import Base
import Broker
import Delivery
import Flow
import Testing

/// Goal: a replay hands over every delivery once, no faster than allowed, and waits without hurry.
/// Method: a made-up lane that takes what the test says, and a clock that the test moves.
struct ReplayFeedTests {
  private let start = Instant(nanoseconds: 1_000_000_000)

  private func positions(_ count: Int) -> [Position] {
    (0..<count).map { Position(sequence: UInt64($0 + 1), index: 0) }
  }

  private func result(taken: Int, pending: Int = 0, left: Int = 0) -> Redelivery {
    var result = Redelivery()
    result.taken = taken
    result.pending = pending
    result.left = left
    return result
  }

  @Test func `batches keep the order and everything is handed over once`() {
    var feed = ReplayFeed(ratePerSecond: nil, now: start)
    #expect(feed.next(now: start) == .hungry)
    let all = positions(150)
    feed.offer(all)
    var seen: [Position] = []
    while case .handOver(let batch) = feed.next(now: start) {
      #expect(batch.count <= ReplayFeed.batchMax)
      seen += batch
      feed.took(result(taken: batch.count - 1, pending: 1), of: batch.count, now: start)
    }
    #expect(seen == all && feed.next(now: start) == .hungry)
    #expect(feed.handedOver == 147 && feed.pending == 3)
  }

  @Test func `what found no room is offered again, later each time`() {
    var feed = ReplayFeed(ratePerSecond: nil, now: start)
    feed.offer(positions(10))
    var now = start
    var waits: [UInt64] = []
    for _ in 0..<8 {
      guard case .handOver(let batch) = feed.next(now: now) else { break }
      #expect(batch == positions(10))
      feed.took(result(taken: 0, left: 10), of: 10, now: now)
      guard case .wait(let until) = feed.next(now: now) else { break }
      waits.append(until.since(now).milliseconds)
      now = until
    }
    #expect(waits == [5, 10, 20, 40, 80, 160, 200, 200] && feed.isWaiting)
    feed.took(result(taken: 4, left: 6), of: 10, now: now)
    #expect(feed.next(now: now) == .wait(until: now + .milliseconds(5)))
    now = now + .milliseconds(5)
    #expect(feed.next(now: now) == .handOver(Array(positions(10).suffix(6))))
    feed.took(result(taken: 6), of: 6, now: now)
    #expect(!feed.isWaiting && feed.handedOver == 10)
  }

  @Test(arguments: [0.5, 10, 1000])
  func `a rate is kept over any stretch`(rate: Double) {
    var feed = ReplayFeed(ratePerSecond: rate, now: start)
    feed.offer(positions(100_000))
    var now = start
    let end = start + .seconds(20)
    while now < end {
      switch feed.next(now: now) {
      case .handOver(let batch):
        #expect(Double(batch.count) <= max(1, rate / 10))
        feed.took(result(taken: batch.count), of: batch.count, now: now)
      case .wait(let until):
        #expect(now < until)
        now = until
      case .hungry: return
      }
    }
    #expect(Double(feed.handedOver) <= 20 * rate + max(1, rate / 10))
    #expect(Double(feed.handedOver) >= 19 * rate)
  }

  @Test func `what is pending anyway costs nothing of the rate`() {
    var feed = ReplayFeed(ratePerSecond: 1, now: start)
    feed.offer(positions(3))
    for _ in 0..<3 {
      guard case .handOver(let batch) = feed.next(now: start) else { break }
      feed.took(result(taken: 0, pending: batch.count), of: batch.count, now: start)
    }
    #expect(feed.pending == 3 && feed.next(now: start) == .hungry)
  }

  @Test func `a replay ends once`() {
    var report = ReplayReport(id: "rpl_1", kind: "event", dryRun: false, createdAt: "t0")
    report.end(.running, at: "t1")
    #expect(report.state == .running && report.endedAt == nil)
    report.end(.cancelled, at: "t1")
    report.end(.done, at: "t2")
    report.end(.failed, at: "t3", detail: "late")
    #expect(report.state == .cancelled && report.endedAt == "t1" && report.detail == nil)
  }
}
