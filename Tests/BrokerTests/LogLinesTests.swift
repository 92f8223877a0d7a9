// Goal: a log line is one line whatever the text, and a storm of equal lines does not fill the disk.
// Method: render fields; drive the limiter with a clock of our own.
import Broker
import Testing

struct LogLinesTests {
  @Test func `a line end or quote in a value can't forge a line`() {
    let line = LogLines.logfmt([("msg", "a\nlevel=error"), ("url", "x\"y"), ("n", "5")])
    #expect(line == #"msg="a\nlevel=error" url="x\"y" n=5"#)
    #expect(LogLines.json([("msg", "tab\tbell\u{7}")]) == #"{"msg":"tab\tbell\u0007"}"#)
  }

  @Test func `the eleventh equal message of a second is left out and counted`() {
    var limiter = RepeatLimiter()
    for _ in 0..<10 { #expect(limiter.admit("x", second: 1) == 0) }
    #expect(limiter.admit("x", second: 1) == nil)
    #expect(limiter.admit("x", second: 1) == nil)
    #expect(limiter.admit("y", second: 1) == 0)
    #expect(limiter.admit("x", second: 2) == 2)
    #expect(limiter.admit("x", second: 2) == 0)
  }
}
