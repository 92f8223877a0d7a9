import Base
import Broker
import Testing

/// Goal: whatever happens, of one type and endpoint there is at most one event a minute, a bounded
/// number in all, and the counts add up.
/// Method: the pace alone, with a clock that the test moves.
struct OperationalPaceTests {
  private let start = Instant(nanoseconds: 5_000_000_000)

  private func recovered(_ endpoint: UInt32) -> OperationalEvent {
    OperationalEvent(.recovered(endpoint: endpoint))
  }

  @Test func `the first is told soon, those of the minute after it together`() {
    var pace = OperationalPace()
    #expect(pace.due == .distantFuture)
    pace.add(recovered(1), now: start)
    pace.add(recovered(1), now: start + .milliseconds(100))
    #expect(pace.due == start + OperationalPace.delay)
    #expect(pace.take(now: start + .milliseconds(499), max: 9).isEmpty)
    let told = start + OperationalPace.delay
    #expect(pace.take(now: told, max: 9).map(\.count) == [2])
    #expect(pace.due == .distantFuture, "nobody wakes up to tell nothing")
    for second in 1...50 { pace.add(recovered(1), now: told + .seconds(UInt64(second))) }
    #expect(pace.due == told + OperationalPace.interval)
    #expect(pace.take(now: told + .seconds(59), max: 9).isEmpty)
    #expect(pace.take(now: told + .seconds(60), max: 9).map(\.count) == [50])
    #expect(pace.take(now: told + .seconds(120), max: 9).isEmpty)
    // A quiet minute later it is new again.
    pace.add(recovered(1), now: told + .seconds(500))
    #expect(pace.due == told + .seconds(500) + OperationalPace.delay)
  }

  @Test func `endpoints and types do not wait for each other`() {
    var pace = OperationalPace()
    pace.add(recovered(1), now: start)
    pace.add(recovered(2), now: start)
    pace.add(OperationalEvent(.paused(endpoint: 1)), now: start)
    pace.add(OperationalEvent(.diskLow(freeBytes: 1, totalBytes: 2)), now: start)
    let told = pace.take(now: start + OperationalPace.delay, max: 9)
    #expect(told.map(\.type) == [
      "fanfare.endpoint.recovered", "fanfare.endpoint.recovered", "fanfare.endpoint.paused",
      "fanfare.disk.low",
    ])
    #expect(told.map(\.endpoint) == [1, 2, 1, nil])
  }

  @Test func `a storm over many endpoints is told a few at a time, and all of it`() {
    var pace = OperationalPace()
    var counts: [UInt32: Int] = [:]
    var now = start
    for round in 0..<10 {
      for endpoint in 0..<1_000 { pace.add(recovered(UInt32(endpoint)), now: now) }
      for _ in 0..<10 {
        now = now + .milliseconds(200)
        let told = pace.take(now: now, max: 20)
        #expect(told.count <= 20, "round \(round)")
        for event in told { counts[event.endpoint ?? 9_999, default: 0] += event.count }
      }
    }
    while pace.due != .distantFuture {
      now = max(now, pace.due)
      for event in pace.take(now: now, max: 20) {
        counts[event.endpoint ?? 9_999, default: 0] += event.count
      }
    }
    #expect(counts.count == 1_000 && counts.values.allSatisfy { $0 == 10 })
  }

  @Test func `what was refused is told a minute later, with what came meanwhile`() {
    var pace = OperationalPace()
    pace.add(recovered(1), now: start)
    let told = start + .seconds(1)
    let events = pace.take(now: told, max: 9)
    for event in events { pace.putBack(event, now: told) }
    pace.add(recovered(1), now: told + .seconds(1))
    #expect(pace.take(now: told + .seconds(59), max: 9).isEmpty)
    #expect(pace.take(now: told + .seconds(60), max: 9).map(\.count) == [2])
  }

  @Test func `the end takes what waits, due or not`() {
    var pace = OperationalPace()
    pace.add(recovered(1), now: start)
    _ = pace.take(now: start + .seconds(1), max: 9)
    for _ in 0..<7 { pace.add(recovered(1), now: start + .seconds(2)) }
    pace.add(recovered(2), now: start + .seconds(2))
    #expect(pace.takeAll(max: 9).map(\.count).sorted() == [1, 7])
    #expect(pace.due == .distantFuture)
  }
}
