import Admin
import Catalog
import Flow
import Foundation
import HTTPTypes
import Testing

/// Goal: what clients of several kinds say about an endpoint means what they expect.
/// Method: decode JSON, apply it to a draft, look at the draft.
struct EndpointInTests {
  private func decode(_ text: String) throws(AdminError) -> EndpointIn {
    try JSON.decode(EndpointIn.self, from: Array(text.utf8))
  }

  private func refusal(_ text: String) -> AdminError? {
    do throws(AdminError) {
      _ = try decode(text).draft()
      return nil
    } catch {
      return error
    }
  }

  @Test func `unknown members are ignored`() throws {
    let draft = try decode(
      #"{"url":"https://a.example/","tags":[1],"deliverAt":null,"x":{"y":[{}]},"version":9}"#
    ).draft()
    #expect(draft == EndpointDraft(url: "https://a.example/"))
  }

  @Test func `every member reaches the draft`() throws {
    let draft = try decode(
      #"""
      {"url":"https://a.example/","uid":"hook","description":"d","eventTypes":["a","b.*"],
       "channels":["c"],"sources":["s"],"disabled":true,"paused":true,"secret":"whsec_x",
       "headers":{"X-B":"2","X-A":"1"},"auth":{"basic":"u:p:q"},"format":"raw","signing":"svix",
       "retry":"5s,1m","timeoutSeconds":2.5,"rate":"10/s","maxInFlight":3,"ordered":true,
       "ca":"PEM","maxAgeSeconds":99,"metadata":{"k":"v"}}
      """#
    ).draft()
    var expected = EndpointDraft(url: "https://a.example/")
    expected.uid = "hook"
    expected.description = "d"
    expected.types = ["a", "b.*"]
    expected.channels = ["c"]
    expected.sources = ["s"]
    expected.disabled = true
    expected.disabledReason = "by hand"
    expected.paused = true
    expected.secret = "whsec_x"
    expected.headers = [
      EndpointHeader(name: "X-A", value: "1"), EndpointHeader(name: "X-B", value: "2"),
    ]
    expected.auth = .basic(user: "u", password: "p:q")
    expected.format = .raw
    expected.signing = .svix
    expected.retryText = "5s,1m"
    expected.timeoutSeconds = 2.5
    expected.rateText = "10/s"
    expected.maxInFlight = 3
    expected.ordered = true
    expected.caPEM = "PEM"
    expected.maxAgeSeconds = 99
    expected.metadata = ["k": "v"]
    #expect(draft == expected)
  }

  @Test(
    arguments: [
      (#""filterTypes":[]"#, []), (#""filterTypes":["a"]"#, ["a"]), (#""eventTypes":null"#, []),
      (#""eventTypes":["b"],"filterTypes":["a"]"#, ["b"]), (#""description":"none given""#, []),
    ] as [(String, [String])])
  func `types come under both their names, and an empty list is all`(
    member: String, types: [String]
  ) throws {
    #expect(try decode(#"{"url":"https://a.example/",\#(member)}"#).draft().types == types)
  }

  @Test func `Svix's whole number is a rate a second, and name and enabled are understood`() throws
  {
    let draft = try decode(
      #"{"url":"https://a.example/","throttleRate":7,"name":"n","enabled":false}"#
    ).draft()
    #expect(draft.rateText == "7/s")
    #expect(draft.uid == "n")
    #expect(draft.disabled)
  }

  @Test func `PATCH changes what is there, and null sets back`() throws {
    var draft = EndpointDraft(url: "https://a.example/")
    draft.uid = "n"
    draft.description = "old"
    draft.types = ["a"]
    draft.rateText = "1/s"
    draft.maxInFlight = 5
    var changed = draft
    try decode(#"{"description":"new","rate":null,"maxInFlight":null}"#).apply(to: &changed)
    draft.description = "new"
    draft.rateText = nil
    draft.maxInFlight = 64
    #expect(changed == draft)
  }

  @Test func `PUT sets back what Svix knows and leaves Fanfare's own properties`() throws {
    var draft = EndpointDraft(url: "https://a.example/")
    draft.uid = "n"
    draft.description = "old"
    draft.types = ["a"]
    draft.channels = ["c"]
    draft.metadata = ["k": "v"]
    draft.disabled = true
    draft.disabledReason = "x"
    draft.auth = .bearer(token: "t")
    draft.retryText = "5s"
    try decode(#"{"url":"https://b.example/"}"#).replace(&draft)
    var expected = EndpointDraft(url: "https://b.example/")
    expected.uid = "n"
    expected.auth = .bearer(token: "t")
    expected.retryText = "5s"
    #expect(draft == expected)
  }

  @Test func `what a listing masks is kept when it comes back`() throws {
    var draft = EndpointDraft(url: "https://a.example/")
    draft.headers = [EndpointHeader(name: "X-Key", value: "secret")]
    draft.auth = .bearer(token: "t")
    let before = draft
    try decode(#"{"headers":{"x-key":"…","X-None":"…"},"auth":"bearer"}"#).apply(to: &draft)
    #expect(draft == before)
    try decode(#"{"headers":{},"auth":"none"}"#).apply(to: &draft)
    #expect(draft.headers.isEmpty)
    #expect(draft.auth == .none)
  }

  @Test(
    arguments: [
      (#"{}"#, ["body", "url"]), (#"{"url":null}"#, ["body", "url"]),
      (#"{"url":5}"#, ["body", "url"]),
      (#"{"url":"https://a.example/","eventTypes":"a"}"#, ["body", "eventTypes"]),
      (#"{"url":"https://a.example/","eventTypes":["a",1]}"#, ["body", "eventTypes", "1"]),
      (#"{"url":"https://a.example/","disabled":"yes"}"#, ["body", "disabled"]),
      (#"{"url":"https://a.example/","maxInFlight":1.5}"#, ["body", "maxInFlight"]),
      (#"{"url":"https://a.example/","format":"xml2"}"#, ["body", "format"]),
      (#"{"url":"https://a.example/","headers":{"a":1}}"#, ["body", "headers", "a"]),
      (#"{"url":"https://a.example/","auth":{"basic":"nocolon"}}"#, ["body", "auth", "basic"]),
      (#"{"url":"https://a.example/","auth":{"basic":"a:b","bearer":"t"}}"#, ["body", "auth"]),
    ] as [(String, [String])])
  func `a wrong member is refused with its place`(text: String, place: [String]) {
    let error = refusal(text)
    #expect(error?.status.code == 422)
    #expect(error?.location == place)
  }

  @Test(arguments: ["", "{", "[]x", "nope", "{\"url\":\"a\",}"])
  func `what is not JSON is a bad request`(text: String) {
    #expect(refusal(text)?.status.code == 400)
  }
}
