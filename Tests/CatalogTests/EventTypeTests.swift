import Catalog
import Testing

/// Goal: event types are listed by name, keep their schemas byte for byte, and archived ones hide.
/// Method: a catalogue in a directory of its own.
struct EventTypeTests {
  @Test func `an event type keeps what was given, through changes and a restart`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    var draft = EventTypeDraft(name: "job.done", description: "A job has ended.")
    draft.schemas = #"{ "1": {"examples":[{"n":1.0}]} }"#
    draft.featureFlags = ["beta", "beta"]
    let made = try catalog.createEventType(draft)
    #expect(made.schemas == draft.schemas)
    #expect(made.featureFlags == ["beta"])
    room.time.advance(seconds: 5)
    let changed = try catalog.updateEventType("job.done") { $0.deprecated = true }
    #expect(changed.deprecated && changed.createdAt == made.createdAt)
    #expect(changed.updatedAt > made.updatedAt)
    try catalog.close()
    #expect(try room.open().eventType("job.done") == changed)
  }

  @Test func `lists are in order, and archived ones only on request`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    for name in ["c", "a", "b"] { try catalog.createEventType(EventTypeDraft(name: name)) }
    try catalog.updateEventType("b") { $0.archived = true }
    func names(_ request: PageRequest, archived: Bool) throws -> [String] {
      try catalog.eventTypes(page: request, archived: archived).elements.map(\.name)
    }
    #expect(try names(PageRequest(), archived: false) == ["a", "c"])
    #expect(try names(PageRequest(), archived: true) == ["a", "b", "c"])
    #expect(try names(PageRequest(cursor: "a"), archived: true) == ["b", "c"])
    #expect(try names(PageRequest(cursor: "c", isBackwards: true), archived: true) == ["a", "b"])
  }

  @Test func `wrong names, doubles and unknown ones are refused`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    #expect(refusedField { try catalog.createEventType(EventTypeDraft(name: "a..b")) } == "name")
    try catalog.createEventType(EventTypeDraft(name: "job.done"))
    guard
      case .conflict? = refusal({ try catalog.createEventType(EventTypeDraft(name: "job.done")) })
    else {
      Issue.record("made twice")
      return
    }
    guard case .notFound(let text)? = refusal({ _ = try catalog.eventType("job.dne") }) else {
      Issue.record("found")
      return
    }
    #expect(text.contains("did you mean 'job.done'?"))
    try catalog.removeEventType("job.done")
    #expect(refusal { try catalog.removeEventType("job.done") } != nil)
  }
}
