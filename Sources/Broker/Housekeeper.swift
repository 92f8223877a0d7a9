internal import Base
internal import Catalog
internal import Delivery
internal import Flow
internal import Logging
internal import Platform
internal import Storage
internal import Synchronization

/// The slow, regular work between data plane and catalogue: dead letters, endpoints that disable
/// themselves, secrets whose grace period ended, letters that were kept long enough.
///
/// > Runs on: a task of the control plane; it sleeps 200 ms between rounds.
final class Housekeeper: Sendable {
  private let control: BrokerControl
  private let notices: Mailbox<ReactorNotice>
  private let settled: Mailbox<Outcome>
  private let letters: DeadLetterRecorder
  private let logger: Logger
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

  /// Works until the task is cancelled; the last round takes what was still waiting.
  func run() async {
    var round = 0
    var expired: [Expired] = [Expired(), Expired()]
    while !Task.isCancelled {
      letters.expire()
      await turn()
      round += 1
      if round % Self.roundsBetweenExpiryLines == 0 { reportExpiry(&expired) }
      try? await Task.sleep(for: .milliseconds(200))
    }
    await turn()
  }

  /// One round.
  func turn() async {
    let now = RealClock.monotonic
    let outcomes = settled.drain()
    letters.record(outcomes)
    control.plane.kept.note(recordedBefore: now)
    control.plane.quota.giveBack(outcomes.count { $0.kind == .dead && $0.failure == .quota })
    setQuota()
    for notice in notices.drain() { await handle(notice) }
    tellTrouble()
    reportDisk()
    await dropExpiredSecrets()
  }

  /// Bounds what an endpoint's events hold plain, by how well the log packs now.
  private func setQuota() {
    let plane = control.plane
    let plain = Double(plane.configuration.endpointQuotaBytes) / plane.journalUsage.packedShare
    plane.quota.plainBytesMax = UInt64(min(plain, 1e18))
  }

  /// What of the history had gone when that was last said.
  private struct Expired {
    var segments: UInt64 = 0
    var events: UInt64 = 0
    var bytes: UInt64 = 0
  }
  /// Ten seconds.
  private static let roundsBetweenExpiryLines = 50

  /// Says what of the history went since the last time.
  private func reportExpiry(_ told: inout [Expired]) {
    let keeper = control.plane.keeper
    let reasons = [
      (keeper.expiredByAge, "older than journal.retention"),
      (keeper.expiredBySpace, "the journal is near journal.max-bytes, or the disk is full"),
    ]
    for (index, (expiry, reason)) in reasons.enumerated() {
      let before = told[index]
      let now = Expired(
        segments: expiry.segments.value, events: expiry.events.value, bytes: expiry.bytes.value)
      if now.segments == before.segments { continue }
      told[index] = now
      logger.notice(
        "the journal let its oldest events go; what was pending or dead of them is in the spool",
        metadata: [
          "reason": "\(reason)", "segments": "\(now.segments - before.segments)",
          "events": "\(now.events - before.events)", "bytes": "\(now.bytes - before.bytes)",
        ])
    }
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
      await disable(number, reason: "the endpoint answered 410 Gone")
    case .failingFor(let number, _):
      await disable(number, reason: "nothing but failures for 5 days")
    case .opened(let number): log(number, "endpoint is failing; its breaker opened")
    case .quotaReached(let number):
      logger.warning(
        "the endpoint's spool is over its quota: its oldest deliveries become dead letters",
        metadata: [
          "endpoint": "\(name(number))",
          "quota": "\(control.plane.configuration.endpointQuotaBytes)",
        ])
    case .quotaLeft(let number): log(number, "the endpoint's spool is below its quota again")
    case .recovered(let number): log(number, "endpoint recovered; its breaker closed")
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

  private func disable(_ number: EndpointNumber, reason: String) async {
    guard let record = try? control.catalog.disable(number: number.value, reason: reason) else {
      return
    }
    await control.funnel.apply(record)
    logger.warning(
      "endpoint disabled", metadata: ["endpoint": "\(record.name)", "reason": "\(reason)"])
  }

  private func log(_ number: EndpointNumber, _ text: String) {
    logger.notice("\(text)", metadata: ["endpoint": "\(name(number))"])
  }

  private func name(_ number: EndpointNumber) -> String {
    (try? control.catalog.endpoint(number: number.value))?.name ?? "number \(number.value)"
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
