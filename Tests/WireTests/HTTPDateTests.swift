// Goal: the three date forms of HTTP are read, and nothing else.
// Method: the example of RFC 9110 in each form; texts that are refused.
import Base
import Testing
import Wire

@Suite struct HTTPDateTests {
  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    "sun, 06 nov 1994 08:49:37 gmt",
  ]) func `the three forms are the same time`(text: String) {
    #expect(HTTPDate.parse(text) == 784_111_777)
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
  ]) func `a date is written in the one form that may be sent`(seconds: UInt64, text: String) {
    #expect(HTTPDate.text(UnixMilliseconds(seconds * 1000)) == text)
    #expect(HTTPDate.parse(text) == seconds)
  }

  @Test func `a date before 1970 is long past`() {
    #expect(HTTPDate.parse("Wed, 01 Jan 1800 00:00:00 GMT") == 0)
  }

  @Test(arguments: [
    "", "tomorrow", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x",
  ]) func `no date is refused`(text: String) {
    #expect(HTTPDate.parse(text) == nil)
  }
}
