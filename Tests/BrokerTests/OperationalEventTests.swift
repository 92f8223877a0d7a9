import Base
import Broker
import Catalog
import Flow
import Testing

/// Goal: the data of the broker's own events has Svix's members, valid and escaped.
/// Method: bodies written out by hand.
struct OperationalEventTests {
  private var names: OperationalNames {
    var names = OperationalNames()
    names.appID = "app_1"
    names.appUID = "default"
    names.endpointID = "ep_1"
    names.attemptID = "atmpt_1"
    return names
  }

  private func text(_ subject: OperationalEvent.Subject, count: Int = 1) -> String {
    String(decoding: OperationalEvent(subject, count: count).json(names), as: UTF8.self)
  }

  private func letter(id: String, attempts: Int, expired: Bool = false) -> DeadLetterRecord {
    DeadLetterRecord(
      endpoint: 1, position: Position(sequence: 7, index: 0), eventID: id, type: "job.failed",
      attempts: attempts, lastStatus: attempts > 0 ? 503 : 0, failure: "answered \"503\"",
      expired: expired, diedAt: UnixMilliseconds(1_700_000_000_000))
  }

  @Test func `of endpoints`() {
    #expect(
      text(.recovered(endpoint: 1), count: 3)
        == #"{"appId":"app_1","appUid":"default","endpointId":"ep_1","count":3}"#)
    #expect(
      text(
        .disabled(
          endpoint: 1, reason: "nothing but failures", isManual: false,
          failSince: UnixMilliseconds(1_700_000_000_000)))
        == #"{"appId":"app_1","appUid":"default","endpointId":"ep_1","#
        + #""failSince":"2023-11-14T22:13:20.000Z","trigger":"automatic","#
        + #""reason":"nothing but failures","count":1}"#)
    #expect(
      text(.disabled(endpoint: 1, reason: "by hand", isManual: true, failSince: nil))
        .contains(#""failSince":null,"trigger":"manual""#))
  }

  @Test func `of deliveries`() {
    #expect(
      text(.givenUp(letter(id: "mine", attempts: 8), application: 1), count: 12)
        == #"{"appId":"app_1","appUid":"default","endpointId":"ep_1","msgId":"mine","#
        + #""msgEventId":"mine","eventType":"job.failed","attempts":8,"#
        + #""reason":"answered \"503\"","lastAttempt":{"id":"atmpt_1","responseStatusCode":503,"#
        + #""timestamp":"2023-11-14T22:13:20.000Z"},"count":12}"#)
    let untried = text(.givenUp(letter(id: "msg_2", attempts: 0), application: 1))
    #expect(untried.contains(#""msgId":"msg_2","eventType""#))
    #expect(untried.contains(#""lastAttempt":null"#))
  }

  @Test func `types tell dead from expired`() {
    func type(_ expired: Bool) -> String {
      OperationalEvent(.givenUp(letter(id: "a", attempts: 1, expired: expired), application: 1))
        .type
    }
    #expect(type(false) == "fanfare.delivery.dead" && type(true) == "fanfare.delivery.expired")
    #expect(OperationalEvent(.lettersDropped(.age)).type == "fanfare.delivery.expired")
    #expect(text(.lettersDropped(.bytes)).contains("dead.max-bytes"))
  }

  @Test func `of space`() {
    var nobody = OperationalEvent(.spoolHigh(endpoint: nil, bytes: 80, limit: 100))
    #expect(nobody.type == "fanfare.spool.high")
    #expect(
      String(decoding: nobody.json(OperationalNames()), as: UTF8.self)
        == #"{"bytes":80,"limitBytes":100,"count":1}"#)
    nobody.subject = .diskLow(freeBytes: 1, totalBytes: 2)
    #expect(nobody.type == "fanfare.disk.low")
  }

  @Test func `a level is told once, until it was well below`() {
    var watch = LevelWatch()
    func rises(_ level: UInt64) -> Bool { watch.rises(level, to: 80, release: 60) }
    #expect([79, 80, 90, 61, 85, 60, 79, 80].map(rises)
      == [false, true, false, false, false, false, false, true])
  }

  @Test func `a disk is low by its twentieth, by 16 GiB at most, and by what is needed`() {
    let gib: UInt64 = 1 << 30
    func firstLow(total: UInt64, least: UInt64) -> UInt64? {
      let steps = (0...1_000).map { total / 1_000 * (1_000 - $0) }
      var watch = DiskWatch(least: least)
      return steps.first { watch.becomesLow(freeBytes: $0, totalBytes: total) }
    }
    #expect(firstLow(total: 100 * gib, least: gib) == 100 * gib / 1_000 * 50)
    #expect(firstLow(total: 10_000 * gib, least: gib) == 10_000 * gib / 1_000)
    #expect(firstLow(total: gib, least: gib / 4) == gib / 1_000 * 250)
    #expect(firstLow(total: gib, least: 2 * gib) == gib / 1_000 * 1_000)
  }
}
