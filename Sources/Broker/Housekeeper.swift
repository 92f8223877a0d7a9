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
  private let damage: DamageReport
  private let logger: Logger
  /// What was last said of the disk.
  private let disk = Mutex(DiskReport())

  private struct DiskReport: Equatable {
    var isFull = false
    var error: StorageError?
  }

  init(
    control: BrokerControl, notices: Mailbox<ReactorNotice>, settled: Mailbox<Outcome>,
    damage: DamageReport, logger: Logger
  ) {
    self.control = control
    self.notices = notices
    self.settled = settled
    self.damage = damage
    self.logger = logger
  }

  /// How long dead letters are kept.
  static let deadKept = Nanoseconds.seconds(30 * 86_400)
  /// Rounds from one look at old dead letters to the next: an hour.
  private static let roundsBetweenPurges = 18_000

  /// Works until the task is cancelled; the last round takes what was still waiting.
  func run() async {
    var round = 0
    var refused: UInt64 = 0
    while !Task.isCancelled {
      for damage in control.plane.reader.damage.drain() {
        logger.error(
          "a block of the log is damaged; its pending deliveries are given up, see 'fanfare dead list'",
          metadata: ["error": "\(damage)"])
      }
      tellTrouble("the disk refuses to read the log; deliveries wait, trying again each second",
        control.plane.reader.refused.value, &refused)
      if round % Self.roundsBetweenPurges == 0 { removeOldLetters() }
      await turn()
      round += 1
      try? await Task.sleep(for: .milliseconds(200))
    }
    await turn()
  }

  /// One round.
  func turn() async {
    let outcomes = settled.drain()
    recordDead(outcomes)
    control.plane.quota.giveBack(outcomes.count { $0.kind == .dead && $0.failure == .quota })
    setQuota()
    for notice in notices.drain() { await handle(notice) }
    reportDisk()
    await dropExpiredSecrets()
  }

  /// Bounds what an endpoint's events hold plain, by how well the log packs now.
  private func setQuota() {
    let plane = control.plane
    let plain = Double(plane.configuration.endpointQuotaBytes) / plane.journalUsage.packedShare
    plane.quota.plainBytesMax = UInt64(min(plain, 1e18))
  }

  /// Logs a count that has risen since the last look.
  private func tellTrouble(_ text: String, _ count: UInt64, _ told: inout UInt64) {
    if count == told { return }
    told = count
    logger.error("\(text)", metadata: ["count": "\(count)"])
  }

  private func removeOldLetters() {
    let now = RealClock.unix.value
    let horizon = UnixMilliseconds(now - min(now, Self.deadKept.milliseconds))
    do throws(CatalogError) {
      let count = try control.catalog.removeDead(before: horizon)
      if count > 0 {
        logger.notice("dead letters were kept for 30 days and are gone", metadata: ["count": "\(count)"])
      }
    } catch {
      logger.error("old dead letters could not be removed", metadata: ["error": "\(error.text)"])
    }
  }

  /// Writes what was given up into the catalogue, with the event's id and type from the log.
  func recordDead(_ outcomes: [Outcome]) {
    let died = outcomes.filter {
      // After a recovery, some may be of endpoints that are gone: nobody could list them.
      ($0.kind == .dead || $0.kind == .expired) && control.funnel.knows($0.endpoint.value)
    }
    if died.isEmpty { return }
    let events = control.plane.logReader.identities(at: died.map(\.position))
    let letters = zip(died, events).map { letter(of: $0, $1) }
    do throws(CatalogError) {
      try control.catalog.recordDead(letters)
    } catch {
      logger.error("dead letters could not be listed", metadata: ["error": "\(error.text)"])
    }
  }

  private func letter(of outcome: Outcome, _ event: EventIdentity?) -> DeadLetterRecord {
    var (id, type) = (event?.id ?? "", event?.type ?? "")
    var failure = outcome.failure.text(status: Int(outcome.status))
    if outcome.failure == .logDamaged {
      let entry = damage.entry(for: outcome)
      if id.isEmpty { (id, type) = (entry.id, entry.type) }
      failure = entry.text
    }
    return DeadLetterRecord(
      endpoint: outcome.endpoint.value, position: outcome.position, eventID: id,
      type: type, attempts: Int(outcome.attempt), lastStatus: Int(outcome.status),
      failure: failure, expired: outcome.kind == .expired, diedAt: outcome.due)
  }

  /// Says once when the disk, or the journal's share of it, becomes full, has room again, or fails.
  private func reportDisk() {
    let keeper = control.plane.keeper
    let report = DiskReport(isFull: keeper.isFull, error: keeper.lastError)
    let before = disk.withLock { old in
      defer { old = report }
      return old
    }
    if let error = report.error, error != before.error {
      logger.error("storage", metadata: ["error": "\(error)", "code": "\(error.code)"])
    }
    guard report.isFull != before.isFull else { return }
    if report.isFull {
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
