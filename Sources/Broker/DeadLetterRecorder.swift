internal import Base
internal import Catalog
internal import Flow
internal import Logging
internal import Platform
internal import Storage
internal import Synchronization

/// Lists what was given up in the catalogue, and drops what was kept long enough or is too much.
///
/// > Runs on: the housekeeper's task; `record` before it as well, at the start.
final class DeadLetterRecorder: Sendable {
  private struct Plan {
    var ageAt = Instant(nanoseconds: 0)
    var bytesAt = Instant(nanoseconds: 0)
    /// A look at the bytes was wanted too soon after the one before.
    var isLookOwed = false
  }

  private static let ageInterval = Nanoseconds.seconds(3_600)
  /// From one look at the bytes to the next, at least; and so many times what a look takes.
  private static let bytesInterval = Nanoseconds.seconds(10)
  private static let bytesPatience: UInt64 = 50

  private let control: BrokerControl
  private let damage: DamageReport
  private let logger: Logger
  private let plan = Mutex(Plan())

  init(control: BrokerControl, damage: DamageReport, logger: Logger) {
    self.control = control
    self.damage = damage
    self.logger = logger
  }

  // MARK: Listing

  /// Writes what was given up into the catalogue, with the event's id and type from the log.
  func record(_ outcomes: [Outcome]) {
    let died = outcomes.filter {
      // After a recovery, some may be of endpoints that are gone: nobody could list them.
      // What was deleted on purpose is not listed, for it could not be sent again.
      ($0.kind == .dead || $0.kind == .expired) && $0.failure != .expunged
        && control.funnel.knows($0.endpoint.value)
    }
    if died.isEmpty { return }
    let events = control.plane.logReader.identities(at: died.map(\.position))
    let letters = zip(died, events).map { letter(of: $0, $1) }
    do throws(CatalogError) {
      let isNew = try control.catalog.recordDead(letters)
      raise(zip(letters, events).enumerated().filter { isNew[$0.offset] }.map(\.element))
    } catch {
      logger.error("dead letters could not be listed", metadata: ["error": "\(error.text)"])
    }
  }

  private func raise(_ letters: [(DeadLetterRecord, EventIdentity?)]) {
    control.operational.raise(
      letters.compactMap { letter, event in
        // Of what can't be read, the endpoint says whose it was.
        guard
          let application = event?.application.value
            ?? control.funnel.application(of: letter.endpoint)
        else { return nil }
        return .givenUp(letter, application: application)
      })
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
      endpoint: outcome.endpoint.value, position: outcome.position, eventID: id, type: type,
      attempts: Int(outcome.attempt), lastStatus: Int(outcome.status), failure: failure,
      expired: outcome.kind == .expired, diedAt: outcome.due,
      plainBytes: event?.plainBytes ?? 0)
  }

  // MARK: Expiry

  /// When `expire` has to be called though nothing happened.
  var due: Instant {
    plan.withLock { $0.isLookOwed ? min($0.ageAt, $0.bytesAt) : $0.ageAt }
  }

  /// Has the next `expire` look at age and bytes: what is kept has changed.
  func lookAgain() {
    plan.withLock { plan in
      plan.ageAt = Instant(nanoseconds: 0)
      plan.bytesAt = Instant(nanoseconds: 0)
    }
  }

  /// Drops what is due, when it is time to look: call it when something happened, too.
  func expire() {
    let now = RealClock.monotonic
    let (isAgeDue, isBytesDue) = plan.withLock { plan in
      let due = (now >= plan.ageAt, now >= plan.bytesAt)
      if due.0 { plan.ageAt = now + Self.ageInterval }
      plan.isLookOwed = !due.1
      return due
    }
    if !isAgeDue && !isBytesDue { return }
    do throws(CatalogError) {
      if isAgeDue { try expireOld() }
      guard isBytesDue else { return }
      try expireExcess()
    } catch {
      logger.error("old dead letters could not be dropped", metadata: ["error": "\(error.text)"])
    }
    let took = RealClock.monotonic.since(now)
    plan.withLock { plan in
      plan.bytesAt = now + max(Self.bytesInterval, Nanoseconds(took.count * Self.bytesPatience))
    }
  }

  private func expireOld() throws(CatalogError) {
    let now = RealClock.unix.value
    let kept = control.settings.deadRetention.milliseconds
    let count = try control.catalog.expireDead(
      diedBefore: UnixMilliseconds(now - min(now, kept)))
    tell(count, .age)
  }

  private func expireExcess() throws(CatalogError) {
    let plane = control.plane
    let share = plane.journalUsage.packedShare
    let limit = plane.limits.withLock { $0.deadBytesMax }
    let bytes = try control.catalog.deadBytes(packedShare: share)
    plane.kept.bytes.set(bytes)
    if bytes <= limit { return }
    let count = try control.catalog.expireOldestDead(freeing: bytes - limit, packedShare: share)
    plane.kept.bytes.set(limit)
    tell(count, .bytes)
  }

  private func tell(_ count: Int, _ why: DeadLetterExpiry) {
    if count == 0 { return }
    control.operational.raise(.lettersDropped(why), count: count)
    logger.notice(
      "dead letters are gone, the oldest first",
      metadata: ["count": "\(count)", "reason": "\(why.text)"])
  }
}
