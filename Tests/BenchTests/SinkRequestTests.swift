// Goal: the sink reads the requests of any HTTP/1.1 client, whole or in pieces.
// Method: heads byte by byte, in any spelling.
import Bench
import Testing

@Suite struct SinkRequestTests {
  private func read(_ text: String) -> SinkRequest.Progress {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe SinkRequest.read($0) }
  }

  @Test(arguments: ["Content-Length: 17", "content-length:17", "CONTENT-LENGTH:   17"])
  func `endpoint and length are found, however they are spelled`(header: String) {
    let text = "POST /e12 HTTP/1.1\r\nHost: a\r\nConnection: x\r\n\(header)\r\nA: b\r\n\r\n"
    for end in 1..<text.utf8.count {
      guard case .incomplete = read(String(decoding: text.utf8.prefix(end), as: UTF8.self)) else {
        Issue.record("\(end) bytes are no whole head")
        return
      }
    }
    guard case .whole(let request) = read(text + "body") else {
      Issue.record("the head was not read")
      return
    }
    #expect(request.endpoint == 12)
    #expect(request.headBytes == text.utf8.count)
    #expect(request.bodyBytes == 17)
  }

  @Test func `other paths are no endpoint, and an endless head is refused`() {
    guard case .whole(let request) = read("GET / HTTP/1.1\r\nHost: a\r\n\r\n") else {
      Issue.record("the head was not read")
      return
    }
    #expect(request.endpoint == -1 && request.bodyBytes == 0)
    guard case .invalid = read(String(repeating: "x", count: 20_000)) else {
      Issue.record("20,000 bytes without a line end are no head")
      return
    }
  }
}
