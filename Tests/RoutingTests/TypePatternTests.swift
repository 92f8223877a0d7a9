import Routing
import Testing

// Goal: exactly the three forms of the contract are read, and each matches what it says.
// Method: tables.
@Suite struct TypePatternTests {
  @Test(arguments: [
    ("job.completed", "job.completed", true), ("job.completed", "job.complete", false),
    ("job.completed", "job.completed.late", false), ("job.*", "job.completed", true),
    ("job.*", "job.a.b", true), ("job.*", "job", false), ("job.*", "jobs.a", false),
    ("a.b.*", "a.b.c", true), ("a.b.*", "a.c", false), ("*", "anything", true),
    ("*", "a.b.c.d", true),
  ])
  func `a pattern matches the types it names`(pattern: String, type: String, isMatch: Bool) throws {
    let parsed = try TypePattern(parsing: pattern)
    #expect(unsafe Array(type.utf8).withUnsafeBytes { unsafe parsed.matches($0) } == isMatch)
    #expect(parsed.description == pattern)
  }

  @Test(arguments: [
    "**", "a.*.b", "*.a", "a*", "a.", ".a", "a..b", ".*", "a b", "jöb", "a.**", "a,b", "*.*",
  ])
  func `what is outside the grammar is refused and quoted`(text: String) {
    #expect(throws: TypePatternError.malformed(text)) { try TypePattern(parsing: text) }
    #expect(TypePatternError.malformed(text).text.contains("'\(text)'"))
  }

  @Test func `an empty pattern and one longer than a type are refused`() {
    #expect(throws: TypePatternError.empty) { try TypePattern(parsing: "") }
    let long = String(repeating: "a", count: 129)
    #expect(throws: TypePatternError.tooLong(long)) { try TypePattern(parsing: long) }
    #expect(throws: Never.self) { try TypePattern(parsing: String(long.dropLast()) + ".*") }
  }
}
