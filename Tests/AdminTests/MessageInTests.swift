import Admin
import Base
import Broker
import HTTPTypes
import Testing

/// Goal: a payload is passed on byte for byte, whatever is around it.
/// Method: requests with odd spacing, escapes and numbers that a decoder would change.
struct MessageInTests {
  private func read(_ text: String) throws(AdminError) -> MessageIn {
    try MessageIn(Array(text.utf8))
  }

  private func status(_ text: String) -> Int? {
    do throws(AdminError) {
      _ = try read(text)
      return nil
    } catch {
      return error.status.code
    }
  }

  @Test(arguments: [
    #"{ "b" : 1.10, "a" : 12345678901234567890.5e-3,"a":"}]\" \\" }"#, #"[1,  [2,{"x":[]}]]"#,
    #""text, with } and ,""#, "1.0", "true", "{}", "0e10",
  ])
  func `a payload keeps its bytes`(payload: String) throws {
    let message = try read(
      " {\n\"eventType\":\"a.b\" , \"payload\" :\t\(payload) ,\"tags\":[{\"payload\":1}]}  ")
    #expect(String(decoding: message.data, as: UTF8.self) == payload)
    #expect(message.type == "a.b")
  }

  @Test func `all members reach the broker`() throws {
    let message = try read(
      #"""
      {"eventType":"a","payload":{},"eventId":"e1","channels":["c","d"],"source":"s",
       "subject":"u","contentType":"application/vnd.x+json","payloadRetentionPeriod":5}
      """#
    ).message(application: "default")
    #expect(message.application == "default")
    #expect(message.id == "e1")
    #expect(message.channels == ["c", "d"])
    #expect(message.source == "s")
    #expect(message.subject == "u")
    #expect(message.contentType == "application/vnd.x+json")
    #expect(message.data == Array("{}".utf8))
  }

  @Test func `data that is not JSON comes in base64`() throws {
    #expect(try read(#"{"eventType":"a","dataBase64":"AP8="}"#).data == [0, 255])
  }

  @Test func `a member's name may be escaped`() throws {
    #expect(try read(#"{"event\u0054ype":"a","payload":{}}"#).type == "a")
  }

  @Test(arguments: [
    ("", 400), ("[]", 400), ("{", 400), (#"{"eventType":"a","payload":{}}x"#, 400),
    (#"{"eventType":"a","payload":{},"payload":[]}"#, 400), (#"{"payload":{}}"#, 422),
    (#"{"eventType":"a"}"#, 422), (#"{"eventType":"a","payload":null}"#, 422),
    (#"{"eventType":1,"payload":{}}"#, 422),
    (#"{"eventType":"a","payload":{},"channels":"c"}"#, 422),
    (#"{"eventType":"a","dataBase64":"*"}"#, 422),
    (#"{"eventType":"a","payload":{},"dataBase64":"AA=="}"#, 422),
  ])
  func `a wrong request is refused`(text: String, expected: Int) {
    #expect(status(text) == expected)
  }

  @Test func `an answer repeats the payload as it was`() throws {
    let given = try read(#"{"eventType":"a","payload":{ "n" : 1.0 },"eventId":"e"}"#)
    let result = PublishResult(id: "e", endpoints: 2, duplicate: false)
    let bytes = try MessageOut(given, result, now: UnixMilliseconds(0))
      .bytes(payload: given.payload ?? [])
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == #"{"duplicate":false,"endpoints":2,"eventId":"e","eventType":"a","id":"e","#
        + #""timestamp":"1970-01-01T00:00:00.000Z","payload":{ "n" : 1.0 }}"#)
  }
}
