// Goal: the exposition is what Prometheus reads: escaped labels, cumulative buckets, +Inf equal to count.
// Method: write families and compare lines.
import Base
import Broker
import Testing

struct PrometheusTextTests {
  @Test func `labels are escaped and whole numbers are whole`() {
    var out = PrometheusText()
    out.family("a_total", .counter, "Help.")
    out.sample("a_total", [("type", "x\"\\\n")], 3)
    #expect(out.text == "# HELP a_total Help.\n# TYPE a_total counter\na_total{type=\"x\\\"\\\\\\n\"} 3\n")
  }

  @Test func `buckets of two threads add up and rise to the count`() {
    let one = Histogram()
    let two = Histogram()
    one.record(.microseconds(100))
    one.record(.milliseconds(3))
    two.record(.seconds(100))
    var out = PrometheusText()
    out.histogram("t_seconds", "Help.", [one, two])
    let lines = out.text.split(separator: "\n").filter { $0.hasPrefix("t_seconds_bucket") }
    let counts = lines.compactMap { Double($0.split(separator: " ").last ?? "") }
    #expect(counts == counts.sorted())
    #expect(counts.first == 1)
    #expect(counts.last == 3)
    #expect(out.text.contains("t_seconds_bucket{le=\"+Inf\"} 3\n"))
    #expect(out.text.contains("t_seconds_count 3\n"))
  }
}
