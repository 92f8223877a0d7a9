package import Base
internal import Catalog
internal import Delivery
internal import Flow
internal import Logging
internal import Platform
internal import Storage
internal import Synchronization

/// Keeps what was tried: takes outcomes from the journal's tap and writes them to the store, a few
/// times a second while there are any, and not at all while there are none.
///
/// Failures are all kept. Of the successes so many a second as the machine can well spare; the
/// others are counted.
///
/// > Runs on: a thread of its own; `note` and `stop` on any.
final class AttemptRecorder: Sendable {
  /// Successes kept a second; each costs some 10 µs.
  static let successesPerSecond = 1_000
  /// From one write to the next, milliseconds.
  private static let pauseMilliseconds: Int32 = 250
  /// Outcomes taken for one write.
  private static let batchMax = 16_384
  /// Failure texts that wait for their attempts, and deliveries asked for once more.
  private static let textsMax = 1_000
  private static let manualMax = 100_000
  private static let expiryInterval = Nanoseconds.seconds(60)

  private typealias Text = (endpoint: UInt32, position: Position, attempt: Int, text: String)

  private struct Delivery: Hashable {
    var endpoint: UInt32
    var position: UInt64
  }

  /// Touched by the thread only.
  private struct Work {
    var manual: Set<Delivery> = []
    var texts: [Text] = []
    var sampler = SuccessSampler(perSecond: AttemptRecorder.successesPerSecond)
    var expireAt = Instant(nanoseconds: 0)
    var hasFailed = false
  }

  let store: AttemptStore
  let tap: AttemptTap
  /// Successes that were counted and not kept.
  let sampledOut = Counter()
  private let wakeup: Wakeup
  private let texts: Mailbox<AttemptRecord>
  private let settings: Settings
  private let logger: Logger
  private let stopping = Atomic(false)
  private let stopped = Atomic(false)

  init(store: AttemptStore, settings: Settings, logger: Logger) {
    self.store = store
    self.settings = settings
    self.logger = logger
    wakeup = Wakeup()
    tap = AttemptTap(reader: wakeup)
    texts = Mailbox(owner: wakeup)
  }

  /// Takes what a reactor knows of a failure beyond its class.
  func note(_ record: AttemptRecord) {
    if texts.count < Self.textsMax { texts.post(record) }
  }

  /// Starts the thread.
  ///
  /// - Parameter oldest: the first place that the log still has.
  func start(oldest: @escaping @Sendable () -> Position) {
    Thread.start(name: "attempts") { [self] in run(oldest) }
  }

  /// Writes what waits and ends.
  func stop() async {
    stopping.store(true, ordering: .releasing)
    wakeup.wake()
    for _ in 0..<500 where !stopped.load(ordering: .acquiring) {
      await ControlThreads.sleep(for: .milliseconds(10))
    }
  }

  private func run(_ oldest: () -> Position) {
    var work = Work()
    let pause = Wakeup()
    while true {
      let isLast = stopping.load(ordering: .acquiring)
      while turn(&work) {}
      expireIfDue(&work, oldest)
      if isLast { break }
      // Nobody wakes this one: what comes meanwhile is written together.
      pause.waitBlocking(timeoutMilliseconds: Self.pauseMilliseconds)
      wakeup.prepareToSleep()
      if tap.hasOutcomes || texts.hasMessages || stopping.load(ordering: .acquiring) {
        wakeup.awake()
        continue
      }
      wakeup.waitBlocking()
      wakeup.awake()
    }
    stopped.store(true, ordering: .releasing)
  }

  /// - Returns: whether more waits already.
  private func turn(_ work: inout Work) -> Bool {
    var entries: [AttemptEntry] = []
    var tally: [TallyKey: AttemptTally] = [:]
    var taken = 0
    while taken < Self.batchMax, let tapped = tap.take() {
      taken += 1
      take(tapped, &work, &entries, &tally)
    }
    do throws(CatalogError) {
      if taken > 0 { try store.record(entries, tally: tally) }
      try attachTexts(&work)
      work.hasFailed = false
    } catch {
      if !work.hasFailed {
        logger.error("attempts could not be kept", metadata: ["error": "\(error.text)"])
      }
      work.hasFailed = true
    }
    return taken == Self.batchMax
  }

  private func take(
    _ tapped: TappedOutcome, _ work: inout Work, _ entries: inout [AttemptEntry],
    _ tally: inout [TallyKey: AttemptTally]
  ) {
    let outcome = tapped.outcome
    let delivery = Delivery(
      endpoint: outcome.endpoint.value, position: outcome.position.packed)
    if outcome.isRedelivery {
      if work.manual.count < Self.manualMax { work.manual.insert(delivery) }
      return
    }
    let key = TallyKey(endpoint: delivery.endpoint, time: tapped.seen)
    switch outcome.kind {
    case .delivered: tally[key, default: AttemptTally()].delivered += 1
    case .retry: tally[key, default: AttemptTally()].retried += 1
    case .dead, .expired: tally[key, default: AttemptTally()].dead += outcome.deliveries
    default: return
    }
    let isManual = !work.manual.isEmpty && work.manual.contains(delivery)
    if isManual, outcome.kind.settles { work.manual.remove(delivery) }
    if outcome.kind == .delivered, !isManual, !work.sampler.takes(tapped.seen) {
      sampledOut.add()
      return
    }
    if let entry = AttemptEntry(tapped, isManual: isManual) { entries.append(entry) }
  }

  /// Lays texts beside their attempts; one whose attempt is yet to come waits for one round.
  private func attachTexts(_ work: inout Work) throws(CatalogError) {
    let fresh = texts.drain().map { record -> Text in
      (record.endpoint.value, record.position, Int(record.attempt), record.text)
    }
    let all = work.texts + fresh
    work.texts = []
    if all.isEmpty { return }
    let found = try store.attach(all)
    for (index, isThere) in found.enumerated() where !isThere && index >= all.count - fresh.count {
      work.texts.append(all[index])
    }
  }

  private func expireIfDue(_ work: inout Work, _ oldest: () -> Position) {
    let now = RealClock.monotonic
    guard now >= work.expireAt else { return }
    let unix = RealClock.unix
    let kept = settings.attemptsRetention.milliseconds
    do throws(CatalogError) {
      let isMore = try store.expire(
        before: UnixMilliseconds(unix.value - min(unix.value, kept)), eventsBefore: oldest(),
        rowsMax: settings.attemptsRowsMax, now: unix)
      work.expireAt = isMore ? now : now + Self.expiryInterval
    } catch {
      work.expireAt = now + Self.expiryInterval
      logger.error("old attempts could not be dropped", metadata: ["error": "\(error.text)"])
    }
  }
}

/// Takes so many successes a second, and says of each whether it is one of them: pure.
package struct SuccessSampler {
  private let perSecond: Int
  private var second: UInt64 = 0
  private var left: Int

  package init(perSecond: Int) {
    self.perSecond = perSecond
    left = perSecond
  }

  /// Whether a success that was seen then is kept.
  package mutating func takes(_ time: UnixMilliseconds) -> Bool {
    if time.seconds != second {
      second = time.seconds
      left = perSecond
    }
    if left == 0 { return false }
    left -= 1
    return true
  }
}

extension AttemptEntry {
  /// The attempt that an outcome speaks of; `nil` when it speaks of none: a delivery that was given
  /// up unsent, or that the log has lost.
  init?(_ tapped: TappedOutcome, isManual: Bool) {
    let outcome = tapped.outcome
    let result: AttemptResult
    switch outcome.kind {
    case .delivered: result = .success
    case .retry: result = .retried
    case .dead where outcome.failure != .quota && outcome.failure != .logDamaged: result = .dead
    default: return nil
    }
    self.init(
      endpoint: outcome.endpoint.value, position: outcome.position, attempt: Int(outcome.attempt),
      time: result == .retried ? tapped.seen : outcome.due,
      durationMicroseconds: outcome.durationMicroseconds, status: Int(outcome.status),
      result: result, failure: outcome.failure,
      nextAttempt: result == .retried ? outcome.due : nil, isManual: isManual)
  }
}
