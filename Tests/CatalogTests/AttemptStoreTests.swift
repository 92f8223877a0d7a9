import Base
import Catalog
import Flow
import Foundation
import Testing

/// Goal: attempts come back in the order of time, by endpoint and by event, and go by age and rows.
/// Method: a store in a directory of its own.
struct AttemptStoreTests {
  private static let start = UnixMilliseconds(1_800_000_000_000)

  private func entry(
    _ endpoint: UInt32, _ event: UInt64, after milliseconds: UInt64,
    _ result: AttemptResult = .success, status: Int = 200
  ) -> AttemptEntry {
    AttemptEntry(
      endpoint: endpoint, position: Position(sequence: event, index: 0), attempt: 1,
      time: UnixMilliseconds(Self.start.value + milliseconds), durationMicroseconds: 1_500,
      status: status, result: result, failure: result == .success ? .none : .status,
      nextAttempt: result == .retried ? UnixMilliseconds(Self.start.value + 5_000) : nil)
  }

  private func open() throws -> (CatalogRoom, AttemptStore) {
    let room = try CatalogRoom()
    return (room, try AttemptStore(path: room.directory + "/attempts.db"))
  }

  @Test func `what was kept comes back, the newest first`() throws {
    let (room, store) = try open()
    let entries = [
      entry(1, 1, after: 0), entry(2, 1, after: 10, .retried, status: 500),
      entry(1, 2, after: 20, .dead, status: 404),
    ]
    try store.record(entries, tally: [:])
    let ofFirst = try store.attempts(endpoint: 1, limit: 10)
    #expect(ofFirst.map(\.position.sequence) == [2, 1])
    var shown = ofFirst[0]
    shown.number = 0
    #expect(shown == entries[2])
    let ofEvent = try store.attempts(position: entries[0].position, limit: 10)
    #expect(ofEvent.map(\.endpoint) == [2, 1])
    #expect(ofEvent[0].nextAttempt == entries[1].nextAttempt)
    #expect(try store.attempt(number: ofEvent[0].number) == ofEvent[0])
    #expect(store.count == 3)
    try store.close()
    #expect(try AttemptStore(path: room.directory + "/attempts.db").count == 3)
  }

  @Test func `a list is walked in both directions`() throws {
    let (_, store) = try open()
    try store.record((0..<9).map { entry(1, $0 + 1, after: $0 * 10) }, tally: [:])
    let all = try store.attempts(endpoint: 1, limit: 100)
    let first = try store.attempts(endpoint: 1, limit: 4)
    let second = try store.attempts(endpoint: 1, limit: 4, before: first[3].number)
    #expect(first + second == Array(all.prefix(8)))
    let back = try store.attempts(endpoint: 1, limit: 2, after: second[0].number)
    #expect(back == Array(first[2...3]))
  }

  @Test func `filters by result, status class and time`() throws {
    let (_, store) = try open()
    let entries = [
      entry(1, 1, after: 0), entry(1, 2, after: 10, .retried, status: 503),
      entry(1, 3, after: 20, .dead, status: 0), entry(1, 4, after: 30, .dead, status: 404),
    ]
    try store.record(entries, tally: [:])
    func events(_ change: (inout AttemptFilter) -> Void) throws -> [UInt64] {
      var filter = AttemptFilter()
      change(&filter)
      return try store.attempts(endpoint: 1, filter, limit: 10).map(\.position.sequence)
    }
    #expect(try events { $0.success = true } == [1])
    #expect(try events { $0.success = false } == [4, 3, 2])
    #expect(try events { $0.statusClass = 500 } == [2])
    #expect(try events { $0.statusClass = 0 } == [3])
    #expect(try events { $0.statusClass = 200 } == [1])
    #expect(
      try events {
        $0.statusClass = 200
        $0.success = false
      } == [])
    #expect(try events { $0.since = UnixMilliseconds(Self.start.value + 20) } == [4, 3])
    #expect(try events { $0.before = UnixMilliseconds(Self.start.value + 20) } == [2, 1])
    #expect(try events { $0.before = UnixMilliseconds(.max) }.count == 4)
  }

  private func failed(_ event: UInt64, _ detail: AttemptDetail?) -> AttemptEntry {
    var failed = entry(1, event, after: event, .retried, status: 500)
    failed.detail = detail
    return failed
  }

  private func answer(_ text: String, bytes: Int = 0) -> AttemptDetail {
    .answer(head: Array("X: \(text)\r\n".utf8), body: [UInt8](repeating: 7, count: bytes))
  }

  @Test func `a list of some kinds of answers is in order, and walked in both directions`() throws {
    let (_, store) = try open()
    let statuses = [200, 503, 0, 404, 302, 204, 999, 100]
    let entries = (0..<40).map { index in
      let status = statuses[index * 5 % statuses.count]
      return entry(
        1, UInt64(index + 1), after: UInt64(index), status / 100 == 2 ? .success : .retried,
        status: status)
    }
    try store.record(entries, tally: [:])
    let all = try store.attempts(endpoint: 1, limit: 100)
    #expect(all.map(\.position.sequence) == (1...40).reversed())
    var filter = AttemptFilter()
    filter.success = false
    let failures = try store.attempts(endpoint: 1, filter, limit: 100)
    #expect(failures == all.filter { $0.result != .success })
    let page = try store.attempts(endpoint: 1, filter, limit: 5, before: failures[9].number)
    #expect(page == Array(failures[10...14]))
    let back = try store.attempts(endpoint: 1, filter, limit: 5, after: failures[10].number)
    #expect(back == Array(failures[5...9]))
    filter.statusClass = 500
    #expect(
      try store.attempts(endpoint: 1, filter, limit: 100) == all.filter { $0.status == 503 })
  }

  @Test func `answers and reasons come back, until they are cleared`() throws {
    let (room, store) = try open()
    let details = [answer("one", bytes: 16_384), .reason("refused"), nil, answer("four")]
    try store.record(details.enumerated().map { failed(UInt64($0 + 1), $1) }, tally: [:])
    let shown: [AttemptEntry] = try store.attempts(endpoint: 1, limit: 9).reversed()
    #expect(shown.map(\.detail) == [nil, .reason("refused"), nil, nil])
    let answers = try store.answers(of: shown.map(\.number))
    #expect(shown.map { answers[$0.number] } == [details[0], nil, nil, details[3]])
    let bytes = store.answerBytes
    #expect(bytes == Int64(details.reduce(0) { $0 + ($1 == .reason("refused") ? 0 : $1?.bytes ?? 0) }))
    try store.clearResponse(number: shown[0].number)
    #expect(try store.attempt(number: shown[0].number)?.detail == .reason(""))
    #expect(try store.answers(of: [shown[0].number]).isEmpty && store.answerBytes < 100)
    try store.close()
    #expect(try AttemptStore(path: room.directory + "/attempts.db").answerBytes == store.answerBytes)
  }

  @Test func `answers go with their attempts, and the oldest beyond their bytes`() throws {
    let (_, store) = try open()
    try store.record((1...10).map { failed($0, answer("a", bytes: 1_000)) }, tally: [:])
    let each = store.answerBytes / 10
    _ = try store.expire(
      before: UnixMilliseconds(Self.start.value + 3), eventsBefore: Position(sequence: 0, index: 0),
      rowsMax: 100, now: Self.start)
    #expect(store.count == 8 && store.answerBytes == 8 * each)
    #expect(try !store.expireAnswers(bytesMax: UInt64(5 * each)))
    #expect(store.count == 8 && store.answerBytes == 5 * each)
    let numbers = try store.attempts(endpoint: 1, limit: 9).map(\.number)
    #expect(try Set(store.answers(of: numbers).keys) == Set(numbers.prefix(5)))
    _ = try store.expire(
      before: Self.start, eventsBefore: Position(sequence: 9, index: 0), rowsMax: 100,
      now: Self.start)
    #expect(store.count == 2 && store.answerBytes == 2 * each)
  }

  @Test func `counts add up by hour, whatever is kept`() throws {
    let (_, store) = try open()
    let hour = UInt64(3_600_000)
    for step in 0..<3 {
      let time = UnixMilliseconds(Self.start.value + UInt64(step) * hour)
      try store.record(
        [], tally: [TallyKey(endpoint: 1, time: time): AttemptTally(delivered: 5, dead: 1)])
      try store.record([], tally: [TallyKey(endpoint: 1, time: time): AttemptTally(retried: 2)])
    }
    let two = try store.tally(
      endpoint: 1, since: Self.start, until: UnixMilliseconds(Self.start.value + hour))
    #expect(two == AttemptTally(delivered: 10, retried: 4, dead: 2))
    #expect(try store.tally(endpoint: 2, since: Self.start, until: Self.start) == AttemptTally())
  }

  @Test func `the old go, by age, by rows and with their events`() throws {
    let (_, store) = try open()
    try store.record((0..<10).map { entry(1, $0 + 1, after: $0 * 1000) }, tally: [:])
    func expire(olderThan milliseconds: UInt64, event: UInt64, rows: Int) throws {
      _ = try store.expire(
        before: UnixMilliseconds(Self.start.value + milliseconds),
        eventsBefore: Position(sequence: event, index: 0), rowsMax: rows, now: Self.start)
    }
    try expire(olderThan: 2_000, event: 0, rows: 100)
    #expect(store.count == 8)
    try expire(olderThan: 0, event: 0, rows: 6)
    #expect(store.count == 6)
    try expire(olderThan: 0, event: 8, rows: 100)
    #expect(store.count == 3)
    #expect(try store.attempts(endpoint: 1, limit: 9).map(\.position.sequence) == [10, 9, 8])
  }

  @Test func `the last attempt of each delivery`() throws {
    let (_, store) = try open()
    try store.record(
      [entry(1, 1, after: 0, .retried, status: 500), entry(1, 1, after: 9), entry(2, 1, after: 5)],
      tally: [:])
    let position = Position(sequence: 1, index: 0)
    let last = try store.last(of: [(1, position), (3, position), (2, position)])
    #expect(last.map { $0?.result } == [.success, nil, .success])
  }
}
