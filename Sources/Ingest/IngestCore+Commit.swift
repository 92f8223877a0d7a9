internal import Base
internal import Flow
internal import Platform
internal import Routing

/// A publish of the API that waits for room.
struct WaitingRequest {
  var request: PublishRequest
  var reply: @Sendable (PublishReply) -> Void
}

/// A publish of the API that waits for its commit.
struct WaitingReply {
  var ordinal: UInt64
  var index: Int
  var id: String
  var endpoints: Int
  var isDuplicate: Bool
  var reply: @Sendable (PublishReply) -> Void
}

/// What the API asked for and has not been told.
struct RequestQueue {
  var waiting: [WaitingRequest] = []
  var accepted: [WaitingReply] = []
  var count: Int { waiting.count + accepted.count }
  var isEmpty: Bool { count == 0 }
}

/// Commits coming back, and the API's publishes.
extension IngestCore {
  /// Takes every block that was committed since the last turn and releases what waited for it.
  mutating func acknowledge() {
    while let ref = committed.pop() {
      var flight = writer.committed(ref)
      remembered.durableSerial = max(remembered.durableSerial, flight.rememberedEnd)
      if !tails.isEmpty { tail(writer.memory(ref)) }
      while let id = writer.popWaiter(&flight) {
        guard let session = sessions[id] else { continue }
        release(session)
        queue(session)
      }
      if !requests.accepted.isEmpty { answerRequests(flight) }
    }
  }

  private func release(_ session: Session) {
    while let run = session.connection.ledger.release(through: writer.committedOrdinal) {
      counters.acknowledgement.record(now.instant.since(run.since))
    }
  }

  // MARK: The API's publishes

  mutating func enqueue(
    _ request: PublishRequest, _ reply: @escaping @Sendable (PublishReply) -> Void
  ) {
    if requests.count >= configuration.requestsMax {
      reply(.refused(.busy, text: PublishRefusal.busy.text))
      return
    }
    requests.waiting.append(WaitingRequest(request: request, reply: reply))
  }

  /// Publishes what the API asked for, in order, until there is no room.
  mutating func publishRequests() {
    var done = 0
    for waiting in requests.waiting {
      guard publish(waiting) else { break }
      done += 1
    }
    requests.waiting.removeFirst(done)
  }

  /// - Returns: `false` when there is no room now.
  private mutating func publish(_ waiting: WaitingRequest) -> Bool {
    let request = waiting.request
    guard isRouted || isDraining else { return false }
    guard let number = audiences.current.application(named: request.application) else {
      refuse(waiting, .unknownApplication, unknownApplicationText(request.application))
      return true
    }
    do throws(DraftError) {
      try collectExtras(request)
    } catch {
      guard case .refused(let refusal) = error else { invariantBroken("an extra was given twice") }
      refuse(waiting, refusal, refusal.text)
      return true
    }
    return Self.withDraft(of: request) { draft in
      var draft = draft
      draft.application = number
      if request.id?.isEmpty == true {
        refuse(waiting, .invalidID, PublishRefusal.invalidID.text)
        return true
      }
      switch accept(draft) {
      case .noRoom: return false
      case .refused(let refusal): refuse(waiting, refusal, refusal.text)
      case .accepted(let event): note(waiting, draft, event)
      }
      return true
    }
  }

  private mutating func collectExtras(_ request: PublishRequest) throws(DraftError) {
    extras.begin()
    try collect(ExtraTag.contentType, request.contentType)
    try collect(ExtraTag.source, request.source)
    try collect(ExtraTag.subject, request.subject)
    for channel in request.channels { try collect(ExtraTag.channel, channel) }
  }

  private mutating func collect(_ tag: UInt8, _ value: [UInt8]?) throws(DraftError) {
    guard let value else { return }
    var failure: DraftError?
    unsafe value.withUnsafeBytes { bytes in
      do throws(DraftError) {
        try extras.add(tag, unsafe FrameBytes(bytes))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// Lends the request's bytes as a draft.
  private static func withDraft(
    of request: PublishRequest, _ body: (EventDraft) -> Bool
  ) -> Bool {
    unsafe request.type.withUnsafeBytes { type in
      unsafe request.data.withUnsafeBytes { data in
        unsafe (request.id ?? []).withUnsafeBytes { id in
          unsafe (request.contentType ?? []).withUnsafeBytes { contentType in
            var draft = unsafe EventDraft(type: FrameBytes(type), data: FrameBytes(data))
            unsafe draft.id = FrameBytes(id)
            unsafe draft.contentType = FrameBytes(contentType)
            draft.time = request.time ?? 0
            draft.mayUseOwnIDs = request.mayUseOwnIDs
            draft.endpoint = request.endpoint ?? EndpointNumber(0)
            return body(draft)
          }
        }
      }
    }
  }

  private func refuse(_ waiting: WaitingRequest, _ refusal: PublishRefusal, _ text: String) {
    counters.errors(refusal.code).add()
    waiting.reply(.refused(refusal, text: text))
  }

  /// Counts an accepted request and has its answer wait for the commit.
  private mutating func note(
    _ waiting: WaitingRequest, _ draft: EventDraft, _ event: AcceptedEvent
  ) {
    countAccepted(from: event.index, duplicates: event.isDuplicate ? 1 : 0)
    let id = draft.hasID
      ? draft.id.text
      : unsafe String(decoding: writer.block.event(event.index).id, as: UTF8.self)
    let accepted = WaitingReply(
      ordinal: event.ordinal, index: event.index, id: id, endpoints: Int(event.endpoints),
      isDuplicate: event.isDuplicate, reply: waiting.reply)
    if event.ordinal == 0 {
      answer(accepted, sequence: 0)
    } else {
      requests.accepted.append(accepted)
    }
  }

  private mutating func answerRequests(_ flight: Flight) {
    let sequence = writer.memory(flight.ref).sequence
    let due = requests.accepted.filter { $0.ordinal <= flight.ordinal }
    requests.accepted.removeAll { $0.ordinal <= flight.ordinal }
    for reply in due { answer(reply, sequence: reply.ordinal == flight.ordinal ? sequence : 0) }
  }

  private func answer(_ accepted: WaitingReply, sequence: UInt64) {
    let position = accepted.isDuplicate || sequence == 0
      ? nil : Position(sequence: sequence, index: accepted.index)
    accepted.reply(
      .accepted(
        id: accepted.id, endpoints: accepted.endpoints, duplicate: accepted.isDuplicate,
        position: position))
  }
}
