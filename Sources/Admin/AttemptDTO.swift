internal import Base
package import Broker
internal import Catalog
internal import Flow
internal import Wire

/// An attempt as Svix's clients see it, and Fanfare's number of it.
package struct AttemptOut: Encodable {
  var id: String
  var endpointId: String
  var msgId: String
  var url: String
  var response: String
  /// Pairs of name and value.
  var responseHeaders: [[String]]
  var responseStatusCode: Int
  var responseDurationMs: Int
  /// 0 success, 2 fail.
  var status: Int
  var statusText: String
  /// 0 scheduled, 1 manual.
  var triggerType: Int
  var timestamp: String
  /// Which attempt of its delivery, from 1; 0 for a probe.
  var attempt: Int
  /// When the next one was due, after a failure that was not the last.
  var nextAttempt: String?

  package init(_ attempt: Attempt, showsContent: Bool) {
    let entry = attempt.entry
    let isSuccess = entry.result == .success
    id = AttemptID.text(entry.number, seconds: entry.time.seconds)
    endpointId = attempt.endpoint.id
    msgId = attempt.eventID
    url = attempt.endpoint.url
    response = showsContent ? attempt.response : ""
    responseHeaders = showsContent ? attempt.responseHeaders.map { [$0.name, $0.value] } : []
    responseStatusCode = entry.status
    responseDurationMs = Int(entry.durationMicroseconds) / 1000
    status = isSuccess ? 0 : 2
    statusText = isSuccess ? "success" : "fail"
    triggerType = entry.isManual ? 1 : 0
    timestamp = RFC3339.text(entry.time)
    self.attempt = entry.attempt
    nextAttempt = entry.nextAttempt.map { RFC3339.text($0) }
  }
}

/// How a delivery stands, beside an event or an endpoint.
package struct DeliveryStateOut: Encodable {
  var status: Int
  var statusText: String
  var nextAttempt: String?

  package init(_ state: DeliveryState) {
    status = state.kind.rawValue
    statusText =
      switch state.kind {
      case .success: "success"
      case .pending: "pending"
      case .failed: "fail"
      }
    nextAttempt = state.nextAttempt.map { RFC3339.text($0) }
  }
}

/// Two values that stand in one object, beside each other.
struct Both<First: Encodable, Second: Encodable>: Encodable {
  var first: First
  var second: Second

  func encode(to encoder: any Encoder) throws {
    try first.encode(to: encoder)
    try second.encode(to: encoder)
  }
}

/// What happened at an endpoint, and what waits.
struct StatisticsOut: Encodable {
  var success: UInt64
  var pending: UInt64
  var sending: UInt64
  var fail: UInt64
  /// Nothing is ever canceled; Svix's clients want the member.
  var canceled: UInt64 = 0
}
