/// What a benchmark came to.
package struct Measurement: Sendable {
  /// Events acknowledged.
  package var events: UInt64 = 0
  /// Deliveries received, each once.
  package var deliveries: UInt64 = 0
  /// Deliveries that were promised by an acknowledgement.
  package var promised: UInt64 = 0
  /// Promised deliveries that did not come, by the broker's word where nobody else counts; `nil`
  /// when it was stopped before they could.
  package var lost: UInt64?
  /// Deliveries that came once more.
  package var twice: UInt64?
  /// Requests that belonged to no delivery.
  package var strange: UInt64 = 0
  /// Events that the broker refused, and its words for the first.
  package var refused: UInt64 = 0
  package var refusal: String?
  /// Events sent and never answered.
  package var unanswered: UInt64 = 0
  /// From the first event to the last delivery, seconds.
  package var seconds = 0.0
  /// From the first event to the last acknowledgement, seconds.
  package var publishSeconds = 0.0
  /// From when an event was to be sent to its acknowledgement.
  package var acknowledgement = Latencies()
  /// From when an event was to be sent to its arrival; `nil` when nobody looked.
  package var lag: Latencies?
  /// How late the publisher itself was; `nil` without a schedule.
  package var slip: Latencies?
  /// The broker's use of the machine; `nil` when it may not be seen.
  package var use: ProcessUse?
  /// Its resident memory before the load, and at most since its start; 0 when it may not be seen.
  package var residentBytes: UInt64 = 0
  package var peakBytes: UInt64 = 0
  /// Writes and syncs of the journal.
  package var journalWrites: UInt64?
  package var journalSyncs: UInt64?
  /// What the load itself used: seconds of CPU of the publisher and of each sink.
  package var publisherSeconds = 0.0
  package var sinkSeconds: [Double] = []
  /// `fdatasync` of 4 KiB on the broker's file system, before the load: seconds.
  package var syncProbe: Latencies?
  package var timeline = Timeline()
  /// What was asked for: name and value, in the order of the report.
  package var settings: [(name: String, value: String)] = []
  /// Publishing or delivering was stopped before it was done.
  package var wasInterrupted = false
  /// Why publishing ended before its time.
  package var failure: String?

  package init() {}

  /// Acknowledged events a second.
  package var eventsPerSecond: Double { publishSeconds > 0 ? Double(events) / publishSeconds : 0 }
  /// Deliveries a second.
  package var deliveriesPerSecond: Double { seconds > 0 ? Double(deliveries) / seconds : 0 }
  /// Microseconds of CPU of the whole broker, user and system.
  package var cpuMicrosPerDelivery: Double? { perDelivery(use?.cpuSeconds).map { $0 * 1e6 } }

  /// The same by the event, deliveries included.
  package var cpuMicrosPerEvent: Double? {
    guard let use, events > 0 else { return nil }
    return use.cpuSeconds / Double(events) * 1e6
  }

  /// An amount by the delivery; `nil` without any.
  package func perDelivery(_ amount: Double?) -> Double? {
    guard let amount, deliveries > 0 else { return nil }
    return amount / Double(deliveries)
  }

  /// What amounts are divided by for people: deliveries, or events when nobody subscribed.
  var unit: (name: String, count: UInt64) {
    deliveries > 0 ? ("a delivery", deliveries) : ("an event", events)
  }

  /// An amount by the `unit`.
  func perUnit(_ amount: Double) -> Double { unit.count > 0 ? amount / Double(unit.count) : 0 }

  /// Deliveries that shared one commit: one sync, or one write when nothing is synced.
  package var deliveriesPerCommit: Double? {
    guard let commits = journalSyncs.flatMap({ $0 > 0 ? $0 : nil }) ?? journalWrites, commits > 0,
      deliveries > 0
    else { return nil }
    return Double(deliveries) / Double(commits)
  }
}
