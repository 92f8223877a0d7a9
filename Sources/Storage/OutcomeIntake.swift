internal import Base
internal import Flow
internal import Platform

/// Takes outcomes from the reactors' rings and knows how far each of them is durable.
final class OutcomeIntake {
  /// Outcomes that one block takes.
  static let perBlock = 16_384

  private let rings: [Ring<Outcome>]
  private let sink: Mailbox<Outcome>
  private var popped: [UInt64]
  private var writtenCounts: [UInt64]
  private var submitted: [UInt64]
  private let durableCounts: [Counter]
  /// When the oldest outcome that is not written was seen.
  private(set) var oldest: Instant?
  /// Dead and expired ones whose block is not durable.
  private var undurable: [(sequence: UInt64, outcome: Outcome)] = []
  private var delivered = GatherBuffer(capacity: 4096)
  private var others = GatherBuffer(capacity: 4096)

  init(rings: [Ring<Outcome>], sink: Mailbox<Outcome>) {
    self.rings = rings
    self.sink = sink
    popped = rings.map { _ in 0 }
    writtenCounts = popped
    submitted = popped
    durableCounts = rings.map { _ in Counter() }
  }

  /// Outcomes in the rings.
  var waiting: Int {
    var total = 0
    for ring in rings { total += ring.count }
    return total
  }

  /// Whether outcomes came that no turn has seen.
  var hasUnnoticed: Bool { oldest == nil && waiting > 0 }

  func durable(_ reactor: Int) -> UInt64 { durableCounts[reactor].value }

  /// Starts the clock of outcomes that came since the last write.
  func notice(_ now: Instant) { if oldest == nil, waiting > 0 { oldest = now } }

  /// Whether there is room to remember that more deliveries died.
  var maySettle: Bool { undurable.count < 65_536 }

  /// Moves at most `perBlock` outcomes from the rings into the block's tables.
  ///
  /// Readers take the compact table first. So what is delivered after a redelivery goes into the
  /// full one: the two may be of the same delivery, and their order then says whether it is pending.
  func writeTables(
    _ writer: inout BlockWriter, sequence: UInt64, limit: Int, each: (Outcome) -> Void
  ) {
    delivered.removeAll()
    others.removeAll()
    var deliveredCount = 0
    var otherCount = 0
    var keepsOrder = false
    for reactor in 0..<rings.count {
      let ring = rings[reactor]
      let before = deliveredCount + otherCount
      while deliveredCount + otherCount < limit, let outcome = ring.pop() {
        if outcome.isRedelivery { keepsOrder = true }
        if outcome.kind == .delivered, !keepsOrder {
          delivered.append(DeliveredRecord(outcome))
          deliveredCount += 1
        } else {
          others.append(outcome)
          otherCount += 1
          if outcome.kind == .dead || outcome.kind == .expired {
            undurable.append((sequence, outcome))
          }
        }
        each(outcome)
      }
      popped[reactor] += UInt64(deliveredCount + otherCount - before)
    }
    writer.table(TableTag.delivered, count: deliveredCount, bytes: delivered.view)
    writer.table(TableTag.outcomes, count: otherCount, bytes: others.view)
  }

  /// Everything popped so far was written.
  /// - Returns: when the oldest of it came, if there was any.
  func didWrite(_ now: Instant) -> Instant? {
    let since = popped == writtenCounts ? nil : oldest
    writtenCounts = popped
    oldest = waiting > 0 ? now : nil
    return since
  }

  /// A sync of everything written was submitted.
  func didSubmit() { submitted = writtenCounts }

  /// That sync succeeded; blocks up to `sequence` are durable.
  func didSync(through sequence: UInt64) {
    for reactor in 0..<rings.count { durableCounts[reactor].set(submitted[reactor]) }
    var count = 0
    while count < undurable.count, undurable[count].sequence <= sequence {
      sink.post(undurable[count].outcome)
      count += 1
    }
    if count > 0 { undurable.removeFirst(count) }
  }
}

/// The newest deaths, expiries and removals since the last checkpoint was asked for. They go into
/// the next one: the control plane may have been told of them and not have stored them yet when the
/// process dies.
struct SettledLog {
  static let countMax = 65_536
  private var outcomes: [Outcome] = []
  /// How many were dropped from the front, ever.
  private var dropped = 0

  /// The index after the newest.
  var end: Int { dropped + outcomes.count }

  mutating func add(_ outcome: Outcome) {
    switch outcome.kind {
    case .dead, .expired, .endpointRemoved: outcomes.append(outcome)
    default: return
    }
    if outcomes.count > 2 * Self.countMax { drop(before: end - Self.countMax) }
  }

  func outcomes(before index: Int) -> [Outcome] {
    Array(outcomes.prefix(max(0, index - dropped)))
  }

  mutating func drop(before index: Int) {
    let count = min(max(0, index - dropped), outcomes.count)
    outcomes.removeFirst(count)
    dropped += count
  }
}
