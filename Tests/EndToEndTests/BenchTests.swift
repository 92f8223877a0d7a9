// Goal: `bench` measures what it says: every delivery counted once, thresholds kept, no trace left.
// Method: small loads through the real program; its JSON, its report, its exit codes.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct BenchTests {
    private static let load = ["bench", "--events", "2000", "--endpoints", "4", "--fan-out", "2"]

    private func bench(
      _ arguments: [String], in folder: TemporaryFolder
    ) async throws -> Child.Result {
      try await Child.run(
        try Tools.fanfare(), Self.load + arguments + ["--directory", folder.path],
        within: 90)
    }

    /// What the program itself keeps in `folder` meanwhile.
    private func leftovers(in folder: TemporaryFolder) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasPrefix("fanfare-bench") }
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["--tls", "--no-tls"])
    func `the figures of a small load agree with each other`(tls: String) async throws {
      let folder = try TemporaryFolder()
      let result = try await bench([tls, "--json"], in: folder)
      try #require(result.status == 0, "\(result.talk)")
      let report = try result.json(as: BenchReport.self)
      #expect(report.events == 2000 && report.deliveries == 4000)
      #expect(report.lost == 0 && report.twice == 0 && report.strange == 0)
      #expect(report.lagSeconds.count == 4000 && report.ackSeconds.count == 2000)
      #expect(abs(report.deliveriesPerSecond * report.seconds - 4000) < 1)
      #expect(report.ackSeconds.p50 <= report.ackSeconds.p99)
      #expect(report.lagSeconds.p99 <= report.lagSeconds.p999)
      #expect(report.lagSeconds.p50 < report.seconds)
      #expect(report.cpuMicrosPerDelivery > 0 && report.peakRSSBytes > 10 << 20)
      let threads = report.threads.reduce(0) {
        $0 + $1.userMicrosPerDelivery + $1.systemMicrosPerDelivery
      }
      #expect(abs(threads - report.cpuMicrosPerDelivery) < 0.01)
      #expect(Set(report.threads.map(\.name)).isSuperset(of: ["reactor-0", "ingest"]))
      #expect(report.deliveriesPerCommit > 1)
      #expect(try leftovers(in: folder) == [])
    }

    @Test(.timeLimit(.minutes(2)))
    func `without an endpoint it measures publishing alone`() async throws {
      let folder = try TemporaryFolder()
      let result = try await Child.run(
        try Tools.fanfare(),
        ["bench", "--endpoints", "0", "--events", "5000", "--directory", folder.path], within: 90)
      #expect(result.status == 0, "\(result.talk)")
      #expect(
        result.output.contains("5,000 acknowledged") && result.output.contains("CPU an event"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a missed threshold exits 99 and is named, in the report too`() async throws {
      let folder = try TemporaryFolder()
      let page = folder.file("report.html")
      let result = try await bench(
        ["--max-lag-p99", "1us", "--min-deliveries-per-second", "1", "--html", page], in: folder)
      #expect(result.status == 99, "\(result.talk)")
      #expect(result.talk.contains("missed: lag p99 was"))
      #expect(!result.talk.contains("missed: deliveries"))
      let html = folder.read("report.html")
      #expect(html.hasPrefix("<!doctype html>") && html.contains("lag p99 was"))
      #expect(html.components(separatedBy: "<polyline").count > 5)
      #expect(!html.contains("http://") && !html.contains("https://"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a fixed rate is kept, and latency counts from the schedule`() async throws {
      let folder = try TemporaryFolder()
      let result = try await Child.run(
        try Tools.fanfare(),
        [
          "bench", "--rate", "500/s", "--duration", "2s", "--endpoints", "2", "--json",
          "--directory", folder.path,
        ], within: 90)
      try #require(result.status == 0, "\(result.talk)")
      let report = try result.json(as: BenchReport.self)
      #expect(report.events == 1000 && report.deliveries == 2000)
      #expect(report.seconds > 1.9, "the last event is due after 1.998 s")
      #expect(report.publisherLateSeconds?.count == 1000)
    }

    @Test(.timeLimit(.minutes(2)))
    func `files of a corpus are published, and a running broker is left as it was`()
      async throws
    {
      let broker = try await TestBroker.start()
      let folder = try TemporaryFolder()
      try folder.write(#"{"job":1,"text":"größer"}"#, to: "one.json")
      try folder.write("[1,2,3]", to: "two.json")
      let result = try await broker.run(
        Self.load + ["--data", broker.data, "--corpus", folder.path, "--json"], within: 90)
      try #require(result.status == 0, "\(result.talk)")
      let report = try result.json(as: BenchReport.self)
      #expect(report.deliveries == 4000 && report.lost == 0)
      #expect(report.cpuMicrosPerDelivery > 0, "its process was found by its socket")
      let endpoints = try await broker.fanfare("endpoint", "list", "--json")
      #expect(try endpoints.json(as: [EndpointLine].self).isEmpty)
    }

    @Test(.timeLimit(.minutes(2)))
    func `deliveries to other URLs are counted by the broker; what stays away is a failure`()
      async throws
    {
      let broker = try await TestBroker.start()
      let bin = try broker.spawn(["listen", "--no-tls", "--json"])
      try await eventually("the bin listens", details: { bin.talk }) {
        bin.talk.contains("listening on")
      }
      let url = try #require(bin.talk.firstMatch(of: /http:[^ \n]+/))
      let good = try await broker.run(
        [
          "bench", "--data", broker.data, "--events", "20", "--warm-up", "0", "--give-up", "20s",
          "--target", String(url.output), "--json",
        ], within: 90)
      #expect(good.status == 0, "\(good.talk)")
      #expect(bin.lines.count == 20)
      // Nobody listens on port 9.
      let result = try await broker.run(
        [
          "bench", "--data", broker.data, "--events", "20", "--warm-up", "0", "--give-up", "1s",
          "--target", "http://127.0.0.1:9/x", "--json",
        ], within: 90)
      #expect(result.status == 1, "\(result.talk)")
      #expect(result.talk.contains("20 deliveries of acknowledged events did not arrive"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `stopped by a signal, it says what it has and leaves nothing behind`() async throws {
      let folder = try TemporaryFolder()
      let child = try Child(
        try Tools.fanfare(),
        [
          "bench", "--duration", "100s", "--rate", "200/s", "--endpoints", "2", "--json",
          "--warm-up", "10", "--directory", folder.path,
        ])
      let log = { try self.leftovers(in: folder).first.map { "\($0)/data/journal" } }
      try await eventually("the broker runs", details: { child.talk }) {
        try log().map { FileManager.default.fileExists(atPath: folder.file($0)) } ?? false
      }
      // Long enough for some events; how many does not matter.
      try await eventually("it publishes", within: 30, details: { child.talk }) {
        let data = folder.file("\(try #require(try leftovers(in: folder).first))/data")
        let status = try await Child.run(
          try Tools.fanfare(), ["status", "--json", "--data", data])
        guard status.status == 0 else { return false }
        return try status.json(as: StatusReport.self).events.accepted > 50
      }
      let result = try await child.stop(SIGINT)
      #expect(result.status == 130, "\(result.talk)")
      let report = try result.json(as: BenchReport.self)
      #expect(report.interrupted && report.events > 0)
      #expect(try leftovers(in: folder) == [])
    }

    @Test(.timeLimit(.minutes(1)))
    func `what makes no sense is refused with 64`() async throws {
      let folder = try TemporaryFolder()
      for words in [
        ["--fan-out", "5"], ["--rate", "fast"], ["--payload", "10"], ["--max-lag-p99", "50"],
        ["--socket", "x"], ["--target", "ftp://a"], ["--data", "d", "--durability", "os"],
      ] {
        let result = try await bench(words, in: folder)
        #expect(result.status == 64, "\(words): \(result.talk)")
        #expect(result.talk.contains(words[0]) || result.talk.contains(words.dropLast().last ?? ""))
      }
    }
  }
}

/// What `bench --json` promises.
private struct BenchReport: Decodable {
  struct Times: Decodable {
    let p50, p99, p999, max: Double
    let count: Int
  }
  struct Thread: Decodable {
    let name: String
    let userMicrosPerDelivery, systemMicrosPerDelivery: Double
  }
  let events, deliveries, twice, strange, peakRSSBytes: Int
  /// `null` when it was stopped.
  let lost: Int?
  let seconds, deliveriesPerSecond, cpuMicrosPerDelivery, deliveriesPerCommit: Double
  let ackSeconds, lagSeconds: Times
  let publisherLateSeconds: Times?
  let threads: [Thread]
  let interrupted: Bool
}
