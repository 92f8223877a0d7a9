// Goal: deliveries to an endpoint that the catalogue has lost are neither sent nor dropped, an alarm
// tells of them, nobody else gets its number, and they are sent when the catalogue knows it again.
// Method: the real program; stop it, put another catalog.db in its place, start it.
import Foundation
import Testing

extension EndToEnd {
  struct ParkedTests {
    @Test(.timeLimit(.minutes(3)))
    func `an endpoint that an older catalogue lacks is parked until the right one is back`()
      async throws
    {
      let parked = try await ParkedBacklog(events: 5)
      let (broker, nginx) = (parked.broker, parked.nginx)
      try parked.replaceCatalogue(by: "older")
      try await broker.start()
      let alarm = "parked: 5 deliveries to endpoint numbers that the catalogue does not know: 2 (5)"
      #expect(broker.log.contains(alarm), "\(broker.log)")
      let status = try await broker.fanfare("status", "--json")
      #expect(try status.json(as: AlarmReport.self).alarms.map { $0.hasPrefix(alarm) } == [true])
      #expect(try status.json(as: StatusReport.self).deliveries.pending == 5)
      #expect(try await parked.report().parked == [ParkedLine(number: 2, depth: 5)])
      #expect(try await broker.fanfare("spool").output.contains("number 2"))
      #expect(try await parked.metric() == "fanfare_parked_deliveries 5")
      #expect(try await broker.run(["health", "--ready"]).status == 0)

      // A new endpoint for the same events: it must not come by the old one's number.
      try await nginx.start()
      try await broker.fanfare(
        "endpoint", "add", "new", "https://127.0.0.1:\(nginx.port)/new", "--ca",
        nginx.certificate.certificate)
      let id = try await broker.fanfare("publish", "p.p", "{}").text
      try await eventually("the new one gets the new event", details: { broker.log }) {
        nginx.ids(at: "/new").map(String.init) == [id]
      }
      #expect(try await parked.report().parked == [ParkedLine(number: 2, depth: 5)])
      // Retention and checkpoints come by; what is parked stays through a kill too.
      try await broker.kill9()
      try await broker.start()
      #expect(try await parked.report().parked == [ParkedLine(number: 2, depth: 5)])
      #expect(nginx.ids(at: "/lost").isEmpty)

      _ = try await broker.terminate()
      try parked.replaceCatalogue(by: "right")
      try await broker.start()
      #expect(!broker.log.contains("parked:"))
      try await broker.fanfare("endpoint", "resume", "lost")
      try await eventually("all that was parked is sent", details: { broker.log }) {
        Set(nginx.ids(at: "/lost").map(String.init)) == Set(parked.ids)
      }
      #expect(nginx.ids(at: "/new").map(String.init) == [id])
      #expect(try await parked.report().parked.isEmpty)
      #expect(try await parked.metric() == "fanfare_parked_deliveries 0")
    }

    @Test(.timeLimit(.minutes(3)))
    func `after the catalogue is lost its numbers are not given again, and can be dropped`()
      async throws
    {
      let parked = try await ParkedBacklog(events: 3)
      let (broker, nginx) = (parked.broker, parked.nginx)
      try parked.replaceCatalogue(by: nil)
      try await broker.start()
      #expect(try await parked.report().parked == [ParkedLine(number: 2, depth: 3)])
      try await nginx.start()
      for name in ["new1", "new2", "new3"] {
        try await broker.fanfare(
          "endpoint", "add", name, "https://127.0.0.1:\(nginx.port)/\(name)", "--ca",
          nginx.certificate.certificate)
      }
      let unasked = try await broker.run(["endpoint", "remove-parked", "2"])
      #expect(unasked.status == 64 && unasked.talk.contains("its 3 parked deliveries?"))
      for number in ["1", "9"] {
        let refused = try await broker.run(["endpoint", "remove-parked", number, "--yes"])
        #expect(refused.status == 1 && refused.talk.contains("nothing is parked"))
      }
      let known = try await broker.run(["endpoint", "remove-parked", "3", "--yes"])
      #expect(known.status == 65 && known.talk.contains("remove it by its name"))
      #expect(try await parked.report().parked == [ParkedLine(number: 2, depth: 3)])
      let dropped = try await broker.fanfare("endpoint", "remove-parked", "2", "--yes")
      #expect(dropped.talk.contains("3 parked deliveries dropped"))
      #expect(try await parked.report().parked.isEmpty)
      #expect(try await parked.report().total.depth == 0)

      try await broker.kill9()
      try await broker.start()
      #expect(try await parked.report().parked.isEmpty && !broker.log.contains("parked:"))
      for name in ["/new1", "/new2", "/new3", "/lost"] { #expect(nginx.ids(at: name).isEmpty) }
    }
  }
}

/// A stopped broker with a backlog for an endpoint, number 2, that an older catalogue lacks.
private final class ParkedBacklog {
  let broker: TestBroker
  let nginx: NginxReceiver
  private(set) var ids: [String] = []

  init(events: Int) async throws {
    broker = try await TestBroker.start()
    nginx = try await NginxReceiver()
    try await broker.fanfare("endpoint", "add", "first", "https://127.0.0.1:9/", "--types", "k.k")
    _ = try await broker.terminate()
    try keepCatalogue(as: "older")
    try await broker.start()
    try await broker.fanfare(
      "endpoint", "add", "lost", "https://127.0.0.1:\(nginx.port)/lost", "--ca",
      nginx.certificate.certificate)
    try await broker.fanfare("endpoint", "pause", "lost")
    for _ in 0..<events { ids.append(try await broker.fanfare("publish", "p.p", "{}").text) }
    _ = try await broker.terminate()
    try keepCatalogue(as: "right")
  }

  private func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: broker.data)
      .filter { $0.hasPrefix("catalog.db") }
  }

  private func keepCatalogue(as name: String) throws {
    for file in try files() {
      try FileManager.default.copyItem(
        atPath: "\(broker.data)/\(file)", toPath: broker.folder.file("\(name).\(file)"))
    }
  }

  /// - Parameter name: which kept one; `nil` leaves none.
  func replaceCatalogue(by name: String?) throws {
    for file in try files() {
      try FileManager.default.removeItem(atPath: "\(broker.data)/\(file)")
    }
    guard let name else { return }
    for file in try FileManager.default.contentsOfDirectory(atPath: broker.folder.path)
    where file.hasPrefix("\(name).") {
      try FileManager.default.copyItem(
        atPath: broker.folder.file(file),
        toPath: "\(broker.data)/\(file.dropFirst(name.count + 1))")
    }
  }

  func report() async throws -> ParkedReport {
    try await broker.fanfare("spool", "--json").json(as: ParkedReport.self)
  }

  /// The metric's line.
  func metric() async throws -> String {
    let address = broker.folder.read("data/address").trimmingCharacters(in: .whitespacesAndNewlines)
    let result = try await Child.run(
      try Tools.find("curl"), ["-ksS", "\(address)/metrics"], within: 20)
    let lines = result.output.split(separator: "\n").map(String.init)
    return lines.first { $0.hasPrefix("fanfare_parked_deliveries ") } ?? result.talk
  }
}

/// What `spool --json` promises of what is parked.
private struct ParkedReport: Decodable {
  let total: SpoolReport.Total
  let parked: [ParkedLine]
}

private struct ParkedLine: Decodable, Equatable {
  let number, depth: Int
}

/// What `status --json` promises beside the contract's keys.
private struct AlarmReport: Decodable {
  let alarms: [String]
}
