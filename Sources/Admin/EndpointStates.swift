internal import Base
internal import Broker
internal import Catalog

/// The states that listings show, asked of the reactors at most twice a second.
///
/// What the catalogue knows (paused, disabled) is never taken from here: it would lag.
actor EndpointStates {
  /// How long an answer serves, milliseconds.
  private static let ageMillisecondsMax: UInt64 = 500
  /// Applications whose answers are kept; more than are asked for in half a second.
  private static let countMax = 64

  private struct Answer {
    var time: UInt64
    var states: [String: String]
  }

  private let control: BrokerControl
  private var answers: [String: Answer] = [:]

  init(_ control: BrokerControl) { self.control = control }

  /// The state of an endpoint of this application.
  func state(_ record: EndpointRecord, application: String) async throws -> String {
    if let known = Self.standing(record) { return known }
    return try await states(application)[record.id] ?? "ok"
  }

  /// The states of an application's endpoints, by id.
  func states(_ application: String) async throws -> [String: String] {
    let now = control.catalog.now.value
    if let answer = answers[application], now < answer.time + Self.ageMillisecondsMax {
      return answer.states
    }
    let report = try await control.spool(application: application)
    var states: [String: String] = [:]
    for line in report.endpoints { states[line.id] = line.state }
    if answers.count >= Self.countMax { answers = [:] }
    answers[application] = Answer(time: now, states: states)
    return states
  }

  /// The state that needs no reactor.
  static func standing(_ record: EndpointRecord) -> String? {
    if record.disabled { return "disabled" }
    return record.paused ? "paused" : nil
  }
}
