internal import Base
internal import Flow
internal import Routing
internal import Wire

/// The live tail: accepted events, best effort, as Redis messages.
extension IngestCore {
  mutating func subscribe(_ frame: Frame, isPattern: Bool) -> Disposition {
    let session = frame.session
    guard frame.count >= 2 else { return error(session, "ERR wrong number of arguments") }
    let held = session.connection.subscription?.count ?? 0
    if held + frame.count - 1 > configuration.tailPatternsMax {
      return error(session, "ERR too many patterns for one connection")
    }
    if session.connection.subscription == nil, tails.count >= configuration.tailsMax {
      return error(session, "ERR too many connections tail")
    }
    var patterns: [TypePattern] = []
    for index in 1..<frame.count {
      do throws(TypePatternError) {
        patterns.append(try TypePattern(parsing: frame[index].text))
      } catch {
        counters.errorsInvalid.add()
        session.connection.writer.error("ERR", error.text, into: &session.connection.output)
        return .answered(waitingFor: 0)
      }
    }
    add(patterns, session, isPattern: isPattern)
    return .answered(waitingFor: 0)
  }

  private mutating func add(_ patterns: [TypePattern], _ session: Session, isPattern: Bool) {
    let subscription = session.connection.subscription ?? Subscription()
    if session.connection.subscription == nil {
      session.connection.subscription = subscription
      tails.append(session.id)
    }
    for pattern in patterns {
      if isPattern {
        if !subscription.patterns.contains(pattern) { subscription.patterns.append(pattern) }
      } else {
        if !subscription.channels.contains(pattern) { subscription.channels.append(pattern) }
      }
      confirm(
        session, isPattern ? "psubscribe" : "subscribe", pattern.description, subscription.count)
    }
  }

  mutating func unsubscribe(_ frame: Frame, isPattern: Bool) -> Disposition {
    let session = frame.session
    let verb: StaticString = isPattern ? "punsubscribe" : "unsubscribe"
    let subscription = session.connection.subscription ?? Subscription()
    let held = isPattern ? subscription.patterns : subscription.channels
    var names = held.map(\.description)
    if frame.count > 1 { names = (1..<frame.count).map { frame[$0].text } }
    if names.isEmpty {
      session.connection.writer.push(3, into: &session.connection.output)
      session.connection.writer.bulk(verb, into: &session.connection.output)
      session.connection.writer.null(into: &session.connection.output)
      session.connection.writer.integer(
        Int64(subscription.count), into: &session.connection.output)
    }
    for name in names {
      if isPattern {
        subscription.patterns.removeAll { $0.description == name }
      } else {
        subscription.channels.removeAll { $0.description == name }
      }
      confirm(session, verb, name, subscription.count)
    }
    if subscription.count == 0 { dropSubscription(session) }
    return .answered(waitingFor: 0)
  }

  mutating func dropSubscription(_ session: Session) {
    guard session.connection.subscription != nil else { return }
    session.connection.subscription = nil
    tails.removeAll { $0 == session.id }
  }

  private func confirm(_ session: Session, _ verb: StaticString, _ name: String, _ count: Int) {
    session.connection.writer.push(3, into: &session.connection.output)
    session.connection.writer.bulk(verb, into: &session.connection.output)
    session.connection.writer.bulk(text: name, into: &session.connection.output)
    session.connection.writer.integer(Int64(count), into: &session.connection.output)
  }

  // MARK: Messages

  /// Shows a committed block's events to every tail.
  mutating func tail(_ block: Block) {
    for id in tails {
      guard let session = sessions[id], let subscription = session.connection.subscription
      else { continue }
      for index in 0..<block.eventCount { tail(block.event(index), session, subscription) }
      queue(session)
    }
  }

  private mutating func tail(
    _ event: EventView, _ session: Session, _ subscription: Subscription
  ) {
    let type = unsafe event.type
    for channel in subscription.channels where unsafe channel.matches(type) {
      message(event, session, pattern: nil)
      break
    }
    for pattern in subscription.patterns where unsafe pattern.matches(type) {
      message(event, session, pattern: pattern.description)
    }
  }

  private mutating func message(_ event: EventView, _ session: Session, pattern: String?) {
    let before = session.connection.output.count
    let bytes = unsafe event.data.count + event.type.count + 64
    if before + bytes > configuration.outputBytesMax {
      counters.tailDropped.add()
      return
    }
    let writer = session.connection.writer
    writer.push(pattern == nil ? 3 : 4, into: &session.connection.output)
    if let pattern {
      writer.bulk("pmessage", into: &session.connection.output)
      writer.bulk(text: pattern, into: &session.connection.output)
    } else {
      writer.bulk("message", into: &session.connection.output)
    }
    unsafe writer.bulk(event.type, into: &session.connection.output)
    unsafe writer.bulk(event.data, into: &session.connection.output)
    enter(session, from: before, waitingFor: 0, replies: 0)
    counters.tailSent.add()
  }
}
