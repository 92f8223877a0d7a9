internal import Base
internal import Broker
internal import Catalog
internal import Hummingbird
internal import Wire

/// A delivery that was given up, as clients see it.
struct DeadLetterOut: Encodable {
  /// The event's id.
  var id: String
  var eventType: String
  var endpointId: String
  /// What the endpoint is called.
  var endpoint: String
  var attempts: Int
  var lastStatus: Int
  var lastError: String
  /// Too old, rather than out of attempts.
  var expired: Bool
  var timestamp: String

  init(_ record: DeadLetterRecord) {
    id = record.eventID
    eventType = record.type
    endpointId = record.endpointID
    endpoint = record.endpointName
    attempts = record.attempts
    lastStatus = record.lastStatus
    lastError = record.failure
    expired = record.expired
    timestamp = RFC3339.text(record.diedAt)
  }
}

/// What to take off the list for good.
struct PurgeIn: Decodable {
  /// Name or id; all of the application otherwise.
  var endpoint: String?
  /// Only what was given up then or later, RFC 3339.
  var since: String?
  /// Only count.
  var dryRun: Bool?
}

/// How many letters a purge took, or would take.
struct PurgeOut: Encodable {
  var count: Int
}

extension AdminRoutes {
  /// `POST /api/v1/app/{app}/dead/purge`.
  mutating func addPurge(_ control: BrokerControl) {
    on(.post, "/api/v1/app/{app}/dead/purge", .admin) { request, context in
      let given = try await JSON.decode(PurgeIn.self, from: request)
      let count = try control.purgeDead(
        application: try context.application(), endpoint: given.endpoint,
        since: try TimeText.read(given.since, field: "since", in: "body"),
        isTrial: given.dryRun ?? false)
      return try JSON.response(PurgeOut(count: count))
    }
  }

  /// `GET /api/v1/app/{app}/dead`, the newest first; `before` (or `iterator`) goes on.
  mutating func addDeadLetters(_ control: BrokerControl) {
    addPurge(control)
    on(.get, "/api/v1/app/{app}/dead", .read) { request, context in
      let query = QueryReader(request)
      let limit = try query.limit()
      let cursor = query.text("before") ?? query.text("iterator")
      guard cursor == nil || cursor.flatMap({ Int64($0) }) != nil else {
        throw AdminError.badRequest("before: not an iterator that this list gave")
      }
      // One more than wanted tells whether there is more.
      let records = try control.deadLetters(
        application: try context.application(), endpoint: query.text("endpoint"),
        limit: limit + 1, before: cursor.flatMap { Int64($0) })
      let shown = records.prefix(limit)
      return try JSON.response(
        ListOut(
          data: shown.map(DeadLetterOut.init), iterator: shown.last.map { "\($0.number)" },
          prevIterator: nil, done: records.count <= limit))
    }
  }
}
