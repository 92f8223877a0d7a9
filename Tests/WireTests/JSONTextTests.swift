// Goal: JSON strings escape what must be escaped and nothing else.
// Method: literal texts, and every place of a word.
import Base
import Testing
import Wire

@Suite struct JSONTextTests {
  private func string(_ plain: String) -> String {
    var buffer = ByteBuffer()
    JSONText.appendString(plain, to: &buffer)
    return text(buffer)
  }

  @Test func `only what must be escaped is`() {
    #expect(string("") == "\"\"")
    #expect(string("a/b \u{E9}\u{1D11E}\u{7F}") == "\"a/b \u{E9}\u{1D11E}\u{7F}\"")
    #expect(string("\"\\\n\r\t\u{8}\u{C}\u{1}\u{1F}") == #""\"\\\n\r\t\b\f\u0001\u001f""#)
  }

  @Test func `an escape is right at every place of a word`() {
    for padding in 0...20 {
      let plain = String(repeating: "x", count: padding)
      #expect(string(plain + "\"" + plain) == "\"" + plain + "\\\"" + plain + "\"")
      #expect(string(plain + "\u{E9}\n" + plain) == "\"" + plain + "\u{E9}\\n" + plain + "\"")
    }
  }
}
