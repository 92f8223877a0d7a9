package import Base
internal import DequeModule

/// Says when what happened is told, so that a storm of it does not become a storm of events: pure.
///
/// Of one type and endpoint there is at most one event a minute. What happens in between is told
/// together at the end of it, with how often it was; the sum over all events is exact. What happens
/// for the first time waits half a second, so that a burst is one event and its attempts are on
/// record. What is held is one event for each type and endpoint, however much happens.
package struct OperationalPace {
  /// From one event of a type and endpoint to the next.
  package static let interval = Nanoseconds.seconds(60)
  /// From the first time that something happens to its event.
  package static let delay = Nanoseconds.milliseconds(500)

  private struct Key: Hashable {
    var type: String
    var endpoint: UInt32?
  }
  /// A place in one of the queues: their order is that of `at`.
  private struct Turn {
    var key: Key
    var at: Instant
  }

  /// What waits to be told.
  private var waiting: [Key: OperationalEvent] = [:]
  /// Whom there is an event of within the last interval: what comes meanwhile waits for its end.
  private var told: Set<Key> = []
  private var fresh = Deque<Turn>()
  private var resting = Deque<Turn>()

  /// Nothing happened yet.
  package init() {}

  /// What happened, once or more often.
  package mutating func add(_ event: OperationalEvent, now: Instant) {
    forgetRested(now)
    let key = Key(type: event.type, endpoint: event.endpoint)
    var event = event
    if let before = waiting[key] {
      event.count += before.count
    } else if !told.contains(key) {
      fresh.append(Turn(key: key, at: now + Self.delay))
    }
    waiting[key] = event
  }

  /// What could not be told: it waits with what comes until the next turn of its kind.
  package mutating func putBack(_ event: OperationalEvent, now: Instant) {
    let key = Key(type: event.type, endpoint: event.endpoint)
    guard var newer = waiting[key] else { return add(event, now: now) }
    newer.count += event.count
    waiting[key] = newer
  }

  /// When `take` has something to do; `.distantFuture`: not before something happens.
  package var due: Instant {
    if waiting.isEmpty { return .distantFuture }
    return min(fresh.first?.at ?? .distantFuture, resting.first?.at ?? .distantFuture)
  }

  /// What is to be told now.
  /// - Parameter max: how many at most; the rest stays due.
  package mutating func take(now: Instant, max: Int) -> [OperationalEvent] {
    var taken: [OperationalEvent] = []
    while taken.count < max, let turn = next(now) {
      told.remove(turn.key)
      guard let event = waiting.removeValue(forKey: turn.key) else { continue }
      taken.append(event)
      told.insert(turn.key)
      resting.append(Turn(key: turn.key, at: now + Self.interval))
    }
    return taken
  }

  /// Everything that waits, due or not: the broker ends.
  package mutating func takeAll(max: Int) -> [OperationalEvent] {
    let all = waiting.values.prefix(max)
    self = OperationalPace()
    return Array(all)
  }

  /// What was told long enough ago, with nothing since, is new when it happens again.
  private mutating func forgetRested(_ now: Instant) {
    while let turn = resting.first, turn.at <= now, waiting[turn.key] == nil {
      told.remove(turn.key)
      _ = resting.popFirst()
    }
  }

  private mutating func next(_ now: Instant) -> Turn? {
    let first = fresh.first?.at ?? .distantFuture
    let other = resting.first?.at ?? .distantFuture
    if min(first, other) > now { return nil }
    return first <= other ? fresh.popFirst() : resting.popFirst()
  }
}
