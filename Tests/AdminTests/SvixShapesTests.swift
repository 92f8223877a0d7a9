import Admin
import Base
import Broker
import Catalog
import Flow
import Foundation
import HTTPTypes
import Testing

/// Goal: what Svix's clients send is understood, and what they get has the members they ask for.
/// Method: codecs by table, without a broker.
struct SvixShapesTests {
  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test(arguments: [
    (#"{"a":1.0}"#, true, true, #"{"a":1.0}"#), (" {} ", true, true, " {} "),
    ("[1]", true, true, #"{"data":[1]}"#), ("1.50", true, true, #"{"data":1.50}"#),
    ("a\"b", false, true, #"{"data":"a\"b"}"#), ("\u{0}", false, false, #"{"dataBase64":"AA=="}"#),
  ])
  func `a payload is always an object`(
    data: String, isJSON: Bool, isText: Bool, expected: String
  ) {
    #expect(
      text(PayloadText.object(Array(data.utf8), isJSON: isJSON, isText: isText)) == expected)
  }

  @Test func `a raw payload takes the payload's place`() throws {
    let given = try MessageIn(
      Array(
        #"""
        {"eventType":"a","payload":{},"transformationsParams":
          {"rawPayload":"<x/>","headers":{"content-type":"text/xml"}}}
        """#.utf8))
    #expect(text(given.data) == "<x/>")
    #expect(given.contentType == "text/xml")
    #expect(text(given.shown) == #"{"data":"<x/>"}"#)
  }

  @Test func `what a PUT makes is called as its path`() throws {
    let given = try JSON.decode(ApplicationIn.self, from: Array(#"{"name":"n","uid":"a"}"#.utf8))
    #expect(try given.draft(uid: "a").uid == "a")
    #expect(try given.draft().uid == "a")
    do throws(AdminError) {
      _ = try given.draft(uid: "b")
      Issue.record("made under another name")
    } catch {
      #expect(error.status.code == 409)
    }
    let endpoint = try JSON.decode(
      EndpointIn.self, from: Array(#"{"url":"https://a.example/","uid":"a"}"#.utf8))
    #expect(throws: AdminError.self) { try endpoint.draft(uid: "b") }
  }

  @Test func `an attempt's id holds its key, and sorts by time`() {
    let early = AttemptID.text(5, seconds: 1_800_000_000)
    let late = AttemptID.text(4, seconds: 1_800_000_001)
    #expect(early.hasPrefix("atmpt_") && early < late)
    #expect(AttemptID.number(early) == 5)
    #expect(AttemptID.number("ep_" + early.dropFirst(6)) == nil)
    #expect(AttemptID.number("atmpt_1") == nil)
  }

  @Test(
    arguments: [
      (nil, false, nil, DeliveryState.Kind.success), (nil, false, 5, .pending),
      (nil, false, 11, .success), (nil, true, nil, .failed),
      (AttemptResult.success, false, 5, .success),
      (.retried, false, 5, .pending), (.retried, false, nil, .success),
      (.dead, false, nil, .failed),
      (.dead, false, 5, .pending), (.success, true, nil, .failed),
    ] as [(AttemptResult?, Bool, UInt64?, DeliveryState.Kind)])
  func `a delivery's state follows from attempt, dead letters and lane`(
    last: AttemptResult?, isDead: Bool, oldest: UInt64?, expected: DeliveryState.Kind
  ) {
    let position = Position(sequence: 10, index: 0)
    let entry = last.map {
      AttemptEntry(
        endpoint: 1, position: position, attempt: 1, time: UnixMilliseconds(1),
        durationMicroseconds: 0, status: 500, result: $0, failure: .status)
    }
    let state = DeliveryState(
      position: position, last: entry, isDead: isDead,
      oldestPending: oldest.map { Position(sequence: $0, index: 0) })
    #expect(state.kind == expected)
  }

  @Test func `an example is the first of the newest schema that has one`() {
    let schemas = #"""
      {"1":{"examples":[{"v":1}]},"2":{"examples":[{"v":2},{"v":3}]},"10":{"type":"object"}}
      """#
    func example(_ index: Int) -> String? {
      EventTypeExample.payload(schemas: schemas, index: index).map(text)
    }
    #expect(example(0) == #"{"v":2}"#)
    #expect(example(1) == #"{"v":3}"#)
    #expect(example(7) == #"{"v":2}"#)
    #expect(EventTypeExample.payload(schemas: "{}", index: 0) == nil)
    #expect(EventTypeExample.payload(schemas: nil, index: 0) == nil)
  }

  @Test func `an event type is put whole and patched in parts`() throws {
    var draft = EventTypeDraft(name: "a", description: "d")
    draft.schemas = "{}"
    draft.deprecated = true
    try EventTypeIn(Array(#"{"description":"new","unknown":1}"#.utf8)).apply(to: &draft)
    #expect(draft.description == "new" && draft.deprecated && draft.schemas == "{}")
    try EventTypeIn(Array(#"{"schemas":null}"#.utf8)).apply(to: &draft)
    #expect(draft.schemas == nil)
    try EventTypeIn(Array(#"{"description":"x"}"#.utf8)).replace(&draft)
    #expect(!draft.deprecated && draft.name == "a")
    #expect(throws: AdminError.self) { try EventTypeIn(Array(#"{"schemas":[]}"#.utf8)) }
  }

  @Test(arguments: [
    (#"{}"#, [TokenScope.read, .manage]), (#"{"readOnly":true}"#, [.read]),
    (#"{"capabilities":["ViewBase"]}"#, [.read]),
    (#"{"capabilities":["ViewBase","ManageEndpoint"]}"#, [.read, .manage]),
  ])
  func `a portal's token may do what was asked for`(body: String, scopes: [TokenScope]) throws {
    let given = try JSON.decode(PortalAccessIn.self, from: Array(body.utf8))
    #expect(given.scopes == Set(scopes))
    #expect(try given.lifetime() == UInt64(PortalAccessIn.lifetimeSecondsMax))
  }

  @Test(arguments: [#"{"expiry":3599}"#, #"{"expiry":2419201}"#])
  func `a portal's token cannot last for ever`(body: String) throws {
    let given = try JSON.decode(PortalAccessIn.self, from: Array(body.utf8))
    #expect(throws: AdminError.self) { try given.lifetime() }
  }

  @Test func `a list of attempts is asked for in Svix's words`() throws {
    let query = try AttemptQuery(
      QueryReader(
        "limit=5&status=2&status_code_class=500&event_types=a,b.*&channel=c"
          + "&before=2026-11-21T00:00:00Z&iterator=-\(AttemptID.text(9, seconds: 1_800_000_000))"))
    #expect(query.limit == 5 && query.after == 9 && query.before == nil)
    #expect(query.filter.success == false && query.filter.statusClass == 500)
    #expect(query.types == ["a", "b.*"] && query.channel == "c")
    for wrong in ["status=5", "status_code_class=250", "iterator=x", "before=yesterday", "limit=0"]
    {
      #expect(throws: AdminError.self) { try AttemptQuery(QueryReader(wrong)) }
    }
  }

  @Test func `a list of messages is walked by places in the log`() throws {
    let forward = try EventQuery(QueryReader("iterator=65536&after=1970-01-01T00:00:01Z"))
    #expect(forward.before == Position(sequence: 1, index: 0) && forward.after == nil)
    #expect(forward.since == UnixMilliseconds(1001))
    #expect(try EventQuery(QueryReader("iterator=-65536")).after == Position(sequence: 1, index: 0))
    #expect(throws: AdminError.self) { try EventQuery(QueryReader("iterator=1x")) }
  }
}
