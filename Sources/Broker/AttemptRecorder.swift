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
/// Failures are all kept, with how their answers began. Of the successes so many a second as the
/// machine can well spare; the others are counted.
///
/// > Runs on: a thread of its own; `stop` on any.
final class AttemptRecorder: Sendable {
  /// Successes kept a second; each costs some 10 µs.
  static let successesPerSecond = 1_000
  /// From one write to the next, milliseconds.
  private static let pauseMilliseconds: Int32 = 250
  /// Outcomes taken for one write.
  private static let batchMax = 16_384
  /// Deliveries asked for once more that are remembered as such.
  private static let manualMax = 100_000
  private static let expiryInterval = Nanoseconds.seconds(60)

  private struct Delivery: Hashable {
    var endpoint: UInt32
    var position: UInt64
  }

  /// Touched by the thread only.
  private struct Work {
    var manual: Set<Delivery> = []
    var answers = HeldAnswers()
    /// Outcomes that did not fit into the last batch.
    var backlog: ArraySlice<TappedOutcome> = []
    var sampler = SuccessSampler(perSecond: AttemptRecorder.successesPerSecond)
    var expireAt = Instant(nanoseconds: 0)
    var hasFailed = false
  }

  let store: AttemptStore
  let tap: AttemptTap
  /// Successes that were counted and not kept.
  let sampledOut = Counter()
  private let wakeup: Wakeup
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
  }

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - taps: where the reactors leave answers; each is read by nobody else.
  ///   - oldest: the first place that the log still has.
  func start(answers taps: [AnswerTap], oldest: @escaping @Sendable () -> Position) {
    Thread.start(name: "attempts") { [self] in run(taps, oldest) }
  }

  /// Writes what waits and ends.
  func stop() async {
    stopping.store(true, ordering: .releasing)
    wakeup.wake()
    for _ in 0..<500 where !stopped.load(ordering: .acquiring) {
      await ControlThreads.sleep(for: .milliseconds(10))
    }
  }

  private func run(_ taps: [AnswerTap], _ oldest: () -> Position) {
    var work = Work()
    let pause = Wakeup()
    while true {
      let isLast = stopping.load(ordering: .acquiring)
      while turn(&work, taps) {}
      expireIfDue(&work, oldest)
      if isLast { break }
      // Nobody wakes this one: what comes meanwhile is written together.
      pause.waitBlocking(timeoutMilliseconds: Self.pauseMilliseconds)
      wakeup.prepareToSleep()
      if tap.hasOutcomes || stopping.load(ordering: .acquiring) {
        wakeup.awake()
        continue
      }
      wakeup.waitBlocking()
      wakeup.awake()
    }
    stopped.store(true, ordering: .releasing)
  }

  /// - Returns: whether more waits already.
  private func turn(_ work: inout Work, _ taps: [AnswerTap]) -> Bool {
    let batch = nextBatch(&work)
    // An answer was there before its outcome was, so now it is to be seen.
    holdAnswers(&work, taps)
    var entries: [AttemptEntry] = []
    var tally: [TallyKey: AttemptTally] = [:]
    for tapped in batch { take(tapped, &work, &entries, &tally) }
    work.answers.endRound()
    do throws(CatalogError) {
      if !batch.isEmpty { try store.record(entries, tally: tally) }
      work.hasFailed = false
    } catch {
      if !work.hasFailed {
        logger.error("attempts could not be kept", metadata: ["error": "\(error.text)"])
      }
      work.hasFailed = true
    }
    return batch.count == Self.batchMax
  }

  /// What the ring has, and when it was full what found no room in it.
  private func nextBatch(_ work: inout Work) -> [TappedOutcome] {
    var batch = Array(work.backlog.prefix(Self.batchMax))
    work.backlog = work.backlog.dropFirst(batch.count)
    while batch.count < Self.batchMax, let tapped = tap.take() { batch.append(tapped) }
    if work.backlog.isEmpty { work.backlog = tap.takeOverflow()[...] }
    return batch
  }

  private func holdAnswers(_ work: inout Work, _ taps: [AnswerTap]) {
    for tap in taps {
      while work.answers.hasRoom,
        let (key, detail) = unsafe tap.take({ answer, text in
          unsafe (
            HeldAnswers.Key(answer.endpoint, answer.position, answer.attempt),
            AttemptDetail(answer, text)
          )
        })
      {
        work.answers.hold(detail, of: key)
      }
    }
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
    guard var entry = AttemptEntry(tapped, isManual: isManual) else { return }
    if entry.result != .success {
      entry.detail = work.answers.take(
        HeldAnswers.Key(outcome.endpoint, outcome.position, outcome.attempt))
    }
    entries.append(entry)
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
      let areMore = try store.expireAnswers(bytesMax: settings.attemptsAnswerBytesMax)
      work.expireAt = isMore || areMore ? now : now + Self.expiryInterval
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

extension AttemptDetail {
  /// What a reactor left of a failure.
  init(_ answer: FailedAnswer, _ text: UnsafeRawBufferPointer) {
    if answer.failure == .status {
      let head = min(Int(answer.headBytes), text.count)
      self = unsafe .answer(head: Array(text[..<head]), body: Array(text[head...]))
    } else if answer.systemCode != 0 {
      let error = SystemError(code: answer.systemCode, operation: answer.failure.text)
      self = .reason(error.description)
    } else {
      self = unsafe .reason(String(decoding: text, as: UTF8.self))
    }
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
