package import Base
package import Catalog
internal import Wire

/// Something that the broker tells of itself: an event of the application `_system`.
///
/// Its data has the members of Svix's operational webhooks, and Fanfare's own beside them.
package struct OperationalEvent: Sendable, Equatable {
  /// What happened, and to whom; endpoints by number.
  package enum Subject: Sendable, Equatable {
    /// - Parameter failSince: when the run of failures began that led to it; `nil` without one.
    case disabled(endpoint: UInt32, reason: String, isManual: Bool, failSince: UnixMilliseconds?)
    case recovered(endpoint: UInt32)
    case paused(endpoint: UInt32)
    /// A delivery was given up; `expired` in the letter tells `dead` from `expired`.
    case givenUp(DeadLetterRecord, application: UInt32)
    /// Dead letters were kept long enough, or are too much together.
    case lettersDropped(DeadLetterExpiry)
    /// Packed bytes of what is pending; without an endpoint, of the spool as a whole.
    case spoolHigh(endpoint: UInt32?, bytes: UInt64, limit: UInt64)
    case diskLow(freeBytes: UInt64, totalBytes: UInt64)
  }

  /// What happened, the last time.
  package var subject: Subject
  /// How often it happened since it was told before.
  package var count: Int

  /// Something that happened so often.
  package init(_ subject: Subject, count: Int = 1) {
    self.subject = subject
    self.count = count
  }

  /// Its type.
  package var type: String {
    switch subject {
    case .disabled: "fanfare.endpoint.disabled"
    case .recovered: "fanfare.endpoint.recovered"
    case .paused: "fanfare.endpoint.paused"
    case .givenUp(let letter, _):
      letter.expired ? "fanfare.delivery.expired" : "fanfare.delivery.dead"
    case .lettersDropped: "fanfare.delivery.expired"
    case .spoolHigh: "fanfare.spool.high"
    case .diskLow: "fanfare.disk.low"
    }
  }

  /// The endpoint that it is about.
  package var endpoint: UInt32? {
    switch subject {
    case .disabled(let endpoint, _, _, _), .recovered(let endpoint), .paused(let endpoint):
      endpoint
    case .givenUp(let letter, _): letter.endpoint
    case .spoolHigh(let endpoint, _, _): endpoint
    case .lettersDropped, .diskLow: nil
    }
  }

  /// The application of the event that was given up; `nil` when it is about none.
  package var application: UInt32? {
    if case .givenUp(_, let application) = subject { application } else { nil }
  }
}

/// What the catalogue knows of those whom an event is about, by the names that users see.
package struct OperationalNames: Sendable, Equatable {
  /// `app_…`, and what its user calls it.
  package var appID: String?
  package var appUID: String?
  /// `ep_…`, and what its user calls it.
  package var endpointID: String?
  package var endpointUID: String?
  /// The last attempt that is kept, `atmpt_…`.
  package var attemptID: String?

  /// Nothing is known.
  package init() {}
}

extension OperationalEvent {
  /// The event's data.
  package func json(_ names: OperationalNames) -> [UInt8] {
    var object = JSONObjectText()
    object.add("appId", ifAny: names.appID)
    object.add("appUid", ifAny: names.appUID)
    object.add("endpointId", ifAny: names.endpointID)
    object.add("endpointUid", ifAny: names.endpointUID)
    switch subject {
    case .disabled(_, let reason, let isManual, let failSince):
      object.add("failSince", failSince.map { RFC3339.text($0) })
      object.add("trigger", isManual ? "manual" : "automatic")
      object.add("reason", reason)
    case .recovered, .paused: break
    case .givenUp(let letter, _): Self.add(letter, names, to: &object)
    case .lettersDropped(let why):
      object.add("reason", "dead letters were dropped: \(why.text)")
    case .spoolHigh(_, let bytes, let limit):
      object.add("bytes", bytes)
      object.add("limitBytes", limit)
    case .diskLow(let free, let total):
      object.add("freeBytes", free)
      object.add("totalBytes", total)
    }
    object.add("count", UInt64(count))
    return object.end()
  }

  private static func add(
    _ letter: DeadLetterRecord, _ names: OperationalNames, to object: inout JSONObjectText
  ) {
    object.add("msgId", letter.eventID)
    object.add("msgEventId", ifAny: letter.eventID.hasPrefix("msg_") ? nil : letter.eventID)
    object.add("eventType", letter.type)
    object.add("attempts", UInt64(letter.attempts))
    object.add("reason", letter.failure)
    guard letter.attempts > 0 else { return object.add("lastAttempt", nil) }
    object.add("lastAttempt") { attempt in
      attempt.add("id", names.attemptID)
      attempt.add("responseStatusCode", UInt64(letter.lastStatus))
      attempt.add("timestamp", RFC3339.text(letter.diedAt))
    }
  }
}

extension DeadLetterExpiry {
  /// Why, for people.
  var text: String {
    switch self {
    case .age: "older than dead.retention"
    case .bytes: "together over dead.max-bytes"
    }
  }
}
