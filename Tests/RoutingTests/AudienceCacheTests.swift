import Base
import Flow
import Routing
import Testing

// Goal: the cache gives what a fresh match gives, remembers it, and forgets it with a new snapshot.
// Method: queries through the public face, misses counted.
@Suite struct AudienceCacheTests {
  private func resolve(
    _ cache: inout AudienceCache, _ type: String, application: UInt32 = 1, source: String? = nil,
    subject: String? = nil, channels: [String] = []
  ) -> Audience? {
    var extras: [UInt8] = []
    func add(_ tag: UInt8, _ text: String) {
      extras += [tag, UInt8(text.utf8.count), 0] + Array(text.utf8)
    }
    if let source { add(ExtraTag.source, source) }
    if let subject { add(ExtraTag.subject, subject) }
    for channel in channels { add(ExtraTag.channel, channel) }
    return unsafe Array(type.utf8).withUnsafeBytes { type in
      unsafe extras.withUnsafeBytes { extras in
        cache.resolve(
          unsafe RouteQuery(
            application: ApplicationNumber(application), type: type, extras: extras))
      }
    }
  }

  private func snapshot(_ entries: [(UInt32, String, [String], [String])]) throws -> RoutingSnapshot
  {
    RoutingSnapshot(
      applications: ["default": ApplicationNumber(1), "b": ApplicationNumber(2)],
      entries: try entries.map { number, pattern, channels, sources in
        RoutingEntry(
          endpoint: EndpointNumber(number), applications: [ApplicationNumber(1)],
          types: [try TypePattern(parsing: pattern)], channels: channels, sources: sources)
      })
  }

  private func cache(_ table: AudienceTable) -> AudienceCache {
    var random = SeededRandom(seed: 3)
    return AudienceCache(table: table, random: &random)
  }

  @Test func `the second query is remembered, a subject or content type does not matter`() throws {
    let table = AudienceTable()
    var cache = cache(table)
    cache.install(try snapshot([(4, "a.*", [], []), (2, "*", [], [])]))
    let first = resolve(&cache, "a.b")
    #expect(first?.count == 2)
    #expect(resolve(&cache, "a.b", subject: "s") == first)
    #expect(resolve(&cache, "a.b") == first)
    #expect(cache.misses == 1)
    #expect(unsafe Array(table.endpoints(of: first?.number ?? .empty)).map(\.value) == [2, 4])
  }

  @Test func `equal sets share a number, whatever led to them`() throws {
    let table = AudienceTable()
    var cache = cache(table)
    cache.install(try snapshot([(4, "a.*", [], []), (2, "*", [], [])]))
    let first = resolve(&cache, "a.b")
    #expect(resolve(&cache, "a.c") == first)
    #expect(resolve(&cache, "z")?.number != first?.number)
    cache.install(try snapshot([(4, "x", [], []), (2, "*", [], [])]))
    #expect(resolve(&cache, "x") == first)
    #expect(table.count == 3)
  }

  @Test func `a new snapshot voids what was remembered`() throws {
    var cache = cache(AudienceTable())
    #expect(resolve(&cache, "a") == Audience(number: .empty, count: 0))
    cache.install(try snapshot([(1, "a", [], [])]))
    #expect(resolve(&cache, "a")?.count == 1)
    cache.install(try snapshot([]))
    #expect(resolve(&cache, "a")?.count == 0)
  }

  @Test func `sets that recovery knows keep their numbers`() throws {
    let table = AudienceTable()
    table.insert([EndpointNumber(2), EndpointNumber(4)], at: AudienceNumber(17))
    var cache = cache(table)
    cache.install(try snapshot([(4, "*", [], []), (2, "*", [], []), (5, "b", [], [])]))
    #expect(resolve(&cache, "a")?.number == AudienceNumber(17))
    #expect(resolve(&cache, "b")?.number == AudienceNumber(18))
  }

  @Test func `sources, channels and applications are not mixed up`() throws {
    var cache = cache(AudienceTable())
    cache.install(
      try snapshot([(1, "*", [], ["crm"]), (2, "*", [], ["erp"]), (3, "*", ["crm"], [])]))
    for _ in 0..<2 {
      #expect(resolve(&cache, "a")?.count == 0)
      let crm = resolve(&cache, "a", source: "crm")
      let erp = resolve(&cache, "a", source: "erp")
      let channel = resolve(&cache, "a", channels: ["crm"])
      #expect(crm?.count == 1 && erp?.count == 1 && channel?.count == 1)
      #expect(Set([crm?.number, erp?.number, channel?.number]).count == 3)
      #expect(resolve(&cache, "b", source: "erp") == erp)
      #expect(resolve(&cache, "a", application: 2, source: "crm")?.count == 0)
    }
  }

  @Test func `more types than places are all answered rightly`() throws {
    var cache = cache(AudienceTable())
    cache.install(try snapshot([(1, "even.*", [], []), (2, "*", [], [])]))
    for round in 0..<2 {
      for number in 0..<90_000 {
        let isEven = number % 2 == 0
        let audience = resolve(&cache, (isEven ? "even.t" : "odd.t") + String(number))
        if audience?.count != (isEven ? 2 : 1) {
          Issue.record("round \(round), type \(number)")
          return
        }
      }
    }
  }

  @Test func `applications are found by their bytes`() throws {
    var cache = cache(AudienceTable())
    cache.install(try snapshot([]))
    func find(_ name: String) -> ApplicationNumber? {
      unsafe Array(name.utf8).withUnsafeBytes { unsafe cache.application(named: $0) }
    }
    #expect(find("b") == ApplicationNumber(2))
    #expect(find("default") == ApplicationNumber(1))
    #expect(find("c") == nil)
    #expect(find("") == nil)
  }
}
