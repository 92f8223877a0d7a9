// Goal: durations, sizes and rates mean what people mean by them, and nothing is guessed.
// Method: tables of texts with their values, and of texts that are refused.
import Testing
import Wire

@Suite struct QuantityTests {
  @Test(
    arguments: [
      ("0", 0), ("100ms", 100), ("5s", 5000), ("30m", 1_800_000), ("2h", 7_200_000),
      ("3d", 259_200_000), ("1w", 604_800_000), ("1h30m", 5_400_000), ("1D2H", 93_600_000),
    ] as [(String, UInt64)]) func `a duration is read`(text: String, value: UInt64)
  {
    #expect(Quantity.duration(text) == value)
  }

  @Test(arguments: [
    "", "5", "s", "5 s", "-5s", "5x", "1.5h", "30m1h", "5s5s", "5s ", "99999999999999999999s",
    "200000w",
    "0m0",
  ]) func `no duration is refused`(text: String) {
    #expect(Quantity.duration(text) == nil)
  }

  @Test func `the text of a duration is read back`() {
    for value: UInt64 in [0, 1, 999, 1000, 5000, 61_000, 5_400_000, 90_061_001, 2_592_000_000] {
      #expect(Quantity.duration(Quantity.durationText(value)) == value)
    }
    #expect(Quantity.durationText(5_400_000) == "1h30m")
  }

  @Test(
    arguments: [
      ("0", 0), ("512", 512), ("512B", 512), ("64KiB", 65_536), ("64k", 65_536),
      ("10GB", 10_000_000_000),
      ("1.5GiB", 1_610_612_736), ("2 MiB", 2_097_152), ("1TiB", 1_099_511_627_776), ("1kb", 1000),
    ] as [(String, UInt64)]) func `a size is read`(text: String, value: UInt64)
  {
    #expect(Quantity.size(text) == value)
  }

  @Test(arguments: [
    "", "KiB", "-1", "1.5", "1.5B", "1.25KiB", "1XiB", "1KiBs", "99999999999TiB", "1.",
  ])
  func `no size is refused`(text: String) {
    #expect(Quantity.size(text) == nil)
  }

  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_610_612_736, "1.5 GiB"),
      (UInt64.max, "15.9 EiB"),
    ] as [(UInt64, String)]) func `the text of a size is short`(value: UInt64, text: String)
  {
    #expect(Quantity.sizeText(value) == text)
  }

  @Test func `a rate is read, and its text read back`() {
    #expect(Quantity.rate("10/s") == Rate(count: 10, periodMilliseconds: 1000))
    #expect(Quantity.rate("100/m") == Rate(count: 100, periodMilliseconds: 60_000))
    #expect(Quantity.rate("5/h") == Rate(count: 5, periodMilliseconds: 3_600_000))
    #expect(Quantity.rate("100/m")?.perSecond == 100.0 / 60)
    for text in ["10/s", "100/m", "5/h", "7/d"] {
      #expect(Quantity.rate(text).map(Quantity.rateText) == text)
    }
    for text in ["", "10", "0/s", "10/", "10/ms", "/s", "-1/s", "10/s ", "10/2s"] {
      #expect(Quantity.rate(text) == nil)
    }
  }
}
