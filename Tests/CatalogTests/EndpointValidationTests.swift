import Base
import Catalog
import Testing

/// Goal: nothing that the data plane could not use, or that could deceive a reader, is stored.
/// Method: one change of a good draft at a time, and the field that the error names.
struct EndpointValidationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let field: String
    let testDescription: String
    let change: @Sendable (inout EndpointDraft) -> Void

    init(
      _ field: String, _ what: String, _ change: @escaping @Sendable (inout EndpointDraft) -> Void
    ) {
      self.field = field
      testDescription = "\(field): \(what)"
      self.change = change
    }
  }

  static let refused: [Case] = [
    Case("url", "no scheme") { $0.url = "example.com" },
    Case("url", "another scheme") { $0.url = "ftp://example.com/" },
    Case("url", "user info") { $0.url = "https://u:p@example.com/" },
    Case("url", "decimal address") { $0.url = "https://2130706433/" },
    Case("uid", "a space") { $0.uid = "a b" },
    Case("uid", "an id's form") { $0.uid = "ep_0ujsswThIGTUYm2K8FjOOfXtY1K" },
    Case("eventTypes", "**") { $0.types = ["**"] },
    Case("eventTypes", "star in the middle") { $0.types = ["a.*.b"] },
    Case("eventTypes", "empty") { $0.types = ["a", ""] },
    Case("eventTypes", "half a word") { $0.types = ["jo*"] },
    Case("eventTypes", "too many") { $0.types = (0...10_000).map { "t\($0)" } },
    Case("channels", "a slash") { $0.channels = ["a/b"] },
    Case("sources", "a line end") { $0.sources = ["a\nb"] },
    Case("headers", "CR LF") { $0.headers = [EndpointHeader(name: "X", value: "a\r\nHost: b")] },
    Case("headers", "Host") { $0.headers = [EndpointHeader(name: "Host", value: "b")] },
    Case("headers", "webhook-signature") {
      $0.headers = [EndpointHeader(name: "webhook-signature", value: "b")]
    },
    Case("headers", "a mebibyte") {
      $0.headers = [EndpointHeader(name: "X", value: String(repeating: "a", count: 1 << 20))]
    },
    Case("headers", "authorization twice") {
      $0.headers = [EndpointHeader(name: "Authorization", value: "b")]
      $0.auth = .bearer(token: "t")
    },
    Case("auth", "a line end") { $0.auth = .bearer(token: "a\r\nb") },
    Case("auth", "colon in the user") { $0.auth = .basic(user: "a:b", password: "c") },
    Case("retry", "words") { $0.retryText = "soon" },
    Case("rate", "no period") { $0.rateText = "10" },
    Case("timeoutSeconds", "zero") { $0.timeoutSeconds = 0 },
    Case("timeoutSeconds", "not a number") { $0.timeoutSeconds = .nan },
    Case("maxInFlight", "zero") { $0.maxInFlight = 0 },
    Case("maxInFlight", "too many") { $0.maxInFlight = 1_000_000 },
    Case("maxAgeSeconds", "negative") { $0.maxAgeSeconds = -1 },
    Case("ca", "no certificate") { $0.caPEM = "hello" },
    Case("description", "an escape") { $0.description = "a\u{1B}]0;x" },
    Case("metadata", "too much") { $0.metadata = ["k": String(repeating: "a", count: 20_000)] },
    Case("secret", "no base64") { $0.secret = "whsec_!!" },
    Case("secret", "too short") { $0.secret = "whsec_AAAA" },
  ]

  @Test(arguments: refused)
  func `a bad field is refused by name`(item: Case) throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var draft = EndpointDraft.named("a")
    item.change(&draft)
    #expect(
      refusedField { _ = try catalog.createEndpoint(application: "default", draft) } == item.field)
    #expect(try catalog.endpoints(application: nil).isEmpty)
  }

  @Test(arguments: [
    ["*"], ["job.*"], ["job.completed"], ["a-b_c.d"], [], (0..<10_000).map { "t\($0)" },
  ])
  func `types of the grammar are taken`(types: [String]) throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var draft = EndpointDraft.named("a")
    draft.types = types
    #expect(try catalog.createEndpoint(application: "default", draft).types == types)
  }

  @Test func `an error never repeats a secret`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var draft = EndpointDraft.named("a")
    draft.secret = "whsec_c2VjcmV0"
    let error = refusal { _ = try catalog.createEndpoint(application: "default", draft) }
    #expect(error?.text.contains("c2VjcmV0") == false)
  }

  @Test func `two endpoints may have the same URL`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    _ = try catalog.createEndpoint(application: "default", .named("b"))
    #expect(try catalog.endpoints(application: "default").count == 2)
  }
}
