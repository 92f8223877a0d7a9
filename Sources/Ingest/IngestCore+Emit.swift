internal import Base
internal import Flow
internal import Routing
internal import Wire

/// `PUBLISH` and `EMIT`: from frames to drafts, and the answers.
extension IngestCore {
  /// A `PUBLISH` or `EMIT` outside a batch.
  mutating func publish(_ frame: Frame, isEmit: Bool) -> Disposition {
    let connection = frame.session
    if connection.connection.batch.isOpen { return enqueue(frame, isEmit: isEmit) }
    let draft: EventDraft
    do throws(DraftError) {
      draft = try self.draft(of: frame, isEmit: isEmit)
    } catch {
      refuse(frame.session, error)
      return .answered(waitingFor: 0)
    }
    switch accept(draft) {
    case .noRoom: return .noRoom
    case .refused(let refusal):
      refuse(frame.session, .refused(refusal))
      return .answered(waitingFor: 0)
    case .accepted(let event):
      countAccepted(from: event.index, duplicates: event.isDuplicate ? 1 : 0)
      answer(frame.session, draft, event, isEmit: isEmit)
      return .answered(waitingFor: event.ordinal)
    }
  }

  // MARK: Frames to drafts

  /// Reads the arguments; the attributes go into `extras`.
  mutating func draft(of frame: Frame, isEmit: Bool) throws(DraftError) -> EventDraft {
    extras.begin()
    guard frame.count >= 3 else {
      throw isEmit
        ? .usage("ERR wrong number of arguments for 'emit' command: EMIT type data [option…]")
        : .usage("ERR wrong number of arguments for 'publish' command: PUBLISH type data")
    }
    var draft = EventDraft(type: frame[1], data: frame[2])
    if !isEmit {
      guard frame.count == 3 else {
        throw .usage("ERR wrong number of arguments for 'publish' command: PUBLISH type data")
      }
      return draft
    }
    var index = 3
    while index < frame.count { try option(frame, &index, &draft) }
    return draft
  }

  /// Reads one option and its value.
  private mutating func option(
    _ frame: Frame, _ index: inout Int, _ draft: inout EventDraft
  ) throws(DraftError) {
    let name = frame[index]
    index += 1
    if name.isWord("details") {
      draft.wantsDetails = true
      return
    }
    if name.isWord("sync") { throw .usage("ERR SYNC is not available in this version") }
    guard index < frame.count else { throw .usage("ERR syntax error: an option lacks its value") }
    let value = frame[index]
    index += 1
    if name.isWord("channel") {
      try extras.add(ExtraTag.channel, value)
    } else if name.isWord("source") {
      try extras.add(ExtraTag.source, value)
    } else if name.isWord("subject") {
      try extras.add(ExtraTag.subject, value)
    } else if name.isWord("contenttype") {
      try extras.add(ExtraTag.contentType, value)
      draft.contentType = value
    } else {
      try scalar(name, value, &draft)
    }
  }

  private func scalar(
    _ name: FrameBytes, _ value: FrameBytes, _ draft: inout EventDraft
  ) throws(DraftError) {
    if name.isWord("id") {
      if value.isEmpty { throw .refused(.invalidID) }
      draft.id = value
    } else if name.isWord("app") {
      guard let number = unsafe audiences.application(named: value.raw) else {
        // Before the first snapshot nobody knows; `accept` then has the publish wait.
        if !isRouted { return }
        throw .unknownApplication(value.text)
      }
      draft.application = number
    } else if name.isWord("time") {
      guard let time = Self.time(value) else { throw .refused(.invalidTime) }
      draft.time = time
    } else {
      throw .usage(
        """
        ERR syntax error: EMIT knows ID, APP, SOURCE, SUBJECT, CHANNEL, CONTENTTYPE, TIME, DETAILS
        """)
    }
  }

  /// RFC 3339, or Unix milliseconds up to the year 9999.
  static func time(_ value: FrameBytes) -> UInt64? {
    let milliseconds = unsafe value.number ?? RFC3339.parse(value.raw)?.value
    guard let milliseconds, milliseconds > 0, milliseconds < 253_402_300_800_000 else { return nil }
    return milliseconds
  }

  // MARK: Answers

  mutating func answer(
    _ session: Session, _ draft: EventDraft, _ event: AcceptedEvent, isEmit: Bool
  ) {
    let writer = session.connection.writer
    if !isEmit {
      writer.integer(Int64(event.endpoints), into: &session.connection.output)
      return
    }
    if draft.wantsDetails {
      writer.map(3, into: &session.connection.output)
      writer.bulk("id", into: &session.connection.output)
    }
    let id = unsafe draft.hasID ? draft.id.raw : self.writer.block.event(event.index).id
    unsafe writer.bulk(id, into: &session.connection.output)
    if draft.wantsDetails {
      writer.bulk("endpoints", into: &session.connection.output)
      writer.integer(Int64(event.endpoints), into: &session.connection.output)
      writer.bulk("duplicate", into: &session.connection.output)
      writer.integer(event.isDuplicate ? 1 : 0, into: &session.connection.output)
    }
  }

  /// Answers with an error; an open batch is broken by it.
  mutating func refuse(_ session: Session, _ error: DraftError) {
    if session.connection.batch.isOpen { session.connection.batch.isBroken = true }
    let writer = session.connection.writer
    switch error {
    case .usage(let text):
      counters.errorsInvalid.add()
      writer.error(text, into: &session.connection.output)
    case .refused(let refusal):
      counters.errors(refusal.code).add()
      Self.write(refusal, writer, &session.connection.output)
    case .unknownApplication(let name):
      counters.errorsInvalid.add()
      writer.error("ERR", unknownApplicationText(name), into: &session.connection.output)
    }
  }

  private static func write(
    _ refusal: PublishRefusal, _ writer: RESPWriter, _ output: inout ByteBuffer
  ) {
    switch refusal.code {
    case .invalid: writer.error("ERR", refusal.text, into: &output)
    case .tooLarge: writer.error("TOOLARGE", refusal.text, into: &output)
    case .conflict: writer.error("CONFLICT", refusal.text, into: &output)
    case .spoolFull: writer.error("SPOOLFULL", refusal.text, into: &output)
    case .noPermission: writer.error("NOPERM", refusal.text, into: &output)
    }
  }

  func unknownApplicationText(_ name: String) -> String {
    let names = audiences.current.applicationNames
    let text = "unknown application '\(name.prefix(128))'"
    guard let nearest = Suggestion.nearest(to: name, in: names) else { return text }
    return text + "; did you mean '\(nearest)'?"
  }
}
