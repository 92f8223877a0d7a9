// Goal: a threshold says which figure missed it and by how much.
// Method: values on both sides of each kind of limit.
import Bench
import Testing

@Suite struct ThresholdTests {
  @Test func `a limit holds up to its own value`() {
    let most = Threshold("lag p99", .most, 0.05, .seconds)
    #expect(most.holds(for: 0.05) && most.holds(for: 0))
    #expect(!most.holds(for: 0.050_01))
    let least = Threshold("deliveries", .least, 1000, .perSecond)
    #expect(least.holds(for: 1000) && !least.holds(for: 999))
  }

  @Test func `what was not measured keeps nothing`() {
    #expect(!Threshold("lag p99", .most, 1, .seconds).holds(for: nil))
    #expect(!Threshold("deliveries", .least, 0, .perSecond).holds(for: nil))
  }

  @Test func `a miss is told with its size`() {
    let most = Threshold("lag p99", .most, 0.05, .seconds)
    #expect(most.verdict(on: 0.061) == "lag p99 was 61.0 ms, 22.0 % over the limit of 50.0 ms")
    let least = Threshold("deliveries", .least, 1000, .perSecond)
    #expect(
      least.verdict(on: 750) == "deliveries was 750/s, 25.0 % under the least of 1,000/s")
    #expect(Threshold("x", .most, 0, .microseconds).verdict(on: 1).contains("over the limit"))
  }

  @Test(arguments: [
    (0.0, "0"), (0.0004, "0.000"), (0.42, "0.420"), (3.14159, "3.14"), (61.23, "61.2"),
    (999.4, "999"), (72_431.2, "72,431"), (1_234_567.0, "1,234,567"), (-2.5, "-2.50"),
  ])
  func `figures have the digits that count`(value: Double, text: String) {
    #expect(FigureText.number(value) == text)
  }

  @Test func `times have their unit`() {
    #expect(FigureText.duration(1.5) == "1.50 s")
    #expect(FigureText.duration(0.0034) == "3.40 ms")
    #expect(FigureText.duration(0.00018) == "180 µs")
  }
}
