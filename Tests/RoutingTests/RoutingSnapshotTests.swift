import Base
import Flow
import Routing
import Testing

// Goal: an event goes to those who subscribed to it, and to nobody else.
// Method: small tables by hand, and a comparison with the obvious search over random subscriptions.
@Suite struct RoutingSnapshotTests {
  private let one = ApplicationNumber(1)
  private let two = ApplicationNumber(2)

  private func entry(
    _ number: UInt32, _ types: [String], applications: [UInt32] = [1], channels: [String] = [],
    sources: [String] = [], enabled: Bool = true
  ) throws -> RoutingEntry {
    RoutingEntry(
      endpoint: EndpointNumber(number), applications: applications.map { ApplicationNumber($0) },
      types: try types.map { try TypePattern(parsing: $0) }, channels: channels, sources: sources,
      enabled: enabled)
  }

  private func snapshot(_ entries: [RoutingEntry]) -> RoutingSnapshot {
    RoutingSnapshot(applications: ["default": one, "other": two], entries: entries)
  }

  private func wants(
    _ entry: RoutingEntry, application: ApplicationNumber, type: String, source: String?,
    channels: [String]
  ) -> Bool {
    func extra(_ tag: UInt8, _ text: String) -> [UInt8] {
      [tag, UInt8(text.utf8.count), 0] + Array(text.utf8)
    }
    let extras = (source.map { extra(ExtraTag.source, $0) } ?? [])
      + channels.flatMap { extra(ExtraTag.channel, $0) }
    return unsafe Array(type.utf8).withUnsafeBytes { type in
      unsafe extras.withUnsafeBytes { extras in
        unsafe entry.wants(RouteQuery(application: application, type: type, extras: extras))
      }
    }
  }

  private func numbers(_ endpoints: [EndpointNumber]) -> [UInt32] { endpoints.map(\.value) }

  @Test func `types select, sorted and without repeats`() throws {
    let snapshot = snapshot([
      try entry(9, ["job.*", "job.done", "*"]), try entry(3, ["job.done"]), try entry(5, []),
      try entry(7, ["task.*"]), try entry(8, ["job.done.*"]), try entry(2, ["*"], enabled: false),
    ])
    #expect(numbers(snapshot.match(application: one, type: "job.done")) == [3, 5, 9])
    #expect(numbers(snapshot.match(application: one, type: "job.done.late")) == [5, 8, 9])
    #expect(numbers(snapshot.match(application: one, type: "task.a")) == [5, 7, 9])
  }

  @Test func `applications are apart, and an endpoint may be active in several`() throws {
    let snapshot = snapshot([
      try entry(1, ["*"]), try entry(2, ["*"], applications: [2]),
      try entry(3, ["*"], applications: [1, 2]), try entry(4, ["*"], applications: []),
    ])
    #expect(numbers(snapshot.match(application: one, type: "a")) == [1, 3])
    #expect(numbers(snapshot.match(application: two, type: "a")) == [2, 3])
    #expect(numbers(snapshot.match(application: ApplicationNumber(3), type: "a")) == [])
    #expect(snapshot.application(named: "other") == two)
    #expect(snapshot.application(named: "othe") == nil)
    #expect(snapshot.applicationNames == ["default", "other"])
  }

  @Test func `channels and sources narrow`() throws {
    let snapshot = snapshot([
      try entry(1, ["*"]), try entry(2, ["*"], channels: ["red"]),
      try entry(3, ["a.*"], channels: ["red", "blue"]), try entry(4, ["*"], sources: ["crm"]),
      try entry(5, ["*"], channels: ["blue"], sources: ["crm", "erp"]),
    ])
    func match(_ source: String?, _ channels: [String]) -> [UInt32] {
      numbers(snapshot.match(application: one, type: "a.b", source: source, channels: channels))
    }
    #expect(match(nil, []) == [1])
    #expect(match(nil, ["red"]) == [1, 2, 3])
    #expect(match(nil, ["blue", "red", "blue"]) == [1, 2, 3])
    #expect(match("crm", []) == [1, 4])
    #expect(match("erp", ["blue"]) == [1, 3, 5])
    #expect(match("crmx", ["green"]) == [1])
  }

  @Test func `random subscriptions give what a search over all of them gives`() throws {
    var random = SeededRandom(seed: 11)
    let words = ["a", "b", "job", "x-1"]
    func type() -> String {
      (0...random.below(2)).map { _ in words[Int(random.below(4))] }.joined(separator: ".")
    }
    func someEntry(_ number: UInt32) throws -> RoutingEntry {
      let pattern = random.oneIn(9) ? "*" : random.oneIn(3) ? type() + ".*" : type()
      let channels = random.oneIn(2) ? [] : ["c\(random.below(4))"]
      let sources = random.oneIn(3) ? ["s\(random.below(3))"] : []
      return try entry(
        number, [pattern], applications: [UInt32(1 + random.below(2))], channels: channels,
        sources: sources, enabled: !random.oneIn(10))
    }
    let entries = try (1...300).map { try someEntry($0) }
    let snapshot = snapshot(entries)
    // The same table reached by edits: 50 were otherwise, 50 are new, 20 are gone.
    let before = try entries[..<200] + (201...250).map { try someEntry($0) }
      + (301...320).map { try someEntry($0) }
    var changes: [EndpointNumber: RoutingEntry?] = [:]
    for entry in entries[200...] { changes.updateValue(entry, forKey: entry.endpoint) }
    for number in 301...320 { changes.updateValue(nil, forKey: EndpointNumber(UInt32(number))) }
    let edited = self.snapshot(Array(before)).applying(changes)
    for _ in 0..<500 {
      let application = ApplicationNumber(UInt32(1 + random.below(2)))
      let type = type()
      let source = random.oneIn(2) ? nil : "s\(random.below(3))"
      let channels = (0..<random.below(3)).map { _ in "c\(random.below(4))" }
      let expected = entries.filter { entry in
        entry.enabled && entry.applications.contains(application)
          && entry.types.contains { pattern in
            unsafe Array(type.utf8).withUnsafeBytes { unsafe pattern.matches($0) }
          }
          && (entry.channels.isEmpty || entry.channels.contains { channels.contains($0) })
          && (entry.sources.isEmpty || source.map { entry.sources.contains($0) } == true)
      }
      #expect(
        snapshot.match(application: application, type: type, source: source, channels: channels)
          == expected.map(\.endpoint))
      #expect(
        edited.match(application: application, type: type, source: source, channels: channels)
          == expected.map(\.endpoint))
      let alone = entries.filter { entry in
        entry.enabled
          && wants(entry, application: application, type: type, source: source, channels: channels)
      }
      #expect(alone.map(\.endpoint) == expected.map(\.endpoint))
    }
  }

  @Test func `ten thousand patterns still find the one`() throws {
    let entries = try (1...10_000).map { try entry(UInt32($0), ["t\($0).*"]) }
    let snapshot = snapshot(entries)
    #expect(numbers(snapshot.match(application: one, type: "t777.done")) == [777])
    #expect(numbers(snapshot.match(application: one, type: "t10001.done")) == [])
  }
}
