internal import Base
internal import Catalog
public import Flow
internal import Routing
internal import Storage
internal import Platform
internal import Wire

extension BrokerControl {
  /// Blocks that a search looks at before it lets others go on.
  static let blocksPerSlice = 16
  /// How long a search may take before it gives what it has and says where to go on.
  private static let searchTime = Nanoseconds.seconds(1)

  /// Data that one page holds at most, bytes; then it ends early.
  private static let pageBytesMax = 8 << 20

  /// A part of what was published, the newest first.
  ///
  /// Reads header sections, and unpacks only blocks that hold what is wanted, or a type never met.
  public func events(_ query: EventQuery) async throws(ControlError) -> EventPage {
    let found = try await search(query)
    let names = try applicationNames()
    return EventPage(
      events: found.events.map { record($0, names) }, next: found.next,
      previous: found.previous, isLast: found.isLast)
  }

  /// The events themselves; ``EventPage`` says the rest.
  func search(_ query: EventQuery) async throws(ControlError) -> FoundEvents {
    var filter = try filter(query)
    let isForward = query.after != nil
    let start =
      query.after.map { Position(packed: $0.packed + 1) }
      ?? query.before ?? Position(packed: .max)
    let scan = plane.logReader.scan(
      isForward ? .oldestFirst : .newestFirst, from: start, accepted: query.accepted)
    let deadline = RealClock.monotonic + Self.searchTime
    var found = FoundEvents(reached: query.after ?? start)
    var bytes = 0
    var blocks = 0
    while found.events.count < query.limit, bytes < Self.pageBytesMax,
      RealClock.monotonic < deadline
    {
      guard scan.advance() else {
        found.isLast = true
        break
      }
      found.reached = Position(sequence: scan.sequence, index: isForward ? 0xFFFF : 0)
      scan.forEachEvent { position, header in
        guard let event = scan.event(position, header, wantedBy: &filter) else { return true }
        found.events.append(event)
        bytes += event.data.count
        if found.events.count < query.limit, bytes < Self.pageBytesMax { return true }
        found.reached = position
        return false
      }
      blocks += 1
      if blocks % Self.blocksPerSlice == 0 { await Task.yield() }
    }
    if isForward { found.events.reverse() }
    found.isForward = isForward
    return found
  }

  /// One event with its data.
  /// - Parameter application: id, uid or name; only an event of this one is given.
  public func event(at position: Position, application: String?)
    throws(ControlError) -> (record: EventRecord, data: [UInt8])
  {
    let event: StoredEvent
    do throws(StorageError) {
      event = try plane.logReader.event(at: position)
    } catch .eventNotFound {
      throw .notFound("no event at \(position.packed)")
    } catch {
      throw .internalFailure(error.description)
    }
    if let application, try applicationNumber(application) != event.application {
      throw .notFound("no event at \(position.packed) in application '\(application)'")
    }
    if expunged.contains(position) { throw .notFound("the event's content was deleted") }
    return (record(event, try applicationNames()), event.data)
  }

  func record(_ event: StoredEvent, _ names: [UInt32: String]) -> EventRecord {
    EventRecord(
      event, application: names[event.application.value] ?? "number \(event.application.value)",
      endpoints: unsafe plane.window.audiences.endpoints(of: event.audience).count)
  }

  private func filter(_ query: EventQuery) throws(ControlError) -> EventFilter {
    var filter = EventFilter()
    filter.application = try query.application.map { (name: String) throws(ControlError) in
      try applicationNumber(name)
    }
    filter.types = TypeFilter(try Self.patterns(query.types))
    filter.channel = query.channel.map { Array($0.utf8) }
    filter.id = query.id.map { Array($0.utf8) }
    filter.receiver = query.endpoint.map { (EndpointNumber($0), plane.window.audiences) }
    filter.since = query.since ?? filter.since
    filter.until = query.until ?? filter.until
    return filter
  }

  func applicationNumber(_ text: String) throws(ControlError) -> ApplicationNumber {
    let record = try catalogCall { () throws(CatalogError) in try catalog.application(text) }
    return ApplicationNumber(record.number)
  }

  static func patterns(_ texts: [String]) throws(ControlError) -> [TypePattern] {
    var patterns: [TypePattern] = []
    for text in texts {
      do throws(TypePatternError) {
        patterns.append(try TypePattern(parsing: text))
      } catch {
        throw .invalid(field: "types", error.text)
      }
    }
    return patterns
  }
}

/// What a search found, the newest first, and how far it came.
struct FoundEvents {
  var events: [StoredEvent] = []
  /// The last place that it looked at.
  var reached: Position
  var isForward = false
  var isLast = false

  init(reached: Position) { self.reached = reached }

  /// Before which the older ones lie.
  var next: Position { isForward ? events.last?.position ?? reached : reached }
  /// Behind which the newer ones lie; `nil` when that is not known.
  var previous: Position? { isForward ? reached : events.first?.position }
}

extension EventQuery {
  /// When its events must have been accepted. An id of Fanfare's own tells when it was made.
  var accepted: LogScan.Span {
    if let id, id.hasPrefix("msg_"), let ksuid = KSUID(String(id.dropFirst(4))) {
      return LogScan.Span(first: ksuid.unixSeconds * 1000, last: ksuid.unixSeconds * 1000)
    }
    return LogScan.Span(first: since?.value ?? 0)
  }
}

extension LogScan {
  /// The event if it is wanted; its block is unpacked only when it must be looked at.
  func event(
    _ position: Position, _ header: EventHeader, wantedBy filter: inout EventFilter
  ) -> StoredEvent? {
    let verdict = filter.verdict(header)
    if verdict == .unwanted { return nil }
    if verdict == .open {
      guard withEvent(position, { filter.judge($0) }) == true else { return nil }
    }
    return event(position)
  }
}
