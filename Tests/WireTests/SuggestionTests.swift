// Goal: a slip of the pen is understood, and nothing far-fetched is suggested.
// Method: misspelt commands.
import Testing
import Wire

@Suite struct SuggestionTests {
  private let commands = ["publish", "endpoint", "status", "spool", "replay"]

  @Test(arguments: [
    ("pubilsh", "publish"), ("Publish", "publish"), ("endpont", "endpoint"), ("spol", "spool"),
    ("stauts", "status"),
  ]) func `a slip of the pen is understood`(text: String, expected: String) {
    #expect(Suggestion.nearest(to: text, in: commands) == expected)
  }

  @Test func `nothing is suggested for what resembles nothing`() {
    #expect(Suggestion.nearest(to: "frobnicate", in: commands) == nil)
    #expect(Suggestion.nearest(to: "", in: commands) == nil)
    #expect(Suggestion.nearest(to: "publish", in: []) == nil)
  }
}
