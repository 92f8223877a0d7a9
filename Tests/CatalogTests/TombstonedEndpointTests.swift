import Base
import Catalog
import Flow
import Testing

/// Goal: what the log says is removed goes from the catalogue at the next start, and nothing else.
struct TombstonedEndpointTests {
  @Test func `endpoints go by number, with their dead letters; unknown numbers are no error`()
    throws
  {
    let room = try CatalogRoom()
    let catalog = try room.open()
    let gone = try catalog.createEndpoint(application: "default", .named("gone"))
    let stays = try catalog.createEndpoint(application: "default", .named("stays"))
    try catalog.recordDead([
      DeadLetterRecord(
        endpoint: gone.number, position: Position(sequence: 1, index: 0), eventID: "e", type: "t",
        attempts: 1, lastStatus: 500, failure: "answered 500", expired: false,
        diedAt: UnixMilliseconds(1))
    ])
    #expect(try catalog.removeEndpoints(numbered: [gone.number, 4_000]) == ["gone"])
    #expect(try catalog.endpoints(application: "default").map(\.number) == [stays.number])
    #expect(catalog.deadCounts().isEmpty)
    #expect(try catalog.removeEndpoints(numbered: [gone.number]).isEmpty)
    #expect(try catalog.removeEndpoints(numbered: []).isEmpty)
    #expect(
      try catalog.createEndpoint(application: "default", .named("gone")).number > stays.number)
  }
}
