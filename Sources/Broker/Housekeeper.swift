internal import Base
internal import Catalog
internal import Delivery
internal import Dispatch
internal import Flow
internal import Logging
internal import Platform
internal import Storage
internal import Synchronization

/// The slow work between data plane and catalogue: dead letters, endpoints that disable themselves,
/// secrets whose grace period ended, letters that were kept long enough.
///
/// A round is made when something came (`DataPlane.bell`) or is due, and takes all that came in the
/// pause since the one before: an idle broker makes none.
///
/// > Runs on: a thread of its own; its rounds are tasks.
final class Housekeeper: Sendable {
  private let control: BrokerControl
  private let notices: Mailbox<ReactorNotice>
  private let settled: Mailbox<Outcome>
  private let letters: DeadLetterRecorder
  private let logger: Logger
  private let isStopping = Atomic<Bool>(false)
  private enum End {
    case none, ended
    case awaited(CheckedContinuation<Void, Never>)
  }
  private let end = Mutex(End.none)
  /// What was last said of the disk: whether it is full.
  private let saidFull = Mutex(false)

  init(
    control: BrokerControl, notices: Mailbox<ReactorNotice>, settled: Mailbox<Outcome>,
    damage: DamageReport, logger: Logger
  ) {
    self.control = control
    self.notices = notices
    self.settled = settled
    letters = DeadLetterRecorder(control: control, damage: damage, logger: logger)
    self.logger = logger
  }

  /// Writes what was given up into the catalogue.
  func recordDead(_ outcomes: [Outcome]) { letters.record(outcomes) }

  /// Has a round made at once: what is kept has changed.
  func lookAgain() {
    letters.lookAgain()
    control.plane.bell.ring()
  }

  /// Between two rounds, so that what comes close upon one another shares a transaction.
  private static let pause = Nanoseconds.milliseconds(200)

  /// Begins to work, until `stop`.
  func start() {
    Thread.start(name: "housekeeper") { [self] in run() }
  }

  /// Returns after a last round, which takes what was still waiting.
  func stop() async {
    isStopping.store(true, ordering: .releasing)
    control.plane.bell.ring()
    await withCheckedContinuation { continuation in
      let hasEnded = end.withLock { end in
        if case .ended = end { return true }
        end = .awaited(continuation)
        return false
      }
      if hasEnded { continuation.resume() }
    }
  }

  private func run() {
    var expiry = ExpiryLines(at: RealClock.monotonic + Self.expiryLineInterval)
    while !isStopping.load(ordering: .acquiring) {
      letters.expire()
      finishTurn()
      let lineDue = reportExpiry(&expiry)
      control.plane.bell.pause(until: RealClock.monotonic + Self.pause) {
        isStopping.load(ordering: .acquiring)
      }
      let due = min(lineDue, letters.due, nextSecretExpiry, control.operational.due)
      control.plane.bell.sleep(until: due) {
        settled.hasMessages || notices.hasMessages
      }
    }
    finishTurn()
    let waiter = end.withLock { end -> CheckedContinuation<Void, Never>? in
      defer { end = .ended }
      if case .awaited(let continuation) = end { return continuation }
      return nil
    }
    waiter?.resume()
  }

  /// A round asks the catalogue and the stages, which answer tasks.
  private func finishTurn() {
    let finished = DispatchSemaphore(value: 0)
    Task {
      await turn()
      finished.signal()
    }
    finished.wait()
  }

  /// When a former secret stops signing. At most a minute ahead: the wall clock may be set meanwhile.
  private var nextSecretExpiry: Instant {
    guard let expiry = control.funnel.nextExpiry else { return .distantFuture }
    let left = expiry.value - min(expiry.value, RealClock.unix.value)
    return RealClock.monotonic + .milliseconds(min(left, 60_000))
  }

  /// One round.
  func turn() async {
    let now = RealClock.monotonic
    let outcomes = settled.drain()
    letters.record(outcomes)
    control.plane.kept.note(recordedBefore: now)
    control.plane.quota.giveBack(outcomes.count { $0.kind == .dead && $0.failure == .quota })
    control.plane.setQuota()
    for notice in notices.drain() { await handle(notice) }
    tellTrouble()
    reportDisk()
    await dropExpiredSecrets()
    control.operational.lookAtSpace()
    if !isStopping.load(ordering: .acquiring) { await control.operational.publishDue() }
  }

  /// What of the history had gone when that was last said.
  private struct Expired {
    var segments: UInt64 = 0
    var events: UInt64 = 0
    var bytes: UInt64 = 0
  }
  /// What was said of it, and when more may be.
  private struct ExpiryLines {
    var told = [Expired(), Expired()]
    var at: Instant
  }
  private static let expiryLineInterval = Nanoseconds.seconds(10)

  /// Says what of the history went since the last time, each ten seconds at most.
  /// - Returns: when there is more to say.
  private func reportExpiry(_ lines: inout ExpiryLines) -> Instant {
    let keeper = control.plane.keeper
    let now = RealClock.monotonic
    let reasons = [
      (keeper.expiredByAge, "older than journal.retention"),
      (keeper.expiredBySpace, "the journal is near journal.max-bytes, or the disk is full"),
    ]
    for (index, (expiry, reason)) in reasons.enumerated() {
      let before = lines.told[index]
      let current = Expired(
        segments: expiry.segments.value, events: expiry.events.value, bytes: expiry.bytes.value)
      if current.segments == before.segments { continue }
      if now < lines.at { return lines.at }
      lines.told[index] = current
      logger.notice(
        "the journal let its oldest events go; what was pending or dead of them is in the spool",
        metadata: [
          "reason": "\(reason)", "segments": "\(current.segments - before.segments)",
          "events": "\(current.events - before.events)",
          "bytes": "\(current.bytes - before.bytes)",
        ])
    }
    if now >= lines.at { lines.at = now + Self.expiryLineInterval }
    return .distantFuture
  }

  /// Logs what the storage's threads met, each error once until things go well again.
  private func tellTrouble() {
    let plane = control.plane
    tell(
      plane.reader.damage,
      "a block of the log is damaged; its pending deliveries are given up, see 'fanfare dead list'")
    tell(
      plane.reader.refusals,
      "the disk refuses to read the log; deliveries wait, trying again each second")
    tell(plane.keeper.trouble, "storage")
  }

  private func tell(_ trouble: TroubleList, _ text: String) {
    for error in trouble.drain() {
      logger.error("\(text)", metadata: ["error": "\(error)", "code": "\(error.code)"])
    }
  }

  /// Says once when the disk, or the journal's share of it, becomes full or has room again.
  private func reportDisk() {
    let isFull = control.plane.keeper.isFull
    let before = saidFull.withLock { said in
      defer { said = isFull }
      return said
    }
    guard isFull != before else { return }
    if isFull {
      logger.warning("the spool is full: publishing is refused until there is room")
    } else {
      logger.notice("the spool has room again: publishing goes on")
    }
  }

  private func handle(_ notice: ReactorNotice) async {
    switch notice {
    case .answeredGone(let number):
      await disable(number, reason: "the endpoint answered 410 Gone", failingSince: nil)
    case .failingFor(let number, let since):
      await disable(number, reason: "nothing but failures for 5 days", failingSince: since)
    case .opened(let number): log(number, "endpoint is failing; its breaker opened")
    case .quotaNear(let number, let plainBytes):
      let bytes = Double(plainBytes) * control.plane.journalUsage.packedShare
      let limit = control.plane.limits.withLock { $0.endpointQuotaBytes }
      control.operational.raise(
        .spoolHigh(endpoint: number.value, bytes: UInt64(bytes), limit: limit))
    case .quotaReached(let number):
      logger.warning(
        "the endpoint's spool is over its quota: its oldest deliveries become dead letters",
        metadata: [
          "endpoint": "\(name(number))",
          "quota": "\(control.plane.limits.withLock { $0.endpointQuotaBytes })",
        ])
    case .quotaLeft(let number): log(number, "the endpoint's spool is below its quota again")
    case .recovered(let number):
      control.operational.raise(.recovered(endpoint: number.value))
      log(number, "endpoint recovered; its breaker closed")
    case .failed(let record):
      logger.debug(
        "attempt failed",
        metadata: [
          "endpoint": "\(name(record.endpoint))", "attempt": "\(record.attempt)",
          "status": "\(record.status)", "reason": "\(record.failure.text)",
          "text": "\(record.text)",
        ])
    }
  }

  private func disable(
    _ number: EndpointNumber, reason: String, failingSince: UnixMilliseconds?
  ) async {
    guard let record = try? control.catalog.disable(number: number.value, reason: reason) else {
      return
    }
    await control.funnel.apply(record)
    control.operational.raise(
      .disabled(
        endpoint: record.number, reason: reason, isManual: false, failSince: failingSince))
    logger.warning(
      "endpoint disabled", metadata: ["endpoint": "\(record.name)", "reason": "\(reason)"])
  }

  private func log(_ number: EndpointNumber, _ text: String) {
    logger.notice("\(text)", metadata: ["endpoint": "\(name(number))"])
  }

  private func name(_ number: EndpointNumber) -> String {
    let known = (try? control.catalog.summaries(of: [number.value]))?.first ?? nil
    return known?.name ?? "number \(number.value)"
  }

  private func dropExpiredSecrets() async {
    for number in control.funnel.expired(by: RealClock.unix) {
      guard let record = try? control.catalog.endpoint(number: number) else { continue }
      await control.funnel.follow(record)
    }
  }
}

extension FailureClass {
  /// What an operator reads, the status included where that is what failed.
  func text(status: Int) -> String {
    guard self == .status else { return text }
    return (300...399).contains(status)
      ? "answered \(status); redirects are not followed" : "answered \(status)"
  }
}
