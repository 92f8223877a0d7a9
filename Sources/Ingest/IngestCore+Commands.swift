internal import Base
internal import Platform
internal import Wire

/// Commands other than publishing and tailing: what Redis clients send at connect, and the state.
extension IngestCore {
  mutating func execute(_ session: Session, _ frame: Frame) -> Disposition {
    let verb = Verb(frame[0])
    let mayPublish = session.connection.subscription == nil
      || session.connection.writer.version == .three
    if mayPublish {
      if verb == .publish { return publish(frame, isEmit: false) }
      if verb == .emit { return publish(frame, isEmit: true) }
    }
    if let refusal = refusal(of: verb, session) {
      counters.errorsInvalid.add()
      if session.connection.batch.isOpen { session.connection.batch.isBroken = true }
      return error(session, refusal)
    }
    if configuration.publishOnly && verb.isReading {
      counters.errorsNoPermission.add()
      return error(session, "NOPERM this socket is for publishing only")
    }
    switch verb {
    case .multi: return beginBatch(session)
    case .exec: return executeBatch(session)
    case .discard: return discardBatch(session)
    case .subscribe: return subscribe(frame, isPattern: false)
    case .psubscribe: return subscribe(frame, isPattern: true)
    case .unsubscribe: return unsubscribe(frame, isPattern: false)
    case .punsubscribe: return unsubscribe(frame, isPattern: true)
    case .spool, .info: return ask(frame, verb)
    default: return executeCold(frame, verb)
    }
  }

  /// What the connection's state does not allow.
  private func refusal(of verb: Verb, _ session: Session) -> StaticString? {
    if session.connection.batch.isOpen {
      switch verb {
      case .multi, .exec, .discard, .quit, .reset: break
      default: return "ERR only PUBLISH and EMIT may stand between MULTI and EXEC"
      }
    }
    if session.connection.subscription != nil, session.connection.writer.version == .two,
      !verb.isAllowedWhileTailing
    {
      return """
        ERR only (P)SUBSCRIBE, (P)UNSUBSCRIBE, PING, QUIT and RESET are allowed while tailing \
        with RESP2; HELLO 3 first allows all
        """
    }
    return nil
  }

  @inline(never)
  private mutating func executeCold(_ frame: Frame, _ verb: Verb) -> Disposition {
    let session = frame.session
    switch verb {
    case .ping: return ping(frame)
    case .echo:
      guard frame.count == 2 else { return arity(session) }
      unsafe session.connection.writer.bulk(frame[1].raw, into: &session.connection.output)
      return .answered(waitingFor: 0)
    case .quit:
      session.connection.blockage.insert(.closing)
      return ok(session)
    case .hello: return hello(frame)
    case .auth: return ok(session)
    case .select:
      guard frame.count == 2 else { return arity(session) }
      return frame[1].number == 0 ? ok(session) : error(session, "ERR DB index is out of range")
    case .client: return client(frame)
    case .command: return describeCommands(frame)
    case .config: return config(frame)
    case .reset: return reset(session)
    case .pull, .ack, .nack:
      return error(session, "ERR pull endpoints are not available in this version")
    default: return unknown(frame)
    }
  }

  // MARK: Short answers

  func ok(_ session: Session) -> Disposition {
    session.connection.writer.simpleString("OK", into: &session.connection.output)
    return .answered(waitingFor: 0)
  }

  func error(_ session: Session, _ text: StaticString) -> Disposition {
    session.connection.writer.error(text, into: &session.connection.output)
    return .answered(waitingFor: 0)
  }

  private func arity(_ session: Session) -> Disposition {
    error(session, "ERR wrong number of arguments")
  }

  private func bulk(_ session: Session, _ text: String) -> Disposition {
    session.connection.writer.bulk(text: text, into: &session.connection.output)
    return .answered(waitingFor: 0)
  }

  private func ping(_ frame: Frame) -> Disposition {
    let session = frame.session
    let text = frame.count > 1 ? frame[1] : FrameBytes.none
    if session.connection.subscription != nil, session.connection.writer.version == .two {
      session.connection.writer.array(2, into: &session.connection.output)
      session.connection.writer.bulk("pong", into: &session.connection.output)
      unsafe session.connection.writer.bulk(text.raw, into: &session.connection.output)
    } else if frame.count > 1 {
      unsafe session.connection.writer.bulk(text.raw, into: &session.connection.output)
    } else {
      session.connection.writer.simpleString("PONG", into: &session.connection.output)
    }
    return .answered(waitingFor: 0)
  }

  private func unknown(_ frame: Frame) -> Disposition {
    counters.errorsInvalid.add()
    let name = String(frame[0].text.prefix(128))
    var text = "unknown command '\(name)'"
    if let nearest = Suggestion.nearest(to: name, in: Verb.table.map(\.name)) {
      text += "; did you mean '\(nearest)'?"
    }
    frame.session.connection.writer.error("ERR", text, into: &frame.session.connection.output)
    return .answered(waitingFor: 0)
  }

  // MARK: Connection state

  /// `HELLO [2|3 [AUTH user password] [SETNAME name]]`; there are no passwords on this socket.
  private func hello(_ frame: Frame) -> Disposition {
    let session = frame.session
    if frame.count > 1 {
      switch frame[1].number {
      case 2: session.connection.writer.version = .two
      case 3: session.connection.writer.version = .three
      default: return error(session, "NOPROTO unsupported protocol version")
      }
    }
    var index = 2
    while index < frame.count {
      if frame[index].isWord("setname"), index + 1 < frame.count {
        session.connection.name = unsafe Array(frame[index + 1].raw.prefix(64))
        index += 2
      } else if frame[index].isWord("auth"), index + 2 < frame.count {
        index += 3
      } else {
        return error(session, "ERR syntax error in HELLO")
      }
    }
    let writer = session.connection.writer
    writer.map(7, into: &session.connection.output)
    pair(session, "server", "fanfare")
    pair(session, "version", configuration.version)
    writer.bulk("proto", into: &session.connection.output)
    writer.integer(Int64(writer.version.rawValue), into: &session.connection.output)
    writer.bulk("id", into: &session.connection.output)
    writer.integer(Int64(session.connection.number), into: &session.connection.output)
    pair(session, "mode", "standalone")
    pair(session, "role", "master")
    writer.bulk("modules", into: &session.connection.output)
    writer.array(0, into: &session.connection.output)
    return .answered(waitingFor: 0)
  }

  private func pair(_ session: Session, _ key: StaticString, _ value: String) {
    session.connection.writer.bulk(key, into: &session.connection.output)
    session.connection.writer.bulk(text: value, into: &session.connection.output)
  }

  private mutating func reset(_ session: Session) -> Disposition {
    session.connection.batch.close()
    dropSubscription(session)
    session.connection.writer.version = .two
    session.connection.name = []
    session.connection.writer.simpleString("RESET", into: &session.connection.output)
    return .answered(waitingFor: 0)
  }

  private func client(_ frame: Frame) -> Disposition {
    let session = frame.session
    guard frame.count >= 2 else { return arity(session) }
    let word = frame[1]
    if word.isWord("setname") {
      guard frame.count == 3 else { return arity(session) }
      session.connection.name = unsafe Array(frame[2].raw.prefix(64))
      return ok(session)
    }
    if word.isWord("id") {
      session.connection.writer.integer(
        Int64(session.connection.number), into: &session.connection.output)
      return .answered(waitingFor: 0)
    }
    if word.isWord("getname") {
      return bulk(session, String(decoding: session.connection.name, as: UTF8.self))
    }
    if word.isWord("list") { return bulk(session, clientList) }
    if word.isWord("info") { return bulk(session, Self.line(session, now.instant)) }
    for known in ["setinfo", "no-evict", "no-touch", "tracking", "caching"] as [StaticString]
    where word.isWord(known) { return ok(session) }
    if word.isWord("reply"), frame.count == 3, frame[2].isWord("on") { return ok(session) }
    return error(
      session,
      "ERR CLIENT knows SETNAME, GETNAME, SETINFO, ID, INFO, LIST, NO-EVICT, NO-TOUCH, REPLY ON")
  }

  /// The first thousand connections, a line each.
  private var clientList: String {
    var text = ""
    var listed = 0
    for slot in 0..<sessions.slotEnd where listed < 1000 {
      guard let session = sessions.session(inSlot: slot) else { continue }
      text += Self.line(session, now.instant)
      listed += 1
    }
    return text
  }

  private static func line(_ session: Session, _ now: Instant) -> String {
    let name = String(decoding: session.connection.name, as: UTF8.self)
    let age = now.since(session.connection.openedAt).count / 1_000_000_000
    let tails = session.connection.subscription?.count ?? 0
    return "id=\(session.connection.number) name=\(name) age=\(age) psub=\(tails) "
      + "qbuf=\(session.connection.input.count) obl=\(session.connection.output.count) "
      + "resp=\(session.connection.writer.version.rawValue)\n"
  }

  // MARK: What clients ask at connect

  private func describeCommands(_ frame: Frame) -> Disposition {
    let session = frame.session
    let writer = session.connection.writer
    if frame.count == 1 || frame[1].isWord("info") {
      writer.array(Verb.table.count, into: &session.connection.output)
      for (name, arity) in Verb.table {
        writer.array(6, into: &session.connection.output)
        writer.bulk(text: name.lowercased(), into: &session.connection.output)
        writer.integer(arity, into: &session.connection.output)
        writer.array(0, into: &session.connection.output)
        for _ in 0..<3 { writer.integer(0, into: &session.connection.output) }
      }
    } else if frame[1].isWord("count") {
      writer.integer(Int64(Verb.table.count), into: &session.connection.output)
    } else if frame[1].isWord("docs") {
      writer.map(0, into: &session.connection.output)
    } else if frame[1].isWord("list") {
      writer.array(Verb.table.count, into: &session.connection.output)
      for (name, _) in Verb.table {
        writer.bulk(text: name.lowercased(), into: &session.connection.output)
      }
    } else {
      return error(session, "ERR COMMAND knows COUNT, DOCS, INFO and LIST")
    }
    return .answered(waitingFor: 0)
  }

  /// `CONFIG GET`: what redis-benchmark and clients ask for; nothing can be set here.
  private func config(_ frame: Frame) -> Disposition {
    let session = frame.session
    guard frame.count >= 3, frame[1].isWord("get") else {
      return error(session, "ERR only CONFIG GET is known; settings are in Fanfare's own files")
    }
    let all: [(name: StaticString, value: StaticString)] = [
      ("save", ""), ("appendonly", "yes"), ("maxmemory", "0"), ("databases", "1"),
    ]
    let wanted = all.filter { setting in
      (2..<frame.count).contains { frame[$0].isWord(setting.name) || frame[$0].isWord("*") }
    }
    session.connection.writer.map(wanted.count, into: &session.connection.output)
    for (name, value) in wanted {
      session.connection.writer.bulk(name, into: &session.connection.output)
      session.connection.writer.bulk(value, into: &session.connection.output)
    }
    return .answered(waitingFor: 0)
  }

  // MARK: Hooks

  /// `SPOOL` and `INFO`: the connection is parked until the answer comes; others go on.
  private func ask(_ frame: Frame, _ verb: Verb) -> Disposition {
    guard frame.count <= 2 else { return arity(frame.session) }
    let argument = frame.count == 2 ? frame[1].text : nil
    let mailbox = mailbox
    let id = frame.session.id.packed
    let answer: IngestHooks.Answer = { mailbox.post(.answer(connection: id, $0)) }
    if verb == .spool {
      hooks.spool(argument, answer)
    } else {
      hooks.info(argument, answer)
    }
    return .parked
  }

  /// Lays a hook's answer down and lets the connection go on.
  mutating func answerParked(_ id: SlotID, _ value: HookValue) {
    guard let session = sessions[id], session.connection.blockage.contains(.parked) else { return }
    session.connection.blockage.remove(.parked)
    let before = session.connection.output.count
    Self.write(value, session)
    enter(session, from: before, waitingFor: 0, replies: 1)
    queue(session)
  }

  private static func write(_ value: HookValue, _ session: Session) {
    let writer = session.connection.writer
    switch value {
    case .text(let text): writer.bulk(text: text, into: &session.connection.output)
    case .integer(let number): writer.integer(number, into: &session.connection.output)
    case .array(let values):
      writer.array(values.count, into: &session.connection.output)
      for value in values { write(value, session) }
    case .map(let pairs):
      writer.map(pairs.count, into: &session.connection.output)
      for pair in pairs {
        writer.bulk(text: pair.key, into: &session.connection.output)
        write(pair.value, session)
      }
    case .failure(let text):
      let words = text.split(separator: " ", maxSplits: 1)
      let isNotAllowed = words.first == "NOPERM"
      let hasCode = words.count == 2 && (isNotAllowed || words.first == "ERR")
      writer.error(
        isNotAllowed ? "NOPERM" : "ERR", hasCode ? String(words[1]) : text,
        into: &session.connection.output)
    }
  }
}
