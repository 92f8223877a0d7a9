public import Base
public import Catalog
internal import Delivery
internal import Flow
internal import Platform
internal import Storage

/// Which attempts are wanted, and which part of the list.
public struct AttemptQuery: Sendable {
  /// By result, status, endpoint and time.
  public var filter = AttemptFilter()
  /// `job.completed`, `job.*` or `*`; none is all.
  public var types: [String] = []
  /// Only for events that carry it.
  public var channel: String?
  /// How many at most.
  public var limit = 50
  /// Only those with a lower key; where the page before ended.
  public var before: Int64?
  /// Only those with a higher key, and of those the oldest.
  public var after: Int64?
  /// Whether their answers are wanted.
  public var withAnswers = true

  /// All, the newest first.
  public init() {}
}

/// An attempt with what it was about.
public struct Attempt: Sendable {
  /// What is kept of it.
  public var entry: AttemptEntry
  /// To whom.
  public var endpoint: EndpointRecord
  /// Which event.
  public var eventID: String

  /// Why it failed, or how the failing answer began; empty after a success.
  public var response: String {
    if entry.result == .success { return "" }
    switch entry.detail {
    case .answer(_, let body): return String(decoding: body, as: UTF8.self)
    case .reason(let text): return text
    case nil: return entry.failure.text(status: entry.status)
    }
  }

  /// The headers of the failing answer, as far as they are kept, in their order.
  public var responseHeaders: [(name: String, value: String)] {
    guard case .answer(let head, _) = entry.detail else { return [] }
    return HeaderLines.read(head)
  }

  /// Puts one together.
  public init(entry: AttemptEntry, endpoint: EndpointRecord, eventID: String) {
    self.entry = entry
    self.endpoint = endpoint
    self.eventID = eventID
  }
}

/// A part of a list of attempts, the newest first; see ``EventPage``.
public struct AttemptPage: Sendable {
  /// The newest first.
  public var attempts: [Attempt] = []
  /// The key before which the older ones lie; `nil` when that is not known.
  public var next: Int64?
  /// The key behind which the newer ones lie; `nil` when that is not known.
  public var previous: Int64?
  /// Whether nothing lies beyond this part.
  public var isLast = false
}

extension BrokerControl {
  /// How often a page looks for more when few of what it found are wanted.
  private static let roundsMax = 20

  /// What was tried at an endpoint, the newest first.
  public func attempts(application: String, endpoint: String, _ query: AttemptQuery)
    async throws(ControlError) -> AttemptPage
  {
    let record = try self.endpoint(application: application, id: endpoint)
    let known = [record.number: record]
    return try await page(query, known, application) { part throws(CatalogError) in
      try attempts.store.attempts(
        endpoint: record.number, query.filter, limit: part.limit, before: part.before,
        after: part.after)
    }
  }

  /// What was tried for an event, the newest first.
  public func attempts(application: String, message: String, _ query: AttemptQuery)
    async throws(ControlError) -> AttemptPage
  {
    let event = try await find(application: application, id: message)
    return try await page(query, [:], application) { part throws(CatalogError) in
      try attempts.store.attempts(
        position: event.position, query.filter, limit: part.limit, before: part.before,
        after: part.after)
    }
  }

  /// One attempt.
  /// - Throws: `notFound` when it is not kept (any more), or is of another event.
  public func attempt(application: String, message: String, number: Int64)
    async throws(ControlError) -> Attempt
  {
    let entry = try catalogCall { () throws(CatalogError) in
      try attempts.store.attempt(number: number)
    }
    let event = try await find(application: application, id: message)
    guard let entry, entry.position == event.position,
      let record = try endpoint(number: entry.endpoint, application: application)
    else { throw .notFound("no such attempt is kept for event '\(message.prefix(64))'") }
    let attempt = Attempt(entry: entry, endpoint: record, eventID: event.id)
    return try withAnswers([attempt]).first ?? attempt
  }

  /// Forgets what an endpoint answered to an attempt.
  public func clearResponse(application: String, message: String, number: Int64)
    async throws(ControlError)
  {
    let attempt = try await attempt(application: application, message: message, number: number)
    try catalogCall { () throws(CatalogError) in
      try attempts.store.clearResponse(number: attempt.entry.number)
    }
  }

  /// The event of an attempt, with its data; `nil` when the log has it no more.
  public func message(of attempt: Attempt) throws(ControlError) -> Message? {
    guard let event = try? plane.logReader.event(at: attempt.entry.position) else { return nil }
    return message(event, try applicationNames())
  }

  /// What happened at an endpoint in some hours, and what waits for it now.
  public func statistics(
    application: String, endpoint: String, since: UnixMilliseconds, until: UnixMilliseconds
  ) async throws(ControlError) -> (tally: AttemptTally, pending: UInt64, inFlight: UInt64) {
    let record = try self.endpoint(application: application, id: endpoint)
    let tally = try catalogCall { () throws(CatalogError) in
      try attempts.store.tally(endpoint: record.number, since: since, until: until)
    }
    let lane = await plane.status(of: EndpointNumber(record.number))
    let inFlight = UInt64(lane?.inFlight ?? 0)
    let depth = lane?.depth ?? 0
    return (tally, depth - min(depth, inFlight), inFlight)
  }

  /// The endpoint with this number, if it is active in the application.
  private func endpoint(number: UInt32, application: String) throws(ControlError)
    -> EndpointRecord?
  {
    let owner = try applicationNumber(application)
    let record = try catalogCall { () throws(CatalogError) in
      try catalog.endpoint(number: number)
    }
    return record.flatMap { $0.applicationNumbers.contains(owner.value) ? $0 : nil }
  }

  // MARK: Pages

  private typealias Part = (limit: Int, before: Int64?, after: Int64?)

  private func page(
    _ query: AttemptQuery, _ known: [UInt32: EndpointRecord], _ application: String,
    _ select: (Part) throws(CatalogError) -> [AttemptEntry]
  ) async throws(ControlError) -> AttemptPage {
    var types = TypeNames(try Self.patterns(query.types))
    var endpoints: [UInt32: EndpointRecord?] = known.mapValues { $0 }
    var page = AttemptPage(isLast: query.limit == 0)
    var part: Part = (0, query.before, query.after)
    for _ in 0..<Self.roundsMax where page.attempts.count < query.limit && !page.isLast {
      part.limit = query.limit - page.attempts.count + 1
      var entries = try catalogCall { () throws(CatalogError) in try select(part) }
      page.isLast = entries.count < part.limit
      // The one that only says that there is more lies at the far end.
      if !page.isLast { entries.remove(at: part.after == nil ? entries.count - 1 : 0) }
      guard let first = entries.first, let last = entries.last else { break }
      let found = try attempts(of: entries, query.channel, &types, &endpoints, application)
      if part.after == nil {
        page.attempts += found
        part.before = last.number
      } else {
        page.attempts = found + page.attempts
        part.after = first.number
      }
      await Task.yield()
    }
    if query.withAnswers { page.attempts = try withAnswers(page.attempts) }
    page.next = query.after == nil ? part.before : page.attempts.last?.entry.number
    page.previous = query.after == nil ? page.attempts.first?.entry.number : part.after
    return page
  }

  /// The attempts whose event the log still has, and that are wanted for it.
  private func attempts(
    of entries: [AttemptEntry], _ channel: String?, _ types: inout TypeNames,
    _ endpoints: inout [UInt32: EndpointRecord?], _ application: String
  ) throws(ControlError) -> [Attempt] {
    let events = plane.logReader.identities(at: entries.map(\.position))
    var found: [Attempt] = []
    for (entry, event) in zip(entries, events) {
      guard let event, types.takes(event.type) else { continue }
      if let channel, !carries(entry.position, channel) { continue }
      if endpoints[entry.endpoint] == nil {
        endpoints[entry.endpoint] = .some(
          try endpoint(number: entry.endpoint, application: application))
      }
      guard let record = endpoints[entry.endpoint] ?? nil else { continue }
      found.append(Attempt(entry: entry, endpoint: record, eventID: event.id))
    }
    return found
  }

  /// The same, with what their endpoints answered where that is kept.
  private func withAnswers(_ attempts: [Attempt]) throws(ControlError) -> [Attempt] {
    let failed = attempts.filter { $0.entry.failure == .status && $0.entry.detail == nil }
    if failed.isEmpty { return attempts }
    let answers = try catalogCall { () throws(CatalogError) in
      try self.attempts.store.answers(of: failed.map(\.entry.number))
    }
    return attempts.map { attempt in
      var attempt = attempt
      if let answer = answers[attempt.entry.number] { attempt.entry.detail = answer }
      return attempt
    }
  }

  private func carries(_ position: Position, _ channel: String) -> Bool {
    guard let event = try? plane.logReader.event(at: position) else { return false }
    return record(event, [:]).channels.contains(channel)
  }
}
