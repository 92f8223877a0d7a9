import Base
import Catalog
import Flow
import Testing

/// Goal: each dead delivery is listed once, counted right, and goes with its endpoint.
/// Method: record some twice, page, remove, reopen.
struct DeadLetterTests {
  private func letter(_ endpoint: UInt32, _ index: Int) -> DeadLetterRecord {
    DeadLetterRecord(
      endpoint: endpoint, position: Position(sequence: .max >> 16, index: index),
      eventID: "msg_\(index)", type: "job.failed", attempts: 8, lastStatus: 500,
      failure: "status is not 2xx", expired: false, diedAt: UnixMilliseconds(UInt64(index) * 1000))
  }

  @Test func `a letter is stored once, however often it is recorded`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", .named("a"))
    try catalog.recordDead([letter(made.number, 1), letter(made.number, 2)])
    try catalog.recordDead([letter(made.number, 2), letter(made.number, 3), letter(99, 1)])
    #expect(catalog.deadCounts() == [made.number: 3, 99: 1])
    try catalog.close()
    #expect(try room.open().deadCounts() == [made.number: 3, 99: 1])
  }

  @Test func `letters come newest first and page without gap or repeat`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", .named("a"))
    try catalog.recordDead((0..<25).map { letter(made.number, $0) })
    var seen: [DeadLetterRecord] = []
    while true {
      let page = try catalog.deadLetters(
        application: "default", endpoint: "a", limit: 10, before: seen.last?.number)
      if page.isEmpty { break }
      seen += page
    }
    #expect(seen.map(\.eventID) == (0..<25).reversed().map { "msg_\($0)" })
    #expect(seen.first?.position == Position(sequence: .max >> 16, index: 24))
    #expect(seen.allSatisfy { $0.endpointID == made.id && $0.endpointName == "a" })
  }

  @Test func `letters are listed by application`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    _ = try catalog.createApplication(ApplicationDraft(name: "b", uid: "b"))
    let one = try catalog.createEndpoint(application: "default", .named("a"))
    let two = try catalog.createEndpoint(application: "b", .named("a"))
    try catalog.recordDead([letter(one.number, 1), letter(two.number, 2)])
    #expect(try catalog.deadLetters(application: "b").map(\.eventID) == ["msg_2"])
    #expect(try catalog.deadLetters().count == 2)
  }

  @Test func `letters go with their endpoint, or by age`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let one = try catalog.createEndpoint(application: "default", .named("a"))
    let two = try catalog.createEndpoint(application: "default", .named("b"))
    try catalog.recordDead((0..<4).map { letter(one.number, $0) })
    try catalog.recordDead((0..<4).map { letter(two.number, $0) })
    try catalog.removeEndpoint(application: "default", id: "a")
    #expect(catalog.deadCounts() == [two.number: 4])
    #expect(try catalog.removeDead(endpoint: two.number, before: UnixMilliseconds(2000)) == 2)
    #expect(catalog.deadCounts() == [two.number: 2])
    #expect(try catalog.removeDead() == 2)
    #expect(catalog.deadCounts().isEmpty)
  }

  private func dead(_ endpoint: UInt32, _ sequence: UInt64, at time: UInt64) -> DeadLetterRecord {
    DeadLetterRecord(
      endpoint: endpoint, position: Position(sequence: sequence, index: 0),
      eventID: "msg_\(sequence)", type: "job.failed", attempts: 8, lastStatus: 500,
      failure: "status is not 2xx", expired: false, diedAt: UnixMilliseconds(time))
  }

  @Test func `what was sent again leaves the list and comes back only when it dies again`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", .named("a"))
    let letters = (1...3).map { dead(made.number, $0, at: 100 * $0) }
    try catalog.recordDead(letters)
    let first = letters[0].position
    #expect(
      try catalog.deadPositions(
        endpoint: made.number, diedSince: UnixMilliseconds(150), after: nil, limit: 9)
        == [letters[1].position, letters[2].position])
    try catalog.settleDead(
      endpoint: made.number, positions: [first], before: UnixMilliseconds(400))
    #expect(catalog.deadCounts() == [made.number: 2])
    // A recovery reads the old death once more.
    try catalog.recordDead([letters[0]])
    #expect(try catalog.deadLetters().map(\.eventID) == ["msg_3", "msg_2"])
    try catalog.recordDead([dead(made.number, 1, at: 500)])
    #expect(try catalog.deadLetters().map(\.eventID) == ["msg_1", "msg_3", "msg_2"])
    // It died again before anybody could take it off the list.
    try catalog.recordDead([dead(made.number, 2, at: 600)])
    try catalog.settleDead(
      endpoint: made.number, positions: [letters[1].position], before: UnixMilliseconds(550))
    #expect(catalog.deadCounts() == [made.number: 3])
    try catalog.close()
    #expect(try room.open().deadCounts() == [made.number: 3])
  }

  @Test func `a purge counts, takes, and stays taken`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let made = try catalog.createEndpoint(application: "default", .named("a"))
    let letters = (1...3).map { dead(made.number, $0, at: 100 * $0) }
    try catalog.recordDead(letters)
    let since = UnixMilliseconds(200)
    #expect(try catalog.purgeDead(endpoints: [made.number], since: since, isTrial: true) == 2)
    #expect(catalog.deadCounts() == [made.number: 3])
    #expect(try catalog.purgeDead(endpoints: [made.number], since: since, isTrial: false) == 2)
    try catalog.recordDead(letters)
    #expect(try catalog.deadLetters().map(\.eventID) == ["msg_1"])
    #expect(try catalog.purgeDead(endpoints: [made.number], since: nil, isTrial: false) == 1)
    #expect(catalog.deadCounts().isEmpty)
  }
}
