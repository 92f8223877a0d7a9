// Goal: a timeline stays bounded, keeps its ends, and its rates add up to the whole.
// Method: a steady load of a million points.
import Bench
import Testing

@Suite struct TimelineTests {
  private func point(_ number: Int) -> Timeline.Point {
    Timeline.Point(
      seconds: Double(number) / 10, acknowledged: UInt64(number) * 5,
      delivered: UInt64(number) * 50, depth: 3, cpuSeconds: Double(number) / 20,
      residentBytes: 1 << 20)
  }

  @Test func `however long it takes, the points stay few and even`() {
    var timeline = Timeline()
    for number in 0..<100_000 { timeline.add(point(number)) }
    timeline.end(point(100_000))
    #expect(timeline.points.count <= Timeline.countMax + 1)
    #expect(timeline.points.count > Timeline.countMax / 4)
    #expect(timeline.points.first == point(0))
    #expect(timeline.points.last == point(100_000))
    for rate in timeline.rates({ Double($0.delivered) }) { #expect(abs(rate.y - 500) < 0.001) }
  }

  @Test func `the last point replaces what lies behind it`() {
    var timeline = Timeline()
    timeline.add(point(0))
    timeline.add(point(10))
    timeline.end(point(7))
    #expect(timeline.points == [point(0), point(7)])
  }
}
