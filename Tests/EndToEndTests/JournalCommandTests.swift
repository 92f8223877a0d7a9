// Goal: an operator finds, understands and repairs damage with the three `journal` commands, and
// nothing but a broker that may write to a directory ever does.
// Method: the real program; kill -9, changed bytes and missing files, restart.
import Foundation
import Testing

extension EndToEnd {
  struct JournalCommandTests {
    @Test(.timeLimit(.minutes(2)))
    func `inspect lists what was published, and verify calls it whole`() async throws {
      let log = try await StoppedLog(events: 3)
      let events = try await log.broker.fanfare("journal", "inspect", "--events", "--json")
      #expect(try events.jsonLines(as: EventLine.self).map(\.id) == log.ids)
      let files = try await log.broker.fanfare("journal", "inspect", "--json")
      let segment = try #require(try files.json(as: FilesReport.self).segments.first)
      #expect(segment.path == log.segment && segment.eventBlocks == 3)
      let verdict = try await log.broker.fanfare("journal", "verify")
      #expect(verdict.output.isEmpty && verdict.talk.contains("the log is whole"))
      let unknown = try await log.broker.run(["journal", "inspect", "--segment", "99"])
      #expect(unknown.status == 1 && unknown.talk.contains("there is no segment 99"))
      let absent = try await log.broker.run(["journal", "verify", "--data", "/nonexistent"])
      #expect(absent.status == 65 && absent.talk.contains("--data DIR"))
    }

    @Test(.timeLimit(.minutes(3)))
    func `a damaged event is named by position, and costs no other`() async throws {
      let log = try await StoppedLog(events: 3)
      let block = try #require(try await log.blocks().first)
      try log.flip(at: block.offset + block.length / 2)
      let verify = try await log.broker.run(["journal", "verify", "--json"])
      #expect(verify.status == 1)
      let report = try verify.json(as: VerdictReport.self)
      let fault = try #require(report.faults.first)
      #expect(!report.clean && report.faults.count == 1 && fault.check == "payload")
      #expect(fault.path == log.segment && fault.firstSequence == block.sequence)
      #expect((block.offset..<block.offset + block.length).contains(fault.offset))
      let repair = try await log.broker.run(["journal", "repair", "--yes"])
      #expect(repair.status == 0 && repair.talk.contains("nothing to repair"))
      try await log.deliver()
      try await eventually("the others arrive", details: { log.broker.log }) {
        Set(log.nginx.ids(at: "/later")).count == 2
      }
      #expect(log.nginx.ids(at: "/later").sorted() == log.ids[1...].map { $0[...] }.sorted())
      let place = "\(log.segment): offset \(block.offset): the payload's checksum is wrong"
      try await eventually("the broker names it too") { log.broker.log.contains(place) }
      try await expectDead(log, block)
    }

    /// The one that can't be sent is dead, with its id, its type and the reason.
    private func expectDead(_ log: StoppedLog, _ block: BlockLine) async throws {
      var letters: [DeadLine] = []
      try await eventually("it is listed as dead", details: { log.broker.log }) {
        letters = try await log.broker.fanfare("dead", "list", "--json").json(as: [DeadLine].self)
        return !letters.isEmpty
      }
      #expect(letters.map(\.id) == [log.ids[0]] && letters.map(\.eventType) == ["j.j"])
      #expect(letters.map(\.endpoint) == ["later"] && letters.map(\.attempts) == [0])
      #expect(
        letters[0].lastError == "the log is damaged here: \(log.segment) at offset "
          + "\(block.offset): the payload's checksum is wrong")
      let status = try await log.broker.fanfare("status", "--json").json(as: StatusReport.self)
      #expect(status.deliveries.dead == 1 && status.deliveries.pending == 0)
      #expect(status.deliveries.delivered == 2)
      _ = try await log.broker.terminate()
      try await log.broker.start()
      let again = try await log.broker.fanfare("dead", "list", "--json").json(as: [DeadLine].self)
      #expect(again.map(\.id) == [log.ids[0]])
      #expect(try await log.broker.spool("later").depth == 0)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a damaged segment header is set right, with consent, and nothing is lost`() async throws {
      let log = try await StoppedLog(events: 3)
      try log.flip(at: 30)
      let before = try await log.sums()
      let dry = try await log.broker.fanfare("journal", "repair", "--dry-run")
      #expect(dry.output.contains("write a new segment header: \(log.segment)"))
      #expect(dry.output.contains("drops: nothing"))
      let unasked = try await log.broker.run(["journal", "repair"])
      #expect(unasked.status == 64 && unasked.talk.contains("--yes"))
      #expect(try await log.sums() == before)
      let repair = try await log.broker.fanfare("journal", "repair", "--yes")
      #expect(repair.talk.contains("repaired: the broker can start"))
      let kept = try FileManager.default.contentsOfDirectory(
        atPath: log.broker.data + "/quarantine")
      #expect(kept.count == 1)
      #expect(try await log.broker.fanfare("journal", "verify").talk.contains("the log is whole"))
      try await log.deliver()
      try await eventually("all arrive", details: { log.broker.log }) {
        Set(log.nginx.ids(at: "/later")).count == 3
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a log whose segments are gone is refused, repaired, and goes on`() async throws {
      let log = try await StoppedLog(events: 2, isKilled: false)
      for name in try FileManager.default.contentsOfDirectory(atPath: log.journal)
      where name.hasSuffix(".log") {
        try FileManager.default.removeItem(atPath: log.journal + "/" + name)
      }
      let refused = try await log.serve()
      #expect(refused.status == 1 && refused.talk.contains("fanfare journal repair --data DIR"))
      let repair = try await log.broker.fanfare("journal", "repair", "--yes")
      #expect(repair.output.contains("drops: what was undelivered in blocks 1 to"))
      try await log.broker.start()
      try await log.broker.fanfare("endpoint", "resume", "later")
      try await eventually("what is gone is given up", details: { log.broker.log }) {
        try await log.broker.spool("later").depth == 0
      }
      try await eventually("and listed") {
        try await log.broker.fanfare("dead", "list", "--json").json(as: [DeadLine].self)
          .contains { $0.lastError.hasSuffix("it has lost the events of 2 deliveries") }
      }
      let id = try await log.broker.fanfare("publish", "j.after", "{}").text
      try await log.broker.kill9()
      // What is gone stays named for as long as it is missed.
      let verify = try await log.broker.run(["journal", "verify"])
      #expect(verify.lines.count == 1 && verify.output.contains("missing segment"))
      let events = try await log.broker.fanfare("journal", "inspect", "--events", "--json")
      #expect(try events.jsonLines(as: EventLine.self).map(\.id) == [id])
    }

    @Test(.timeLimit(.minutes(2)))
    func `beside a running broker verify reads, and repair is refused`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("publish", "j.one", "{}")
      let verify = try await broker.fanfare("journal", "verify")
      #expect(verify.talk.contains("a broker uses \(broker.data)"))
      #expect(verify.talk.contains("the log is whole"))
      let repair = try await broker.run(["journal", "repair", "--yes"])
      #expect(repair.status == 1)
      #expect(
        repair.talk.contains("\(broker.data): another fanfare process uses this data directory"))
      #expect(repair.talk.contains("stop it, then repair"))
      try await broker.fanfare("publish", "j.two", "{}")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a newer format is refused by every command before anything is written`() async throws {
      let log = try await StoppedLog(events: 1)
      try log.makeNewer()
      let before = try await log.sums()
      let serve = try await log.serve()
      let commands = [["inspect"], ["verify"], ["repair", "--yes"]]
      var refusals = [serve]
      for command in commands {
        refusals.append(try await log.broker.run(["journal"] + command))
      }
      for refusal in refusals {
        #expect(refusal.status == 1)
        #expect(
          refusal.talk.contains(
            "\(log.segment): written in format 9, this Fanfare reads up to 1; nothing was changed."
              + " Use the newer version."))
      }
      #expect(try await log.sums() == before)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a newer catalogue is refused before the log is touched`() async throws {
      let log = try await StoppedLog(events: 1, isKilled: false)
      let script = """
        import sqlite3, sys
        database = sqlite3.connect(sys.argv[1])
        database.execute("INSERT INTO grdb_migrations VALUES ('from tomorrow')")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        """
      let changed = try await Child.run(
        try Tools.python(), ["-c", script, log.broker.data + "/catalog.db"])
      #expect(changed.status == 0, "\(changed.talk)")
      let before = try await log.sums()
      let refused = try await log.serve()
      #expect(refused.status == 1)
      #expect(
        refused.talk.contains(
          "catalog.db was written by a newer Fanfare; nothing was changed. Use the newer version."))
      #expect(try await log.sums() == before)
    }
  }
}

/// The directory of a broker that was stopped while an endpoint waited for a few large events.
private final class StoppedLog {
  let broker: TestBroker
  let nginx: NginxReceiver
  let ids: [String]

  init(events: Int, isKilled: Bool = true) async throws {
    broker = try await TestBroker.start()
    nginx = try await NginxReceiver()
    try await broker.fanfare(
      "endpoint", "add", "later", "https://127.0.0.1:\(nginx.port)/later", "--ca",
      nginx.certificate.certificate)
    try await broker.fanfare("endpoint", "pause", "later")
    var ids: [String] = []
    for _ in 1...events {
      // Nothing that LZ4 makes small: a byte in the middle of the block is one of the payload.
      let noise = (0..<20_000).map { _ in UInt8.random(in: 0...255) }
      let text = "\"\(Data(noise).base64EncodedString())\""
      ids.append(try await broker.fanfare("publish", "j.j", text).text)
    }
    self.ids = ids
    if isKilled { try await broker.kill9() } else { _ = try await broker.terminate() }
  }

  var journal: String { broker.data + "/journal" }
  var segment: String { journal + "/segment-0000000000000001.log" }

  func blocks() async throws -> [BlockLine] {
    try await broker.fanfare("journal", "inspect", "--blocks", "--json").jsonLines()
  }

  /// Starts the broker again, and nginx, and lets the endpoint have what waits.
  func deliver() async throws {
    try await nginx.start()
    try await broker.start()
    try await broker.fanfare("endpoint", "resume", "later")
  }

  /// Runs `serve`, which must end by itself.
  func serve() async throws -> Child.Result {
    try await Child.run(
      try Tools.fanfare(), ["serve", "--data", broker.data, "--listen", "127.0.0.1:0"], within: 20)
  }

  /// Changes one bit of the segment.
  func flip(at offset: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: segment))
    defer { try? file.close() }
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([byte ^ 4]))
  }

  /// Makes the segment one of format 9, with a checksum that is right.
  func makeNewer() throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: segment))
    defer { try? file.close() }
    var header = [UInt8](try #require(try file.read(upToCount: 64)))
    header[4] = 9
    let sum = crc32C(header[..<60])
    for index in 0..<4 { header[60 + index] = UInt8(truncatingIfNeeded: sum >> (8 * index)) }
    try file.seek(toOffset: 0)
    try file.write(contentsOf: Data(header))
  }

  /// Every file below the data directory with its checksum; SQLite's lock page, which already a
  /// reader makes, is none of it.
  func sums() async throws -> String {
    let script =
      "cd \"$1\" && find . -type f -size +0 ! -name '*-shm' -exec sha256sum {} + | sort -k 2"
    let result = try await Child.run("/bin/sh", ["-c", script, "sh", broker.data])
    #expect(result.status == 0 && result.output.contains("catalog.db"), "\(result.talk)")
    return result.output
  }
}

/// Castagnoli's, bit by bit, so that the test does not trust the code under test.
private func crc32C(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  var sum = UInt32.max
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }
  return ~sum
}

/// What `journal inspect --json` promises.
private struct FilesReport: Decodable {
  struct Segment: Decodable {
    let path: String
    let eventBlocks: Int
  }
  let segments: [Segment]
}

/// What `journal inspect --blocks --json` promises.
private struct BlockLine: Decodable {
  let sequence, offset, length: Int
}

/// What `journal inspect --events --json` promises.
private struct EventLine: Decodable {
  let id: String
}

/// What `dead list --json` promises.
private struct DeadLine: Decodable {
  let id, eventType, endpoint, lastError: String
  let attempts: Int
}

/// What `journal verify --json` promises.
private struct VerdictReport: Decodable {
  struct Fault: Decodable {
    let check, path: String
    let offset, firstSequence: Int
  }
  let clean: Bool
  let faults: [Fault]
}
