// Goal: dead letters outlive the journal: their events can be sent again after retention took the
// segments, and beyond their own bound the oldest go, counted and logged.
// Method: the real program; a small quota makes the letters, a restart closes the segment.
import Foundation
import Testing

extension EndToEnd {
  struct DeadLetterTests {
    @Test(.timeLimit(.minutes(3)))
    func `dead letters are sent again from the spool, the oldest go for their bytes`() async throws {
      let nginx = try await NginxReceiver()
      let broker = try await TestBroker.start(settings: "spool: {endpoint-quota: 60KiB}\n")
      try await broker.fanfare(
        "endpoint", "add", "down", "https://127.0.0.1:\(nginx.port)/down", "--ca",
        nginx.certificate.certificate, "--retry", "1h,1h")
      let answers = try await broker.fanfare(
        "publish", "d.d", "--lines", "--json", input: try noise(lines: 100, bytes: 6_000))
      let ids = try answers.output.split(separator: "\n").compactMap {
        try JSONDecoder().decode(LineAnswer.self, from: Data($0.utf8)).id
      }
      try await eventually("the quota holds", details: { broker.log }) {
        let line = try await broker.spool("down")
        return line.state == "quota" && line.depth + line.dead == 100 && line.bytes <= 60 << 10
      }
      let all = try await letters(broker)
      #expect(all.count > 80)

      // Nothing is kept for its own sake any more, and about half of the letters are too many.
      _ = try await broker.terminate()
      try broker.folder.write(
        "journal: {retention: 0s}\ndead: {max-bytes: 300KiB}\n", to: "fanfare.yaml")
      try await broker.start()
      try await eventually("the oldest letters go", details: { broker.log }) {
        try await letters(broker).count < all.count
      }
      let left = try await letters(broker)
      #expect(left.count > 30 && left == Array(all.prefix(left.count)), "the newest are first")
      #expect(broker.log.contains("dead letters are gone"), "\(broker.log)")
      #expect(
        try await metric(broker, "fanfare_dead_expired_total{reason=\"bytes\"}")
          == all.count - left.count)
      // A segment goes when the older of two checkpoints covers it.
      _ = try await broker.terminate()
      try await broker.start()
      try await eventually("the segment is gone", details: { broker.log }) {
        try await metric(broker, "fanfare_journal_expired_segments_total{reason=\"age\"}") ?? 0 > 0
      }
      let expired = try await metric(
        broker, "fanfare_journal_expired_events_total{reason=\"age\"}")
      #expect(expired == all.count - left.count)
      #expect(try await broker.fanfare("events", "--json").json(as: [Event].self).isEmpty)

      try await nginx.start()
      try await broker.fanfare("endpoint", "pause", "down")
      try await broker.fanfare("endpoint", "resume", "down")
      try await broker.fanfare("dead", "replay", "--endpoint", "down")
      let wanted = Set(left).union(Set(ids).subtracting(all))
      try await eventually("what is left arrives", details: { broker.log }) {
        Set(nginx.ids(at: "/down").map(String.init)) == wanted
      }
      let line = try await broker.spool("down")
      #expect(line.dead == 0 && line.depth == 0)
    }

    private struct Event: Decodable {}
    private struct DeadLine: Decodable { let id: String }

    private func letters(_ broker: TestBroker) async throws -> [String] {
      try await broker.fanfare("dead", "list", "--limit", "1000", "--json")
        .json(as: [DeadLine].self).map(\.id)
    }

    private func metric(_ broker: TestBroker, _ name: String) async throws -> Int? {
      let address = broker.folder.read("data/address")
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let result = try await Child.run(
        try Tools.find("curl"), ["-ksS", "\(address)/metrics"], within: 20)
      let line = result.output.split(separator: "\n").first { $0.hasPrefix(name + " ") }
      return line.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    /// JSON strings that do not pack below three quarters.
    private func noise(lines: Int, bytes: Int) throws -> String {
      let random = try #require(FileHandle(forReadingAtPath: "/dev/urandom"))
      defer { try? random.close() }
      return try (0..<lines).map { _ in
        let data = try random.read(upToCount: bytes * 3 / 4) ?? Data()
        return "\"\(data.base64EncodedString())\"\n"
      }.joined()
    }
  }
}
