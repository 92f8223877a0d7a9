// Goal: answers are byte for byte what Redis clients expect, in both versions of the protocol.
// Method: literal bytes.
import Base
import Testing
import Wire

@Suite struct RESPWriterTests {
  private func written(
    _ version: RESPVersion, _ write: (RESPWriter, inout ByteBuffer) -> Void
  ) -> String {
    var buffer = ByteBuffer()
    write(RESPWriter(version: version), &buffer)
    return text(buffer)
  }

  @Test func `plain answers are the same in both versions`() {
    for version in [RESPVersion.two, .three] {
      let answer = written(version) { writer, buffer in
        writer.simpleString("OK", into: &buffer)
        writer.integer(42, into: &buffer)
        writer.integer(.min, into: &buffer)
        writer.bulk("", into: &buffer)
        writer.bulk(text: "grün", into: &buffer)
        writer.array(2, into: &buffer)
        writer.error("NOPERM no access", into: &buffer)
      }
      #expect(
        answer == "+OK\r\n:42\r\n:-9223372036854775808\r\n$0\r\n\r\n$5\r\ngrün\r\n*2\r\n"
          + "-NOPERM no access\r\n")
    }
  }

  @Test func `null, map and push are what the version has for them`() {
    func all(_ writer: RESPWriter, _ buffer: inout ByteBuffer) {
      writer.null(into: &buffer)
      writer.nullArray(into: &buffer)
      writer.map(3, into: &buffer)
      writer.push(4, into: &buffer)
    }
    #expect(written(.two, all) == "$-1\r\n*-1\r\n*6\r\n*4\r\n")
    #expect(written(.three, all) == "_\r\n_\r\n%3\r\n>4\r\n")
  }

  @Test func `an error's detail cannot break out of its line`() {
    let answer = written(.two) { writer, buffer in
      writer.error("REJECTED", "ep 500 no\r\n+OK\u{1B}[2J", into: &buffer)
    }
    #expect(answer == "-REJECTED ep 500 no  +OK [2J\r\n")
  }

  @Test func `an error's detail is cut at 512 bytes`() {
    let answer = written(.two) { writer, buffer in
      writer.error("ERR", String(repeating: "x", count: 600), into: &buffer)
    }
    #expect(answer.utf8.count == 1 + 4 + 512 + 2)
  }

  @Test(arguments: [
    (RESPError.tooLarge(limit: 5), "-TOOLARGE argument is longer than 5 bytes\r\n"),
    (.tooManyArguments, "-ERR too many arguments\r\n"),
    (.unexpectedType(0x16), "-ERR Protocol error: expected '*', got byte 22\r\n"),
    (.unbalancedQuotes, "-ERR Protocol error: unbalanced quotes in request\r\n"),
  ]) func `a refusal names its reason`(error: RESPError, expected: String) {
    var buffer = ByteBuffer()
    error.write(to: &buffer)
    #expect(text(buffer) == expected)
  }
}
