// Goal: the bytes of a request are those that the contract and Standard Webhooks name.
// Method: whole requests compared with literal text.
import Base
import Flow
import Testing
import Wire

/// Gives `body` an event as it would lie in a block.
private func withEvent<R>(
  data: [UInt8], kind: PayloadKind, contentType: String? = nil, _ body: (EventView) -> R
) -> R {
  let type = Array("job.completed".utf8)
  let id = Array("msg_1".utf8)
  var extras: [UInt8] = []
  if let contentType {
    extras = [ExtraTag.contentType, UInt8(contentType.utf8.count), 0] + Array(contentType.utf8)
  }
  let header = EventHeader(
    time: UnixMilliseconds(1_795_245_000_123), idHash: 0, typeHash: 0, contentHash: 0,
    payloadOffset: 0, dataLength: UInt32(data.count), extrasLength: UInt32(extras.count),
    audience: .empty, application: ApplicationNumber(1), typeLength: UInt8(type.count),
    idLength: UInt8(id.count), kind: kind, flags: 0)
  return unsafe lend(type + id + extras + data) {
    unsafe body(EventView(header: header, payload: $0))
  }
}

private func body(_ format: PayloadFormat, _ data: [UInt8], _ kind: PayloadKind) -> String {
  withEvent(data: data, kind: kind) { event in
    var buffer = ByteBuffer()
    let count = RequestLayout.body(format, event: event, into: &buffer)
    #expect(count == buffer.count)
    return text(buffer)
  }
}

@Suite struct RequestLayoutTests {
  @Test func `JSON data goes verbatim into a standard body`() {
    #expect(
      body(.standard, Array(#"{"job": 42}"#.utf8), .json)
        == #"{"type":"job.completed","timestamp":"2026-11-21T07:10:00.123Z","data":{"job": 42}}"#)
  }

  @Test func `text becomes a JSON string in a standard body`() {
    #expect(
      body(.standard, Array("a \"b\"\n".utf8), .text)
        == #"{"type":"job.completed","timestamp":"2026-11-21T07:10:00.123Z","data":"a \"b\"\n"}"#)
  }

  @Test func `other bytes become data_base64 in a standard body`() {
    #expect(
      body(.standard, [0xFF, 0x00], .binary)
        == #"{"type":"job.completed","timestamp":"2026-11-21T07:10:00.123Z","data_base64":"/wA="}"#)
  }

  @Test func `every standard body is JSON`() {
    let bytes = (0...255).map { UInt8($0) }
    for (data, kind) in [(Array(0..<0x80), PayloadKind.text), (bytes, .binary), ([], .text)] {
      let made = body(.standard, data, kind)
      #expect(unsafe lend(made) { unsafe JSONScanner.scan($0) } == .valid)
    }
  }

  @Test func `a raw body is the data`() {
    #expect(body(.raw, Array("plain".utf8), .text) == "plain")
  }

  private func head(
    signing: SigningScheme, format: PayloadFormat = .standard, kind: PayloadKind = .json,
    contentType: String? = nil
  ) throws -> String {
    let target = try URLTarget(parsing: "https://example.com:8443/hook?a=b")
    let prefix = try RequestPrefix(
      target: target, version: "1.0", headers: [(name: "X-Team", value: "red")],
      authorization: "Bearer t")
    return withEvent(data: [], kind: kind, contentType: contentType) { event in
      unsafe lend("v1,AAA v1,BBB") { signature in
        var buffer = ByteBuffer()
        unsafe RequestLayout.head(
          prefix: prefix.bytes, id: event.id, timestampSeconds: 1_614_265_330,
          signature: signature, signing: signing, format: format, event: event,
          contentLength: 20, into: &buffer)
        return text(buffer)
      }
    }
  }

  @Test func `a signed head has every header once`() throws {
    #expect(
      try head(signing: .standard)
        == "POST /hook?a=b HTTP/1.1\r\nHost: example.com:8443\r\nUser-Agent: Fanfare/1.0\r\n"
        + "X-Team: red\r\nauthorization: Bearer t\r\nContent-Type: application/json\r\n"
        + "Content-Length: 20\r\nwebhook-id: msg_1\r\nwebhook-timestamp: 1614265330\r\n"
        + "webhook-signature: v1,AAA v1,BBB\r\n\r\n")
  }

  @Test func `svix signing adds its names and none leaves the signature out`() throws {
    #expect(
      try head(signing: .svix).hasSuffix(
        "webhook-signature: v1,AAA v1,BBB\r\nsvix-id: msg_1\r\nsvix-timestamp: 1614265330\r\n"
          + "svix-signature: v1,AAA v1,BBB\r\n\r\n"))
    #expect(
      try head(signing: .none).hasSuffix(
        "webhook-id: msg_1\r\nwebhook-timestamp: 1614265330\r\n\r\n"))
  }

  @Test(
    arguments: [
      (PayloadKind.json, nil, "application/json"), (.text, nil, "text/plain; charset=utf-8"),
      (.binary, nil, "application/octet-stream"),
      (.text, "text/csv; header=present", "text/csv; header=present"),
      (.json, "text/a\r\nX: y", "application/json"),
    ] as [(PayloadKind, String?, String)])
  func `raw data goes under its own content type`(
    kind: PayloadKind, given: String?, expected: String
  ) throws {
    let made = try head(signing: .none, format: .raw, kind: kind, contentType: given)
    #expect(made.contains("\r\nContent-Type: \(expected)\r\n"))
    #expect(!made.contains("X: y"))
  }

  @Test func `a prefix cannot be made with a header that ends a line`() throws {
    let target = try URLTarget(parsing: "https://example.com/")
    #expect(throws: HeaderError.invalidValue("authorization")) {
      try RequestPrefix(target: target, version: "1", authorization: "Bearer x\r\nEvil: y")
    }
    #expect(throws: HeaderError.reserved("Host")) {
      try RequestPrefix(target: target, version: "1", headers: [(name: "Host", value: "evil")])
    }
  }
}
