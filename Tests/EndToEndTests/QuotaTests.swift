// Goal: an endpoint that is down costs no more disk than its quota, and nobody else anything: no
// publisher sees an error, its oldest deliveries are dead letters that say why, the newest arrive.
// Method: the real program with a small quota in its configuration file, nginx as the endpoint.
import Foundation
import Testing

extension EndToEnd {
  struct QuotaTests {
    @Test(.timeLimit(.minutes(3)))
    func `beyond its quota an endpoint that is down loses its oldest deliveries only`()
      async throws
    {
      let nginx = try await NginxReceiver()
      let broker = try await TestBroker.start(settings: "spool: {endpoint-quota: 300KiB}\n")
      try await broker.fanfare(
        "endpoint", "add", "down", "https://127.0.0.1:\(nginx.port)/down", "--ca",
        nginx.certificate.certificate, "--retry", "1h,1h")
      var ids: [String] = []
      for round in 0..<10 {
        // Random, so that it does not pack: 8 KB of base64 take 6 KB.
        let lines = (0..<20).map { _ in "\"" + Self.noise(8_000) + "\"" }.joined(separator: "\n")
        let answers = try await broker.fanfare(
          "publish", "q.q", "--lines", "--json", input: lines + "\n")
        let published = try answers.output.split(separator: "\n").map {
          try JSONDecoder().decode(LineAnswer.self, from: Data($0.utf8))
        }
        #expect(published.count == 20 && published.allSatisfy { $0.error == nil }, "\(round)")
        ids += published.compactMap(\.id)
      }
      try await eventually("the quota holds", details: { broker.log }) {
        let line = try await broker.spool("down")
        // A letter is listed some tenths of a second after its delivery was given up.
        return line.state == "quota" && line.bytes <= 300 << 10 && line.depth + line.dead == 200
      }
      let warning = "the endpoint's spool is over its quota"
      #expect(broker.log.components(separatedBy: warning).count == 2, "\(broker.log)")
      let line = try await broker.spool("down")
      #expect(line.depth + line.dead == 200 && line.dead > 100)
      // A quota's worth, but for the events that a look a second does not divide.
      #expect(line.bytes > 200 << 10, "\(line)")
      let list = try await broker.fanfare("dead", "list", "--limit", "1000", "--json")
      let dead = try list.json(as: [DeadLine].self)
      #expect(dead.count == line.dead && dead.allSatisfy { $0.lastError.contains("quota") })
      let status = try await broker.fanfare("status", "--json").json(as: StatusReport.self)
      #expect(status.deliveries.dead == line.dead && status.deliveries.pending == line.depth)

      try await broker.kill9()
      try await broker.start()
      try await nginx.start()
      try await broker.fanfare("endpoint", "pause", "down")
      try await broker.fanfare("endpoint", "resume", "down")
      try await eventually("the rest arrives", details: { broker.log }) {
        try await broker.spool("down").depth == 0
      }
      let arrived = Set(nginx.ids(at: "/down").map(String.init))
      #expect(arrived.count == line.depth && arrived.isDisjoint(with: dead.map(\.id)))
      #expect(arrived.union(dead.map(\.id)) == Set(ids))
      // Whatever was in flight when the others were given up is the one exception to the order.
      #expect(Set(ids.suffix(line.depth - 1)).isSubset(of: arrived))
      try await eventually("the endpoint is well again", details: { broker.log }) {
        try await broker.spool("down").state == "ok"
      }
    }

    private static func noise(_ length: Int) -> String {
      let bytes = (0..<length * 3 / 4).map { _ in UInt8.random(in: 0...255) }
      return Data(bytes).base64EncodedString()
    }
  }
}

/// What `dead list --json` promises.
private struct DeadLine: Decodable {
  let id, lastError: String
}
