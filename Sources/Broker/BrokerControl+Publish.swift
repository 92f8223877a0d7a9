internal import Catalog
internal import Flow
internal import Ingest

extension BrokerControl {
  /// Publishes an event: the same checks, journal and promise as from the socket.
  /// - Returns: when the event is on disk.
  public func publish(_ message: PublishMessage) async throws(ControlError) -> PublishResult {
    var request = PublishRequest(
      application: try applicationName(message.application), type: Array(message.type.utf8),
      data: message.data, id: message.id.map { Array($0.utf8) },
      source: message.source.map { Array($0.utf8) },
      subject: message.subject.map { Array($0.utf8) },
      channels: message.channels.map { Array($0.utf8) },
      contentType: message.contentType.map { Array($0.utf8) })
    if let id = message.endpoint {
      let record = try endpoint(application: message.application, id: id)
      if record.disabled { throw .conflict("'\(record.name)' is disabled; enable it first") }
      request.endpoint = EndpointNumber(record.number)
    }
    switch await plane.publish(request) {
    case .accepted(let id, let endpoints, let duplicate, _):
      return PublishResult(id: id, endpoints: endpoints, duplicate: duplicate)
    case .refused(let refusal, let text):
      throw ControlError(refusal, text)
    }
  }
}

extension ControlError {
  init(_ refusal: PublishRefusal, _ text: String) {
    switch refusal {
    case .unknownApplication: self = .notFound(text)
    case .conflict: self = .conflict(text)
    case .spoolFull: self = .spoolFull
    case .tooLarge, .batchTooLarge: self = .tooLarge(text)
    case .shuttingDown, .busy, .audiencesExhausted: self = .unavailable(text)
    case .invalidType: self = .invalid(field: "eventType", text)
    case .invalidID, .reservedID: self = .invalid(field: "eventId", text)
    case .invalidSource: self = .invalid(field: "source", text)
    case .invalidSubject: self = .invalid(field: "subject", text)
    case .invalidChannel, .tooManyChannels: self = .invalid(field: "channels", text)
    case .invalidContentType: self = .invalid(field: "contentType", text)
    case .invalidTime: self = .invalid(field: "time", text)
    case .invalidJSON: self = .invalid(field: "payload", text)
    }
  }
}
