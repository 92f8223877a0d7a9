import Base
import Catalog
import Flow
import Testing

/// Goal: what a user says about an endpoint comes back unchanged, and names and numbers are unique.
/// Method: create, change, reopen, and compare whole records.
struct EndpointTests {
  private func full() -> EndpointDraft {
    var draft = EndpointDraft.named("hook")
    draft.description = "first line\nsecond"
    draft.types = ["job.*", "user.created", "job.*"]
    draft.channels = ["flow:1"]
    draft.sources = ["erp"]
    draft.headers = [EndpointHeader(name: "X-Key", value: "v")]
    draft.auth = .basic(user: "u", password: "p:q")
    draft.format = .raw
    draft.signing = .svix
    draft.retryText = "exp:5s,x4,max=10h,for=3d"
    draft.timeoutSeconds = 0.5
    draft.rateText = "10/s"
    draft.maxInFlight = 3
    draft.ordered = true
    draft.maxAgeSeconds = 3600
    draft.metadata = ["team": "a"]
    return draft
  }

  @Test func `a record has everything of its draft, and survives a restart`() throws {
    let room = try CatalogRoom()
    let first = try room.open()
    let made = try first.createEndpoint(application: "default", full())
    var expected = full()
    expected.types = ["job.*", "user.created"]
    #expect(EndpointDraft(record: made) == expected)
    #expect(made.number == 1)
    #expect(made.id.hasPrefix("ep_"))
    #expect(made.name == "hook")
    #expect(made.secret.hasPrefix("whsec_"))
    #expect(made.applicationNumbers == [1])
    try first.close()
    let again = try room.open()
    #expect(try again.endpoint(application: "default", idOrUID: "hook") == made)
    #expect(try again.endpoint(application: "default", idOrUID: made.id) == made)
    #expect(try again.endpoint(number: 1) == made)
  }

  @Test func `a summary says what the record says`() throws {
    let catalog = try CatalogRoom().open()
    _ = try catalog.createApplication(ApplicationDraft(name: "b", uid: "b"))
    var second = full()
    second.uid = nil
    second.disabled = true
    second.paused = true
    let records = [
      try catalog.createEndpoint(application: "default", full()),
      try catalog.createEndpoint(application: "b", second),
    ]
    let summaries = try catalog.summaries(of: [2, 7, 1])
    #expect(summaries.map { $0?.id } == [records[1].id, nil, records[0].id])
    for (record, summary) in zip(records, [summaries[2], summaries[0]]) {
      let summary = try #require(summary)
      #expect(summary.number == record.number)
      #expect(summary.uid == record.uid)
      #expect(summary.name == record.name)
      #expect(summary.application == record.applicationNumbers.first)
      #expect(summary.disabled == record.disabled)
      #expect(summary.paused == record.paused)
    }
    var all: [EndpointSummary?] = []
    try catalog.forEachSummary { all.append($0) }
    #expect(all == [summaries[2], summaries[0]])
    all = []
    try catalog.forEachSummary(application: "b") { all.append($0) }
    #expect(all == [summaries[0]])
  }

  @Test func `an endpoint without a name is called by its id`() throws {
    let room = try CatalogRoom()
    let made = try room.open().createEndpoint(application: "default", .named(nil))
    #expect(made.uid == nil)
    #expect(made.name == made.id)
  }

  @Test func `a name is unique in its application only`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createApplication(ApplicationDraft(name: "b", uid: "b"))
    _ = try catalog.createEndpoint(application: "default", .named("hook"))
    _ = try catalog.createEndpoint(application: "b", .named("hook"))
    let taken = CatalogError.conflict("endpoint 'hook' exists already")
    #expect(
      refusal { _ = try catalog.createEndpoint(application: "default", .named("hook")) } == taken)
    let other = try catalog.createEndpoint(application: "default", .named("other"))
    #expect(
      refusal {
        _ = try catalog.updateEndpoint(application: "default", id: other.id, .named("hook"))
      } == taken)
    #expect(
      refusal { _ = try catalog.linkEndpoint(application: "b", id: "hook", to: "default") } == taken
    )
  }

  @Test func `a change keeps secrets, moves the name and the time`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", full())
    room.time.advance(seconds: 5)
    var draft = EndpointDraft(record: made)
    draft.uid = "renamed"
    draft.url = "https://example.com/other"
    draft.secret = "whsec_ignored"
    let changed = try catalog.updateEndpoint(application: "default", id: "hook", draft)
    #expect(changed.secrets == made.secrets)
    #expect(changed.url == "https://example.com/other")
    #expect(changed.headers == made.headers)
    #expect(changed.createdAt == made.createdAt)
    #expect(changed.updatedAt.value == made.updatedAt.value + 5000)
    #expect(try catalog.endpoint(application: "default", idOrUID: "renamed") == changed)
    #expect(
      refusal { _ = try catalog.endpoint(application: "default", idOrUID: "hook") } != nil)
  }

  @Test func `a number is never given again, whatever was removed or restored`() throws {
    let room = try CatalogRoom()
    let first = try room.open()
    let made = try first.createEndpoint(application: "default", .named("a"))
    try first.removeEndpoint(application: "default", id: "a")
    #expect(try first.endpoint(number: made.number) == nil)
    try first.close()
    let again = try room.open()
    #expect(try again.endpointNumberHighWater() == 1)
    #expect(try again.createEndpoint(application: "default", .named("a")).number == 2)
    try again.raiseEndpointNumberHighWater(to: 40)
    try again.raiseEndpointNumberHighWater(to: 7)
    #expect(try again.createEndpoint(application: "default", .named("b")).number == 41)
  }

  @Test func `a refused creation uses no number`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = refusal { _ = try catalog.createEndpoint(application: "nobody", .named("a")) }
    #expect(try catalog.createEndpoint(application: "default", .named("a")).number == 1)
  }

  @Test func `paused and disabled are told apart, and the reason goes with enabling`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", .named("a"))
    #expect(try catalog.setPaused(application: "default", id: "a", true).paused)
    let gone = try catalog.disable(number: made.number, reason: "answered 410")
    #expect(gone?.disabled == true)
    #expect(gone?.disabledReason == "answered 410")
    #expect(try catalog.disable(number: made.number, reason: "again") == nil)
    let back = try catalog.setDisabled(application: "default", id: "a", false, reason: "x")
    #expect(!back.disabled)
    #expect(back.disabledReason == nil)
    #expect(back.paused)
  }

  @Test func `an endpoint can serve several applications, but at least one`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let b = try catalog.createApplication(ApplicationDraft(name: "b", uid: "b"))
    _ = try catalog.createEndpoint(application: "default", .named("a"))
    let both = try catalog.linkEndpoint(application: "default", id: "a", to: "b")
    #expect(both.applicationNumbers == [1, b.number])
    #expect(try catalog.endpoints(application: "b") == [both])
    #expect(
      try catalog.unlinkEndpoint(application: "b", id: "a").applicationNumbers == [1])
    guard
      case .conflict? = refusal({
        _ = try catalog.unlinkEndpoint(application: "default", id: "a")
      })
    else {
      Issue.record("an endpoint of no application is left")
      return
    }
  }

  @Test func `an unknown endpoint is refused with the nearest name`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createEndpoint(application: "default", .named("billing"))
    #expect(
      refusal { _ = try catalog.endpoint(application: "default", idOrUID: "biling") }
        == .notFound(
          "endpoint 'biling' not found in application 'default'; did you mean 'billing'?"))
  }
}
