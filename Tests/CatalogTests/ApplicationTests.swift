import Catalog
import Testing

/// Goal: applications are found by every name they have, and numbers are never given twice.
/// Method: a catalogue in a directory of its own, reopened where it matters.
struct ApplicationTests {
  @Test func `a new catalogue has the two standing applications with fixed numbers`() throws {
    let room = try CatalogRoom()
    let applications = try room.open().applications()
    #expect(applications.map(\.number) == [1, 2])
    #expect(applications.map(\.uid) == ["default", "_system"])
    #expect(applications.allSatisfy { $0.id.hasPrefix("app_") && $0.id.utf8.count == 31 })
  }

  @Test func `an application is found by id, uid and name`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createApplication(ApplicationDraft(name: "Billing", uid: "billing"))
    for text in [made.id, "billing", "Billing"] {
      #expect(try catalog.application(text) == made)
    }
  }

  @Test func `an unknown application is refused with the nearest name`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let error = refusal { _ = try catalog.application("defalt") }
    #expect(error == .notFound("application 'defalt' not found; did you mean 'default'?"))
  }

  @Test func `a uid is given once`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let draft = ApplicationDraft(name: "x", uid: "x")
    _ = try catalog.createApplication(draft)
    #expect(
      refusal { _ = try catalog.createApplication(draft) }
        == .conflict("application 'x' exists already"))
  }

  @Test func `a name that several have must be told apart by id`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    for _ in 0..<2 { _ = try catalog.createApplication(ApplicationDraft(name: "twin")) }
    guard case .conflict? = refusal({ _ = try catalog.application("twin") }) else {
      Issue.record("two applications answer to one name")
      return
    }
  }

  @Test func `numbers of removed applications are not given again`() throws {
    let room = try CatalogRoom()
    let first = try room.open()
    let made = try first.createApplication(ApplicationDraft(name: "a", uid: "a"))
    try first.removeApplication("a")
    try first.close()
    let again = try room.open().createApplication(ApplicationDraft(name: "a", uid: "a"))
    #expect(again.number == made.number + 1)
  }

  @Test func `removing an application takes only endpoints that serve no other`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createApplication(ApplicationDraft(name: "a", uid: "a"))
    let own = try catalog.createEndpoint(application: "a", .named("own"))
    let shared = try catalog.createEndpoint(application: "a", .named("shared"))
    _ = try catalog.linkEndpoint(application: "a", id: "shared", to: "default")
    #expect(try catalog.removeApplication("a") == [own.number])
    #expect(try catalog.endpoints(application: nil).map(\.number) == [shared.number])
    #expect(try catalog.endpoint(number: shared.number)?.applicationNumbers == [1])
  }

  @Test(arguments: ["default", "_system"])
  func `a standing application stays`(name: String) throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    #expect(
      refusal { try catalog.removeApplication(name) }
        == .conflict("application '\(name)' cannot be removed"))
    #expect(try catalog.applications().count == 2)
  }

  @Test(arguments: [
    (ApplicationDraft(name: ""), "name"), (ApplicationDraft(name: "a\u{1B}[2J"), "name"),
    (ApplicationDraft(name: "a", uid: "a b"), "uid"), (ApplicationDraft(name: "a", uid: ""), "uid"),
    (ApplicationDraft(name: "a", metadata: ["": "x"]), "metadata"),
    (ApplicationDraft(name: "a", uid: "app_0ujsswThIGTUYm2K8FjOOfXtY1K"), "uid"),
  ])
  func `a draft is refused by field`(draft: ApplicationDraft, field: String) throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    #expect(refusedField { _ = try catalog.createApplication(draft) } == field)
  }
}
