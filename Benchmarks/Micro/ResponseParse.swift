internal import Base
internal import Wire

extension MicroCase {
  /// An endpoint's answer, as nginx gives it.
  static func responseParse() -> MicroCase {
    let answer = Array(
      """
      HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 21 Nov 2024 12:00:00 GMT\r\n\
      Content-Type: application/json\r\nContent-Length: 15\r\nConnection: keep-alive\r\n\r\n\
      {"status":"ok"}
      """.utf8)
    let reader = ResponseReader()
    return MicroCase(name: "response", event: "an answer of \(answer.count) B parsed") { events in
      var sum: UInt64 = 0
      unsafe answer.withUnsafeBytes { answer in
        for _ in 0..<events { sum &+= UInt64(unsafe reader.read(answer)) }
      }
      return sum
    }
  }
}

/// A closure keeps no noncopyable value; an object does.
private final class ResponseReader {
  private var parser = ResponseParser()
  private var body = ByteBuffer(capacity: 1024)

  func read(_ answer: UnsafeRawBufferPointer) -> Int {
    parser.reset()
    body.removeAll()
    guard case .complete(let consumed) = unsafe parser.feed(answer, keeping: &body),
      parser.status == 200, parser.keepAlive
    else { invariantBroken("a good answer was refused") }
    return consumed
  }
}
