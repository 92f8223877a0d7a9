// Goal: commands, refusals and their recovery come out the same however the stream is cut.
// Method: a driver that owns a buffer as a session does, run on whole and on split streams.
import Base
import Testing
import Wire

/// What a session would have seen.
private enum Seen: Equatable {
  case command([String])
  case failure(RESPError)
}

/// Feeds a stream in pieces and acts on the results as a session does; stops after a fatal error.
private func drive(
  _ stream: [UInt8], pieces: [Int], payloadMax: Int = 1 << 20, commandBytesMax: Int = 1 << 21
) -> [Seen] {
  var parser = RESPParser(payloadMax: payloadMax, commandBytesMax: commandBytesMax)
  var held: [UInt8] = []
  var seen: [Seen] = []
  var offset = 0
  for piece in pieces {
    held += stream[offset..<offset + piece]
    offset += piece
    var isHungry = false
    while !isHungry {
      let result = unsafe lend(held) { unsafe parser.parse($0) }
      switch result {
      case .incomplete: isHungry = true
      case .discarded(let consumed): held.removeFirst(consumed)
      case .failure(let error, let consumed):
        seen.append(.failure(error))
        if error.isFatal { return seen }
        held.removeFirst(consumed)
      case .command(let consumed, let count):
        seen.append(
          .command(
            (0..<count).map { index in
              let argument = parser.arguments[index]
              let start = Int(argument.offset)
              return String(decoding: held[start..<start + Int(argument.length)], as: UTF8.self)
            }))
        held.removeFirst(consumed)
      }
    }
  }
  return seen
}

private func whole(
  _ text: String, payloadMax: Int = 1 << 20, commandBytesMax: Int = 1 << 21
) -> [Seen] {
  let stream = Array(text.utf8)
  return drive(
    stream, pieces: [stream.count], payloadMax: payloadMax, commandBytesMax: commandBytesMax)
}

private func array(_ words: String...) -> String {
  "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}

@Suite struct RESPParserTests {
  @Test func `an array of bulk strings is a command`() {
    let stream = array("PUBLISH", "job.completed", #"{"job":42}"#)
    #expect(whole(stream) == [.command(["PUBLISH", "job.completed", #"{"job":42}"#])])
  }

  @Test func `pipelined commands come out in order`() {
    let stream = array("PING") + array("ECHO", "") + "PING\r\n" + array("QUIT")
    #expect(
      whole(stream) == [
        .command(["PING"]), .command(["ECHO", ""]), .command(["PING"]), .command(["QUIT"]),
      ])
  }

  @Test func `an argument may hold any bytes, line ends included`() {
    #expect(whole(array("A", "x\r\n$3\r\n\0y")) == [.command(["A", "x\r\n$3\r\n\0y"])])
  }

  @Test(arguments: [
    ("PING\r\n", ["PING"]), ("PING\n", ["PING"]), ("  SET  a\tb \r\n", ["SET", "a", "b"]),
    ("ECHO \"hello world\"\r\n", ["ECHO", "hello world"]),
    ("PUBLISH a '{\"job\":\"x\\n\"}'\r\n", ["PUBLISH", "a", "{\"job\":\"x\\n\"}"]),
    ("PUBLISH a {\"job\":42}\r\n", ["PUBLISH", "a", "{\"job\":42}"]),
    ("ECHO ''\r\n", ["ECHO", ""]),
  ]) func `an inline command is split into words`(line: String, words: [String]) {
    #expect(whole(line) == [.command(words)])
  }

  @Test func `empty lines and empty arrays are no commands`() {
    #expect(whole("\r\n\n*0\r\n*-1\r\n   \r\nPING\r\n") == [.command(["PING"])])
  }

  @Test(arguments: [
    ("*x\r\n", RESPError.invalidCount), ("*1\rX", .expectedLineEnd), ("*1 \r\n", .expectedLineEnd),
    ("*9999999\r\n", .invalidCount), ("*1\r\n:5\r\n", .expectedBulk(0x3A)),
    ("*1\r\n$-1\r\n", .invalidLength), ("*1\r\n$\r\n", .invalidLength),
    ("*1\r\n$99999999999\r\n", .invalidLength), ("*1\r\n$3\r\nabcd\r\n", .expectedLineEnd),
    ("$5\r\nhello\r\n", .unexpectedType(0x24)), ("\u{16}\u{3}\u{1}", .unexpectedType(0x16)),
    ("ECHO \"a\r\n", .unbalancedQuotes), ("ECHO \"a\"b\r\n", .unbalancedQuotes),
  ]) func `a broken frame is fatal`(stream: String, error: RESPError) {
    #expect(whole(stream) == [.failure(error)])
    #expect(error.isFatal)
  }

  @Test func `an escape in an inline command is refused and the next one taken`() {
    #expect(
      whole("ECHO \"a\\n\"\r\nPING\r\n") == [.failure(.inlineEscape), .command(["PING"])])
  }

  @Test func `payloads of nothing and of the limit pass, one byte more does not`() {
    let limit = 100
    let exact = String(repeating: "x", count: limit)
    let stream =
      array("P", "t", "") + array("P", "t", exact) + array("P", "t", exact + "x")
      + array("PING")
    #expect(
      whole(stream, payloadMax: limit) == [
        .command(["P", "t", ""]), .command(["P", "t", exact]), .failure(.tooLarge(limit: limit)),
        .command(["PING"]),
      ])
  }

  @Test func `the arguments after one that is too large are skipped too`() {
    let big = String(repeating: "x", count: 50)
    let stream = array("EMIT", big, "ID", big, "") + array("PING")
    #expect(
      whole(stream, payloadMax: 10) == [.failure(.tooLarge(limit: 10)), .command(["PING"])])
  }

  @Test func `a command longer than its limit is skipped`() {
    let words = String(repeating: "x", count: 60)
    let stream = array("EMIT", words, words) + array("PING")
    #expect(
      whole(stream, commandBytesMax: 100)
        == [.failure(.commandTooLarge(limit: 100)), .command(["PING"])])
  }

  @Test func `64 arguments pass and 65 are skipped`() {
    func command(_ count: Int) -> String {
      "*\(count)\r\n" + String(repeating: "$1\r\na\r\n", count: count)
    }
    let words = [String](repeating: "a", count: 64)
    #expect(
      whole(command(64) + command(65) + array("PING"))
        == [.command(words), .failure(.tooManyArguments), .command(["PING"])])
  }

  @Test func `an inline command has an end`() {
    let line = String(repeating: "a", count: RESPParser.inlineBytesMax + 1)
    #expect(whole(line) == [.failure(.inlineTooLong)])
  }

  @Test func `a parser is idle between commands only`() {
    var parser = RESPParser(payloadMax: 10, commandBytesMax: 100)
    #expect(parser.isIdle)
    #expect(unsafe lend("*1\r\n$4\r\nPI") { unsafe parser.parse($0) } == .incomplete)
    #expect(!parser.isIdle)
    let stream = array("PING")
    #expect(
      unsafe lend(stream) { unsafe parser.parse($0) }
        == .command(consumed: stream.utf8.count, argumentCount: 1))
    #expect(parser.isIdle)
  }

  static let splitStream = Array(
    (array("PUBLISH", "job.done", "{}") + "PING\r\n" + array("EMIT", "too large", "ID", "x")
      + "\r\n*0\r\n" + "ECHO 'a b'\n" + array("GET", "", "12345678")
      + "*70\r\n" + String(repeating: "$1\r\na\r\n", count: 70) + array("END")).utf8)

  @Test func `a stream cut in two anywhere gives the same commands`() {
    let stream = Self.splitStream
    let expected = drive(stream, pieces: [stream.count], payloadMax: 8)
    #expect(expected.count == 7)
    for cut in 0...stream.count {
      let seen = drive(stream, pieces: [cut, stream.count - cut], payloadMax: 8)
      #expect(seen == expected, "cut at \(cut)")
    }
  }

  @Test func `a stream byte by byte gives the same commands`() {
    let stream = Self.splitStream
    let pieces = [Int](repeating: 1, count: stream.count)
    #expect(
      drive(stream, pieces: pieces, payloadMax: 8)
        == drive(stream, pieces: [stream.count], payloadMax: 8))
  }

  @Test func `a damaged stream gives the same commands however it is cut`() {
    var random = SeededRandom(seed: 43)
    let junk = Array("*$\r\n-0123456789 '\"\\\0+".utf8)
    for _ in 0..<2000 {
      var stream = Self.splitStream
      for _ in 0..<1 + random.below(3) {
        let index = Int(random.below(UInt64(min(stream.count, 160))))
        if random.oneIn(2) {
          stream.remove(at: index)
        } else {
          stream[index] = junk[Int(random.below(UInt64(junk.count)))]
        }
      }
      var pieces: [Int] = []
      var left = stream.count
      while left > 0 {
        pieces.append(1 + Int(random.below(UInt64(min(left, 30)))))
        left -= pieces[pieces.count - 1]
      }
      #expect(
        drive(stream, pieces: pieces, payloadMax: 8)
          == drive(stream, pieces: [stream.count], payloadMax: 8))
    }
  }
}
