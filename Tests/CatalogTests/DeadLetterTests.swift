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
    #expect(
      try catalog.recordDead([letter(made.number, 1), letter(made.number, 2)]) == [true, true])
    #expect(
      try catalog.recordDead([letter(made.number, 2), letter(made.number, 3), letter(99, 1)])
        == [false, true, true])
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
        endpoint: made.number, died: UnixMilliseconds(150)...UnixMilliseconds(.max),
        after: nil, limit: 9)
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

  private func letter(_ endpoint: UInt32, at sequence: UInt64, bytes: Int, died: UInt64)
    -> DeadLetterRecord
  {
    DeadLetterRecord(
      endpoint: endpoint, position: Position(sequence: sequence, index: 1),
      eventID: "msg_\(sequence)", type: "t", attempts: 0, lastStatus: 0, failure: "quota",
      expired: false, diedAt: UnixMilliseconds(died), plainBytes: bytes)
  }

  @Test func `an event counts once, and is free when its last letter went`() throws {
    let catalog = try CatalogRoom().open()
    let row = Catalog.deadRowBytes
    // 1 and 2 share the events 10 and 11; 20 is for 1 alone.
    try catalog.recordDead([
      letter(1, at: 10, bytes: 1_000, died: 5_000), letter(1, at: 11, bytes: 2_000, died: 6_000),
      letter(2, at: 10, bytes: 1_000, died: 7_000), letter(1, at: 20, bytes: 4_000, died: 8_000),
      letter(2, at: 11, bytes: 2_000, died: 9_000),
    ])
    #expect(try catalog.deadBytes(packedShare: 0.5) == 5 * row + 3_500)
    // Two rows free no event: the third letter's is the first to be free.
    #expect(try catalog.expireOldestDead(freeing: 2 * row + 1, packedShare: 0.5) == 3)
    #expect(try catalog.deadBytes(packedShare: 0.5) == 2 * row + 3_000)
    #expect(catalog.deadCounts() == [1: 1, 2: 1])
    #expect(try catalog.deadLetters().map(\.eventID) == ["msg_11", "msg_20"])
    #expect(try catalog.expireOldestDead(freeing: 1 << 40, packedShare: 0.5) == 2)
    #expect(try catalog.deadBytes(packedShare: 1) == 0 && catalog.deadCounts().isEmpty)
    #expect(try catalog.deadExpired(.bytes) == 5)
    #expect(try catalog.deadExpired(.age) == 0)
  }

  @Test func `letters expire by age, and only the listed ones are counted`() throws {
    let room = try CatalogRoom()
    let catalog = try room.open()
    try catalog.recordDead((1...6).map { letter(1, at: UInt64($0), bytes: 10, died: UInt64($0)) })
    try catalog.settleDead(
      endpoint: 1, positions: [Position(sequence: 2, index: 1)], before: UnixMilliseconds(100))
    #expect(try catalog.expireDead(diedBefore: UnixMilliseconds(5)) == 3)
    #expect(catalog.deadCounts() == [1: 2])
    try catalog.close()
    #expect(try room.open().deadExpired(.age) == 3)
  }

  @Test func `events are kept while a letter is listed, and a while after it was sent again`() throws
  {
    let room = try CatalogRoom()
    let catalog = try room.open()
    try catalog.recordDead([
      letter(1, at: 3, bytes: 1, died: 1), letter(2, at: 3, bytes: 1, died: 2),
      letter(1, at: 4, bytes: 1, died: 3), letter(1, at: 9, bytes: 1, died: 4),
    ])
    func kept(_ range: ClosedRange<UInt64>, since: UInt64) throws -> [UInt64] {
      let events = Position(sequence: range.lowerBound, index: 0)
        ... Position(sequence: range.upperBound, index: 0xFFFF)
      let all = try catalog.deadPositions(in: events, since: UnixMilliseconds(since))
      let hasAny = try catalog.hasDead(in: events, since: UnixMilliseconds(since))
      #expect(hasAny == !all.isEmpty)
      return all.map(\.sequence)
    }
    #expect(try kept(0...9, since: 0) == [3, 4, 9])
    #expect(try kept(4...8, since: 0) == [4] && kept(5...8, since: 0) == [])
    let now = room.time.now.value
    try catalog.settleDead(
      endpoint: 1, positions: [3, 4].map { Position(sequence: $0, index: 1) },
      before: UnixMilliseconds(100))
    #expect(try kept(0...9, since: now) == [3, 4, 9])
    #expect(try kept(0...9, since: now + 1) == [3, 9])
    _ = try catalog.purgeDead(endpoints: [1, 2], since: nil, isTrial: false)
    #expect(try kept(0...9, since: now + 1) == [] && kept(0...9, since: 0) == [3, 4])
  }
}
