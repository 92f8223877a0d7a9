import Base
import Broker
import Catalog
import Flow
import Testing

/// Goal: an answer finds its attempt, what nobody comes for goes, and header lines of any shape are
/// read without showing what is not for everybody.
/// Method: the pure parts by hand.
struct AttemptAnswerTests {
  private func key(_ event: UInt64, attempt: UInt16 = 1) -> HeldAnswers.Key {
    HeldAnswers.Key(EndpointNumber(1), Position(sequence: event, index: 0), attempt)
  }

  @Test func `what is held is taken once, by its attempt`() {
    var held = HeldAnswers()
    held.hold(.reason("first"), of: key(1))
    held.hold(.reason("second"), of: key(1, attempt: 2))
    #expect(held.take(key(2)) == nil)
    #expect(held.take(key(1, attempt: 2)) == .reason("second"))
    #expect(held.take(key(1, attempt: 2)) == nil)
    #expect(held.take(key(1)) == .reason("first"))
  }

  @Test func `what nobody takes has a bound, and goes in the end`() {
    var held = HeldAnswers()
    var count: UInt64 = 0
    while held.hasRoom {
      held.hold(.answer(head: [], body: [UInt8](repeating: 0, count: 16_384)), of: key(count))
      count += 1
    }
    #expect((500...520).contains(count))
    held.endRound()
    #expect(!held.hasRoom && held.take(key(0)) != nil)
    for _ in 0..<100 { held.endRound() }
    #expect(held.hasRoom && held.take(key(1)) == nil)
  }

  @Test func `header lines are read as they came, cut short or folded`() {
    func read(_ text: String) -> [[String]] {
      HeaderLines.read(Array(text.utf8)).map { [$0.name, $0.value] }
    }
    #expect(
      read("Content-Type:  text/plain \r\nX: a\r\n\tb\r\nEmpty:\r\n\r\n")
        == [["Content-Type", "text/plain"], ["X", "a b"], ["Empty", ""]])
    #expect(read("A: 1\nB: 2\nContent-Le") == [["A", "1"], ["B", "2"]])
    #expect(read("") == [] && read(" folded onto nothing\r\n") == [])
  }

  @Test func `cookies and challenges are not shown`() {
    let head = "Set-Cookie: id=planted\r\n  folded-planted\r\nX: y\r\nWWW-Authenticate: Bearer planted\r\n"
    let shown = HeaderLines.read(Array(head.utf8))
    #expect(shown.map(\.name) == ["Set-Cookie", "X", "WWW-Authenticate"])
    #expect(shown.map(\.value) == [HeaderLines.hiddenValue, "y", HeaderLines.hiddenValue])
  }
}
