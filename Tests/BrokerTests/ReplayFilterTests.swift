import Base
import Broker
import Flow
import Routing
import Testing

/// Goal: a replay takes what an endpoint was to get, and what its subscription takes now; history
/// unpacks no block for a type that it has met.
/// Method: single events, their header first and then themselves, as the log would give them.
struct ReplayFilterTests {
  private struct Event {
    var type: String
    var extras: [UInt8] = []
    var audience = AudienceNumber.empty
    var application: UInt32 = 1
    var time: UInt64 = 1_000
    var id = "id"
  }

  private func extra(_ tag: UInt8, _ text: String) -> [UInt8] {
    [tag, UInt8(text.utf8.count), 0] + Array(text.utf8)
  }

  private func hash(_ text: String) -> UInt64 {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe Hash64.of($0) }
  }

  private func with<R>(_ event: Event, _ body: (EventView) -> R) -> R {
    let bytes = Array(event.type.utf8) + Array(event.id.utf8) + event.extras
    let header = EventHeader(
      time: UnixMilliseconds(event.time), idHash: hash(event.id), typeHash: hash(event.type),
      contentHash: 0, payloadOffset: 0, dataLength: 0, extrasLength: UInt32(event.extras.count),
      audience: event.audience, application: ApplicationNumber(event.application),
      typeLength: UInt8(event.type.utf8.count), idLength: UInt8(event.id.utf8.count),
      kind: .json, flags: 0)
    return unsafe bytes.withUnsafeBytes { payload in
      body(unsafe EventView(header: header, payload: payload))
    }
  }

  /// What a scan decides, and whether it had to unpack the block for it.
  private enum Decision: Equatable {
    case byHeader(Bool)
    case unpacked(Bool)
  }

  private func expect(
    _ filter: inout ReplayFilter, _ event: Event, _ expected: Decision,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let decision: Decision = with(event) { view in
      switch filter.verdict(view.header) {
      case .wanted: return .byHeader(true)
      case .unwanted: return .byHeader(false)
      case .open: return .unpacked(filter.judge(view))
      }
    }
    #expect(decision == expected, sourceLocation: sourceLocation)
  }

  private func entry(
    _ types: [String], channels: [String] = [], sources: [String] = []
  ) throws -> RoutingEntry {
    RoutingEntry(
      endpoint: EndpointNumber(7), applications: [ApplicationNumber(1)],
      types: try types.map { try TypePattern(parsing: $0) }, channels: channels, sources: sources)
  }

  @Test func `a member gets it whatever it subscribes to now, another only what it subscribes to`()
    throws
  {
    let audiences = AudienceTable()
    let own = try #require(audiences.append([EndpointNumber(3), EndpointNumber(7)]))
    let other = try #require(audiences.append([EndpointNumber(3)]))
    var filter = ReplayFilter(entry: try entry(["job.*"]), audiences: audiences)
    expect(&filter, Event(type: "task.a", audience: own), .byHeader(true))
    expect(&filter, Event(type: "task.a", audience: other), .unpacked(false))
    expect(&filter, Event(type: "task.a", audience: other), .byHeader(false))
    expect(&filter, Event(type: "job.a", audience: other), .unpacked(true))
    expect(&filter, Event(type: "job.a"), .byHeader(true))
    expect(&filter, Event(type: "job.a", application: 2), .byHeader(false))
  }

  @Test func `types asked for and times narrow both`() throws {
    let audiences = AudienceTable()
    let own = try #require(audiences.append([EndpointNumber(7)]))
    var filter = ReplayFilter(
      entry: try entry(["job.*"]), audiences: audiences, types: [try TypePattern(parsing: "job.a")],
      since: UnixMilliseconds(900), until: UnixMilliseconds(1_100))
    expect(&filter, Event(type: "job.a", audience: own), .byHeader(true))
    expect(&filter, Event(type: "job.b", audience: own), .byHeader(false))
    expect(&filter, Event(type: "job.a", audience: own, time: 899), .byHeader(false))
    expect(&filter, Event(type: "job.a", time: 1_101), .byHeader(false))
    expect(&filter, Event(type: "job.a"), .unpacked(true))
  }

  @Test func `channels and sources of a new endpoint are looked at`() throws {
    var filter = ReplayFilter(
      entry: try entry([], channels: ["red"], sources: ["crm"]), audiences: AudienceTable())
    let red = extra(ExtraTag.channel, "red")
    let crm = extra(ExtraTag.source, "crm")
    expect(&filter, Event(type: "a"), .byHeader(false))
    expect(&filter, Event(type: "a", extras: red), .unpacked(false))
    expect(&filter, Event(type: "a", extras: crm + red), .unpacked(true))
    let blue = crm + extra(ExtraTag.channel, "blue")
    expect(&filter, Event(type: "a", extras: blue), .unpacked(false))
  }

  @Test func `history is filtered by id, channel, application, type and time`() throws {
    var filter = EventFilter()
    filter.id = Array("mine".utf8)
    filter.channel = Array("red".utf8)
    filter.application = ApplicationNumber(1)
    filter.types = TypeFilter([try TypePattern(parsing: "a.*")])
    filter.since = UnixMilliseconds(500)
    let good = Event(type: "a.b", extras: extra(ExtraTag.channel, "red"), id: "mine")
    func wants(_ event: Event) -> Bool {
      with(event) { view in
        switch filter.verdict(view.header) {
        case .wanted: return true
        case .unwanted: return false
        case .open: return filter.judge(view)
        }
      }
    }
    #expect(wants(good))
    for change: (inout Event) -> Void in [
      { $0.type = "b.b" }, { $0.extras = [] }, { $0.id = "other" }, { $0.application = 2 },
      { $0.time = 499 },
    ] {
      var bad = good
      change(&bad)
      #expect(!wants(bad))
    }
  }
}
