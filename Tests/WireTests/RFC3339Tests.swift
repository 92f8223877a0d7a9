// Goal: times have one text, and every other text of the standard is read.
// Method: known times, each day of 400 years, and texts that are refused.
import Base
import Testing
import Wire

@Suite struct RFC3339Tests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
      (1_795_245_000_123, "2026-11-21T07:10:00.123Z"),
      (253_402_300_799_000, "9999-12-31T23:59:59.000Z"),
    ] as [(UInt64, String)]) func `a time has one text and comes back`(value: UInt64, text: String)
  {
    #expect(RFC3339.text(UnixMilliseconds(value)) == text)
    #expect(RFC3339.parse(text) == UnixMilliseconds(value))
  }

  @Test func `every day of 400 years comes back`() {
    for day in stride(from: UInt64(0), to: 146_097, by: 1) {
      let time = UnixMilliseconds(day * 86_400_000)
      guard RFC3339.parse(RFC3339.text(time)) == time else {
        Issue.record("day \(day)")
        return
      }
    }
  }

  @Test(
    arguments: [
      ("1994-11-06T08:49:37Z", 784_111_777_000), ("1994-11-06t08:49:37z", 784_111_777_000),
      ("1994-11-06 09:49:37+01:00", 784_111_777_000),
      ("1994-11-06T03:19:37-05:30", 784_111_777_000),
      ("1994-11-06T08:49:37.5Z", 784_111_777_500),
      ("1994-11-06T08:49:37.123456789Z", 784_111_777_123),
      ("1990-12-31T23:59:60Z", 662_687_999_000),
    ] as [(String, UInt64)]) func `other forms are read`(text: String, value: UInt64)
  {
    #expect(RFC3339.parse(text) == UnixMilliseconds(value))
  }

  @Test(arguments: [
    "", "1994-11-06", "1994-11-06T08:49:37", "1994-13-06T08:49:37Z", "1994-02-29T08:49:37Z",
    "1994-11-06T24:00:00Z", "1994-11-06T08:49:37.Z", "1994-11-06T08:49:37Zx",
    "1994-11-06T08:49:37+1:00", "1969-12-31T23:59:59Z", "1994-11-06T08:60:37Z",
    "+994-11-06T08:49:37Z",
  ]) func `no time is refused`(text: String) {
    #expect(RFC3339.parse(text) == nil)
  }
}
