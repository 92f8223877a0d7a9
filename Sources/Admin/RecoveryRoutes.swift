internal import Base
package import Broker
internal import Catalog
internal import Hummingbird
internal import Wire

/// A stretch of time to send again.
struct StretchIn: Decodable {
  var since: String
  var until: String?
}

/// Which example to send.
package struct ExampleIn {
  private static let indices = 0...1_000

  package var eventType: String
  package var index: Int
  package var payload: [UInt8]?

  /// - Throws: ``AdminError``: 400 when it is no JSON object, 422 for a wrong member.
  package init(_ bytes: [UInt8]) throws(AdminError) {
    let members = try JSONMembers(bytes)
    guard let type = try members.value(String.self, "eventType") else {
      throw .invalid("eventType", "this field is required")
    }
    eventType = type
    index = try members.value(Int.self, "exampleIndex") ?? 0
    guard Self.indices.contains(index) else {
      throw .invalid("exampleIndex", "from 0 to \(Self.indices.upperBound)")
    }
    payload = try members.object("payload")
  }
}

/// A replay in Svix's words.
package struct TaskOut: Encodable {
  var id: String
  /// `running`, `finished` or `failed`.
  var status: String
  var task: String
  var updatedAt: String
  /// The replay's own report; only when a task is asked for.
  var data: ReplayReport?

  package init(_ report: ReplayReport, showsData: Bool = false) {
    id = TaskID.prefix + report.id.dropFirst(TaskID.replayPrefix.count)
    status =
      switch report.state {
      case .running: "running"
      case .done: "finished"
      case .cancelled, .failed: "failed"
      }
    task = report.kind == "failed" ? "endpoint.recover" : "endpoint.replay"
    updatedAt = report.endedAt ?? report.createdAt
    data = showsData ? report : nil
  }
}

/// The two names of a replay.
package enum TaskID {
  static let prefix = "qtask_"
  static let replayPrefix = "rpl_"

  /// The replay's id for a task's.
  package static func replay(_ id: String) -> String {
    id.hasPrefix(prefix) ? replayPrefix + id.dropFirst(prefix.count) : id
  }
}

extension AdminRoutes {
  /// Sending again as Svix's clients ask for it: `recover` what was given up, `replay-missing` what
  /// was never accepted for the endpoint, `resend` one event; and `send-example`.
  mutating func addRecovery(_ control: BrokerControl) {
    for (word, isRecovery) in [("recover", true), ("replay-missing", false)] {
      on(.post, "\(Self.endpointPath)/\(word)", .manage) { request, context in
        let given = try await JSON.decode(StretchIn.self, from: request)
        return try Self.replay(control, context, given, isRecovery: isRecovery)
      }
    }
    on(.post, "\(Self.messagePath)/endpoint/{endpoint}/resend", .manage) { _, context in
      try await control.resend(
        application: try context.application(), id: try context.path("message"),
        endpoint: try context.endpoint())
      return JSON.response(bytes: Array("{}".utf8), status: .accepted)
    }
    on(.post, "\(Self.endpointPath)/send-example", .manage) { request, context in
      let given = try ExampleIn(try await JSON.body(request))
      return try await Self.sendExample(control, context, given)
    }
    addTasks(control)
  }

  /// `/api/v1/background-task`: replays in Svix's words.
  private mutating func addTasks(_ control: BrokerControl) {
    on(.get, "/api/v1/background-task", .read) { request, context in
      try Self.refuseNarrowToken(context)
      let tasks = control.replayReports.map { TaskOut($0, showsData: true) }
      // They are few; PageRequest counts upwards, and the newest is to come first.
      var page = try PageRequest(query: QueryReader(request), prefix: TaskID.prefix)
      if QueryReader(request).text("order") == nil { page.isDescending = true }
      return try JSON.response(ListOut(page.page(of: tasks.reversed(), id: \.id), id: \.id) { $0 })
    }
    on(.get, "/api/v1/background-task/{task}", .read) { _, context in
      try Self.refuseNarrowToken(context)
      let report = try control.replay(id: TaskID.replay(try context.path("task")))
      return try JSON.response(TaskOut(report, showsData: true))
    }
  }

  private static func replay(
    _ control: BrokerControl, _ context: AdminContext, _ given: StretchIn, isRecovery: Bool
  ) throws -> Response {
    guard let since = try TimeText.read(given.since, field: "since", in: "body") else {
      throw AdminError.invalid("since", "this field is required")
    }
    let until = try TimeText.read(given.until, field: "until", in: "body")
    let endpoint = try context.endpoint()
    let report = try control.replay(
      ReplayRequest(
        application: try context.application(),
        selection: isRecovery
          ? .failed(endpoint: endpoint, since: since, until: until)
          : .missing(endpoint: endpoint, since: since, until: until)))
    return try JSON.response(TaskOut(report), status: .accepted)
  }

  @inline(never)
  private static func sendExample(
    _ control: BrokerControl, _ context: AdminContext, _ given: ExampleIn
  ) async throws -> Response {
    let application = try context.application()
    let known = try? control.catalog.eventType(given.eventType)
    let payload =
      given.payload
      ?? EventTypeExample.payload(schemas: known?.schemas, index: given.index)
      ?? Array("{}".utf8)
    var message = PublishMessage(application: application, type: given.eventType, data: payload)
    message.endpoint = try context.endpoint()
    let result = try await control.publish(message)
    let out = MessageOut(message, result, now: control.catalog.now)
    return JSON.response(
      bytes: try out.bytes(payload: PayloadText.object(payload, isJSON: true, isText: true)))
  }
}
