// Goal: the report is one file that fetches nothing and shows what it was given.
// Method: a measurement with everything in it, hostile text included; and an empty one.
import Bench
import Testing

@Suite struct HTMLReportTests {
  private func measurement() -> Measurement {
    var m = Measurement()
    m.events = 1000
    m.deliveries = 4000
    m.promised = 4000
    m.lost = 0
    m.twice = 0
    m.seconds = 2
    m.publishSeconds = 1.5
    m.peakBytes = 64 << 20
    let times = LatencyHistogram.make()
    for value in 1...4000 { times.record(nanoseconds: UInt64(value) * 10_000) }
    m.acknowledgement = times.snapshot()
    m.lag = times.snapshot()
    for step in 0...20 {
      m.timeline.add(
        Timeline.Point(
          seconds: Double(step) / 10, acknowledged: UInt64(step * 50),
          delivered: UInt64(step * 200), depth: UInt64(step), cpuSeconds: Double(step) / 10,
          residentBytes: 50 << 20))
    }
    m.settings = [("delivered to", "https://example.com/<script>alert(1)</script>")]
    return m
  }

  /// What makes a browser fetch something, wherever it stands.
  private static let fetching = [
    "src=", "href=", "url(", "@import", "<link", "<script", "<iframe", "<img", "<image", "xmlns",
  ]

  @Test func `nothing in it is fetched from elsewhere`() {
    let html = HTMLReport(
      measurement(),
      verdicts: [Verdict(Threshold("lag p99", .most, 0.001, .seconds), 0.04)],
      title: "A <b>title</b>"
    ).html
    for word in Self.fetching { #expect(!html.contains(word), "\(word)") }
    // The URL of a target is text, and the only one.
    let withoutTarget = html.replacing("https://example.com/", with: "")
    #expect(!withoutTarget.contains("http://") && !withoutTarget.contains("https://"))
    #expect(html.contains("&lt;script&gt;") && html.contains("A &lt;b&gt;title"))
    #expect(html.contains("lag p99 was 40.0 ms"))
  }

  @Test func `each plot has its lines within the drawing`() throws {
    let html = HTMLReport(measurement(), verdicts: [], title: "t").html
    let lines = html.matches(of: /<polyline class="s\d" points="([^"]+)"/)
    #expect(lines.count == 7)
    for line in lines {
      for pair in line.output.1.split(separator: " ") {
        let place = pair.split(separator: ",").compactMap { Double($0) }
        try #require(place.count == 2)
        #expect((0...720).contains(place[0]) && (0...280).contains(place[1]), "\(pair)")
      }
    }
  }

  @Test func `a measurement of nothing has a report too`() {
    let html = HTMLReport(Measurement(), verdicts: [], title: "t").html
    #expect(html.contains("Too short to plot") && html.contains("Not measured"))
    #expect(html.firstMatch(of: /\b(nan|inf)\b/) == nil)
  }
}
