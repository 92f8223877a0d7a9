// Goal: one answer gives one result however its bytes arrive, and odd answers end as the table of
// faults says.
// Method: a table of answers, each fed whole, cut in two at every place, and byte by byte.
import Base
import Testing
import Wire

/// All that a caller can learn of an answer.
private struct Result: Equatable, CustomStringConvertible {
  var progress: String
  var status = 0
  var keepAlive = false
  var body = ""
  var retryAfter = RetryAfter.none
  var isPlainText = false
  var wasCut = false
  var hasExtra = false

  var description: String {
    "\(progress) \(status) keepAlive=\(keepAlive) \(retryAfter) plain=\(isPlainText)"
      + " cut=\(wasCut) extra=\(hasExtra) body=\(body.prefix(200))"
  }
}

private func result(
  _ bytes: [UInt8], pieces: [Int], closes: Bool, limits: ResponseLimits = ResponseLimits()
) -> Result {
  var parser = ResponseParser(limits: limits)
  var body = ByteBuffer()
  var progress = ResponseProgress.needMore
  var offset = 0
  for piece in pieces {
    progress = unsafe lend(Array(bytes[offset..<offset + piece])) {
      unsafe parser.feed($0, keeping: &body)
    }
    offset += piece
    if case .failed = progress { break }
  }
  if closes, progress == .needMore { progress = parser.connectionClosed() }
  let name =
    switch progress {
    case .needMore: "needMore"
    case .complete: "complete"
    case .failed(let error): "failed \(error)"
    }
  return Result(
    progress: name, status: parser.status, keepAlive: parser.keepAlive, body: text(body),
    retryAfter: parser.retryAfter, isPlainText: parser.bodyIsPlainText, wasCut: parser.bodyWasCut,
    hasExtra: parser.hasExtraBytes)
}

private func whole(
  _ text: String, closes: Bool = false, limits: ResponseLimits = ResponseLimits()
) -> Result {
  let bytes = Array(text.utf8)
  return result(bytes, pieces: [bytes.count], closes: closes, limits: limits)
}

private let small = ResponseLimits(
  headerBytesMax: 200, bodyBytesMax: 40, keptBytesMax: 10, interimMax: 3)

@Suite struct ResponseParserTests {
  @Test func `an answer with a length is complete and leaves the connection open`() {
    #expect(
      whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        == Result(progress: "complete", status: 200, keepAlive: true, body: "hello"))
  }

  @Test func `an answer without body leaves the connection open`() {
    for head in ["200 OK\r\nContent-Length: 0", "204 No Content", "304 Not Modified\r\nETag: 1"] {
      let seen = whole("HTTP/1.1 \(head)\r\n\r\n")
      #expect(seen.progress == "complete")
      #expect(seen.keepAlive)
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 200\r\ncontent-length:2\r\n\r\nok", true),
    ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false),
    ("HTTP/1.1 200 OK\r\nConnection: upgrade, Close\r\nContent-Length: 2\r\n\r\nok", false),
    ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true),
    ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", true),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", true),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;a=\"b\"\r\nk\r\n0\r\n\r\n",
      true
    ),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\nok\r\n00\r\nX: y\r\n\r\n",
      true
    ),
    // Two framings: the body is read as chunked, and the connection never used again.
    (
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      false
    ),
    (
      "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      true
    ),
    ("HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok", true),
  ]) func `a body is found by every framing`(answer: String, keepsAlive: Bool) {
    #expect(
      whole(answer)
        == Result(progress: "complete", status: 200, keepAlive: keepsAlive, body: "ok"))
  }

  @Test func `a body without framing ends with the connection`() {
    let answer = "HTTP/1.1 200 OK\r\n\r\nall of it"
    #expect(whole(answer).progress == "needMore")
    #expect(
      whole(answer, closes: true)
        == Result(progress: "complete", status: 200, keepAlive: false, body: "all of it"))
  }

  @Test(arguments: [
    (
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
      ResponseError.invalidContentLength
    ),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", .invalidContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", .invalidContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", .invalidContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", .invalidContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", .invalidContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .invalidContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 6\r\n\r\n", .invalidHeader),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", .invalidTransferEncoding),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      .invalidTransferEncoding
    ),
    ("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", .invalidHeader),
    ("HTTP/1.1 200 OK\r\n: 5\r\n\r\n", .invalidHeader),
    ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .invalidHeader),
    ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .unexpectedUpgrade),
    ("HTTP/2 200\r\n\r\n", .invalidStatusLine), ("HTTP/1.1 20 OK\r\n\r\n", .invalidStatusLine),
    ("HTTP/1.1 2000 OK\r\n\r\n", .invalidStatusLine),
    ("HTTP/1.1 099 X\r\n\r\n", .invalidStatusLine),
    ("SSH-2.0-OpenSSH_9.2\r\n", .invalidStatusLine),
    ("\r\nHTTP/1.1 200 OK\r\n", .invalidStatusLine),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", .invalidChunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", .invalidChunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay", .invalidChunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 x\r\nok\r\n", .invalidChunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", .invalidChunk),
  ]) func `a broken answer fails`(answer: String, error: ResponseError) {
    #expect(whole(answer).progress == "failed \(error)")
    #expect(!whole(answer).keepAlive)
  }

  @Test func `an early end says how far the answer got`() {
    #expect(whole("", closes: true).progress == "failed closedBeforeResponse")
    #expect(whole("HTTP/1.1 200", closes: true).progress == "failed closedInHeaders")
    let short = whole("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", closes: true)
    #expect(short.progress == "failed truncatedBody")
    #expect(short.status == 200)
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    #expect(whole(chunked, closes: true).progress == "failed truncatedBody")
  }

  @Test func `bytes after the answer end the connection`() {
    let one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    let seen = whole(one + "HTTP/1.1 500 X\r\n\r\n")
    #expect(seen.status == 200)
    #expect(seen.hasExtra)
    #expect(!seen.keepAlive)
    #expect(whole("HTTP/1.1 204 X\r\nContent-Length: 2\r\n\r\nok").hasExtra)
  }

  @Test(arguments: [
    ("0", RetryAfter.seconds(0)), ("120", .seconds(120)), ("-1", .none), ("1e99", .none),
    ("soon", .none), ("", .none), ("Sun, 06 Nov 1994 08:49:37 GMT", .date(784_111_777)),
    ("Fri, 31 Dec 9999 23:59:59 GMT", .date(253_402_300_799)),
  ]) func `a Retry-After is read or ignored`(value: String, expected: RetryAfter) {
    let seen = whole("HTTP/1.1 429 X\r\nRetry-After: \(value)\r\nContent-Length: 0\r\n\r\n")
    #expect(seen.retryAfter == expected)
  }

  @Test func `a Retry-After past all bounds is very late, not an overflow`() {
    let nines = String(repeating: "9", count: 60)
    let seen = whole("HTTP/1.1 503 X\r\nRetry-After: \(nines)\r\nContent-Length: 0\r\n\r\n")
    guard case .seconds(let seconds) = seen.retryAfter else {
      Issue.record("no seconds: \(seen)")
      return
    }
    #expect(seconds > 1_000_000_000_000)
  }

  @Test func `plain text is told from other bodies`() {
    func isPlain(_ type: String) -> Bool {
      whole("HTTP/1.1 400 X\r\nContent-Type: \(type)\r\nContent-Length: 0\r\n\r\n").isPlainText
    }
    #expect(isPlain("text/plain"))
    #expect(isPlain("Text/Plain ; charset=utf-8"))
    #expect(!isPlain("text/plainer"))
    #expect(!isPlain("text/html"))
  }

  @Test func `of a long body the start is kept and the whole is read`() {
    let body = String(repeating: "0123456789", count: 4)
    let seen = whole("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + body, limits: small)
    #expect(
      seen == Result(progress: "complete", status: 200, keepAlive: true, body: "0123456789"))
  }

  @Test(arguments: [
    "Content-Length: 41\r\n\r\n" + String(repeating: "x", count: 41),
    "\r\n" + String(repeating: "x", count: 41),
    "Transfer-Encoding: chunked\r\n\r\n1;" + String(repeating: "e", count: 100),
    "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + String(repeating: "t", count: 100),
    "Transfer-Encoding: chunked\r\n\r\n" + String(repeating: "1\r\nx\r\n", count: 50),
  ]) func `a body past its limit is cut and the status counts`(rest: String) {
    let seen = whole("HTTP/1.1 200 OK\r\n" + rest, limits: small)
    #expect(seen.progress == "complete")
    #expect(seen.status == 200)
    #expect(seen.wasCut)
    #expect(!seen.keepAlive)
  }

  @Test func `headers have an end`() {
    let long = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 300)
    #expect(whole(long, limits: small).progress == "failed headersTooLarge")
    let many = "HTTP/1.1 200 OK\r\n" + String(repeating: "A: b\r\n", count: 100_000)
    #expect(whole(many).progress == "failed headersTooLarge")
    // A long line of no importance passes while it stays below the limit of all.
    let line =
      "HTTP/1.1 200 " + String(repeating: "r", count: 900) + "\r\nX: "
      + String(repeating: "x", count: 9000) + "\r\nContent-Length: 0\r\n\r\n"
    #expect(whole(line).progress == "complete")
  }

  @Test func `interim answers have an end`() {
    let hint = "HTTP/1.1 103 Early Hints\r\n\r\n"
    let end = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    #expect(whole(String(repeating: hint, count: 16) + end).progress == "complete")
    #expect(
      whole(String(repeating: hint, count: 10_000) + end).progress
        == "failed tooManyInterimResponses")
  }

  @Test func `a parser can be used for the next answer`() {
    var parser = ResponseParser()
    var body = ByteBuffer()
    for status in [500, 204] {
      parser.reset()
      body.removeAll()
      #expect(!parser.hasStarted)
      let answer = "HTTP/1.1 \(status) X\r\nRetry-After: \(status)\r\nContent-Length: 0\r\n\r\n"
      let progress = unsafe lend(answer) { unsafe parser.feed($0, keeping: &body) }
      #expect(progress == .complete(consumed: answer.utf8.count))
      #expect(parser.status == status)
      #expect(parser.retryAfter == .seconds(UInt64(status)))
      #expect(parser.headersAreComplete)
    }
  }

  static let table: [String] = [
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      + "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n"
      + "Connection: keep-alive\r\n\r\nhello, world",
    "HTTP/1.1 429 Too Many\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      + "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 H\r\nContent-Length: 5\r\n\r\n"
      + "HTTP/1.1 204 No Content\nX: y\n\n",
    "HTTP/1.0 500 Oops\r\n\r\nuntil the end",
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
    "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokXX\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\rX\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\r\n",
    "HTTP/1.1 200 OK\r\nX-Long: " + String(repeating: "v", count: 252) + "\r\nA: b\r\n"
      + "Y" + String(repeating: "v", count: 251) + ": \r\nContent-Length: 1\r\n\r\n.",
    "HTTP/1.1 200 OK\r\n" + String(repeating: "n", count: 400) + ": v\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: " + String(repeating: "x,", count: 200) + "close\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + String(repeating: "b", count: 50),
    "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "b", count: 50),
    "not HTTP at all\r\n\r\n", "HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", "", "HTTP/1.1 2",
  ]

  @Test(arguments: table) func `an answer cut anywhere gives the same result`(answer: String) {
    let bytes = Array(answer.utf8)
    let short = ResponseLimits(
      headerBytesMax: 700, bodyBytesMax: 45, keptBytesMax: 8, interimMax: 3)
    for limits in [ResponseLimits(), small, short] {
      let expected = result(bytes, pieces: [bytes.count], closes: true, limits: limits)
      for cut in 0...bytes.count {
        let seen = result(
          bytes, pieces: [cut, bytes.count - cut], closes: true, limits: limits)
        #expect(seen == expected, "cut at \(cut)")
      }
      let single = [Int](repeating: 1, count: bytes.count)
      #expect(result(bytes, pieces: single, closes: true, limits: limits) == expected)
    }
  }

  @Test func `a damaged answer gives one result however it is cut`() {
    var random = SeededRandom(seed: 42)
    let junk = Array("\r\n:;, \t09afxX\0".utf8) + [0x80, 0xFF]
    for round in 0..<3000 {
      var bytes = Array(Self.table[round % Self.table.count].utf8)
      for _ in 0..<1 + random.below(3) where !bytes.isEmpty {
        let index = Int(random.below(UInt64(bytes.count)))
        switch random.below(3) {
        case 0: bytes.remove(at: index)
        case 1: bytes.insert(junk[Int(random.below(UInt64(junk.count)))], at: index)
        default: bytes[index] = junk[Int(random.below(UInt64(junk.count)))]
        }
      }
      let limits = random.oneIn(2) ? small : ResponseLimits()
      let expected = result(bytes, pieces: [bytes.count], closes: true, limits: limits)
      var pieces: [Int] = []
      var left = bytes.count
      while left > 0 {
        pieces.append(1 + Int(random.below(UInt64(min(left, 9)))))
        left -= pieces[pieces.count - 1]
      }
      let seen = result(bytes, pieces: pieces, closes: true, limits: limits)
      #expect(seen == expected, "\(String(decoding: bytes, as: UTF8.self)) in \(pieces)")
    }
  }
}

/// Goal: of a failing answer the header lines stand before the body, the same however it was cut.
struct KeptHeadTests {
  private func kept(_ text: String, cutAt cut: Int, _ limits: ResponseLimits) -> (String, Int) {
    let bytes = Array(text.utf8)
    var parser = ResponseParser(limits: limits)
    var body = ByteBuffer()
    for piece in [Array(bytes[..<cut]), Array(bytes[cut...])] where !piece.isEmpty {
      _ = unsafe lend(piece) { unsafe parser.feed($0, keeping: &body) }
    }
    #expect(parser.isComplete)
    return (String(decoding: body.array, as: UTF8.self), parser.headKept)
  }

  private let long = String(repeating: "v", count: 400)

  @Test func `whatever was read at once`() {
    let head = "X-Reason: no\r\nX-Long: \(long)\r\nContent-Length: 4\r\n\r\n"
    let text = "HTTP/1.1 100 Continue\r\nX-Not: this\r\n\r\nHTTP/1.1 503 Busy\r\n\(head)body"
    for cut in 0..<text.utf8.count {
      let (kept, length) = kept(text, cutAt: cut, ResponseLimits(headKeptBytesMax: 4_096))
      #expect(kept == head + "body" && length == head.utf8.count, "cut at \(cut)")
    }
  }

  @Test func `only of failures, only so much, only when wanted`() {
    let head = "X: y\r\nContent-Length: 2\r\n\r\n"
    func kept(_ status: Int, _ max: Int) -> String {
      self.kept(
        "HTTP/1.1 \(status) S\r\n\(head)ok", cutAt: 9, ResponseLimits(headKeptBytesMax: max)).0
    }
    #expect(kept(200, 100) == "ok" && kept(500, 0) == "ok")
    #expect(kept(300, 100) == head + "ok")
    #expect(kept(404, 7) == String(decoding: head.utf8.prefix(7), as: UTF8.self) + "ok")
  }
}
