internal import Base
internal import Catalog
internal import Delivery
internal import Flow
internal import Ingest
internal import Platform
internal import Storage
internal import Synchronization

extension BrokerControl {
  /// The Prometheus exposition: names and labels are the contract's.
  public func metricsText() async -> String {
    var out = PrometheusText()
    let lifetime = plane.counters.lifetime()
    writeEvents(&out)
    writeDeliveries(&out, lifetime)
    writeKeptAttempts(&out)
    writeTimes(&out)
    await writeSpool(&out)
    writeProcess(&out)
    return out.text
  }

  private func writeEvents(_ out: inout PrometheusText) {
    let ingest = plane.counters.ingest
    out.family("fanfare_events_total", .counter, "Events accepted since start, by type.")
    for (type, count) in ingest.types.snapshot().sorted(by: { $0.type < $1.type }) {
      out.sample("fanfare_events_total", [("type", type)], Double(count))
    }
    out.sample("fanfare_events_total", [("type", "other")], Double(ingest.types.other.value))
    out.family("fanfare_publish_errors_total", .counter, "Publishes refused, by code.")
    for code in ErrorCode.allCases {
      out.sample(
        "fanfare_publish_errors_total", [("code", code.rawValue)],
        Double(ingest.errors(code).value))
    }
  }

  private func writeDeliveries(_ out: inout PrometheusText, _ lifetime: LifetimeCounters) {
    out.family(
      "fanfare_deliveries_total", .counter, "Deliveries settled since first start, by result.")
    let results: [(String, UInt64)] = [
      ("delivered", lifetime.delivered), ("dead", lifetime.dead), ("expired", lifetime.expired),
      ("removed", lifetime.removed),
    ]
    for (result, count) in results {
      out.sample("fanfare_deliveries_total", [("result", result)], Double(count))
    }
    out.single(
      "fanfare_quota_dead_total", .counter,
      "Deliveries since start that became dead letters because their endpoint's spool was full.",
      Double(plane.counters.reactors.reduce(0) { $0 + $1.overQuota.value }))
    out.family("fanfare_attempts_total", .counter, "Attempts since start, by result.")
    for failure in FailureClass.allCases {
      let count = plane.counters.reactors.reduce(0) { $0 + $1.attempts(failure) }
      let name = failure == .none ? "success" : "\(failure)"
      out.sample("fanfare_attempts_total", [("result", name)], Double(count))
    }
  }

  private func writeKeptAttempts(_ out: inout PrometheusText) {
    out.single(
      "fanfare_attempts_kept", .gauge, "Attempts in the history that the API shows.",
      Double(attempts.store.count))
    out.family(
      "fanfare_attempts_unkept_total", .counter,
      "Attempts since start that are counted and not in the history, by reason.")
    let reasons = [
      ("sampled", attempts.sampledOut.value), ("busy_success", attempts.tap.successesLeftOut.value),
      ("busy_failure", attempts.tap.othersLeftOut.value),
    ]
    for (reason, count) in reasons {
      out.sample("fanfare_attempts_unkept_total", [("reason", reason)], Double(count))
    }
    out.single(
      "fanfare_attempt_answer_bytes", .gauge, "What answers of failed attempts hold.",
      Double(attempts.store.answerBytes))
    out.single(
      "fanfare_attempt_answers_unkept_total", .counter,
      "Answers of failed attempts since start that found no room; the attempts are kept.",
      Double(plane.reactors.reduce(0) { $0 + $1.answers.leftOut.value }))
  }

  private func writeTimes(_ out: inout PrometheusText) {
    let reactors = plane.counters.reactors
    out.histogram(
      "fanfare_ack_duration_seconds", "From reading a publish to its acknowledgement.",
      [plane.counters.ingest.acknowledgement])
    out.histogram(
      "fanfare_attempt_duration_seconds", "From start to end of an attempt.",
      reactors.map(\.attemptDuration))
    out.histogram(
      "fanfare_delivery_lag_seconds", "From acceptance to delivery by the first attempt.",
      reactors.map(\.deliveryLag))
  }

  /// From the lanes alone: a scrape must not read the whole catalogue.
  private func writeSpool(_ out: inout PrometheusText) async {
    let lanes = await plane.statuses().filter { $0.depth > 0 }
    let parked = lanes.filter { $0.isParked && !funnel.knows($0.endpoint.value) }
    var top = Array(
      lanes.filter { funnel.knows($0.endpoint.value) }
        .sorted { ($0.depth, $1.endpoint.value) > ($1.depth, $0.endpoint.value) }
        .prefix(Self.topEndpoints))
    // A lane of which nobody knows where it stands says nothing of the oldest.
    let last = Position(packed: .max)
    var oldest = lanes.min { ($0.oldest ?? last) < ($1.oldest ?? last) }.map { [$0] } ?? []
    plane.fillOldestTimes(&top)
    plane.fillOldestTimes(&oldest)
    let known = (try? catalog.summaries(of: top.map(\.endpoint.value))) ?? []
    let now = RealClock.unix
    let share = plane.journalUsage.packedShare
    let families: [(String, String, Double, (LaneStatus) -> Double)] = [
      ("fanfare_spool_depth", "Pending deliveries.",
        Double(lanes.reduce(0) { $0 + $1.depth }), { Double($0.depth) }),
      ("fanfare_spool_bytes", "Compressed bytes of what is pending, estimated.",
        (Double(lanes.reduce(0) { $0 + $1.plainBytes }) * share).rounded(.down),
        { (Double($0.plainBytes) * share).rounded(.down) }),
      ("fanfare_spool_oldest_seconds", "Age of the oldest pending delivery.",
        Self.oldestSeconds(oldest.first, now: now), { Self.oldestSeconds($0, now: now) }),
    ]
    for (name, help, total, value) in families {
      out.family(name, .gauge, help)
      out.sample(name, [], total)
      for (endpoint, lane) in zip(known, top) {
        if let endpoint { out.sample(name, [("endpoint", endpoint.id)], value(lane)) }
      }
    }
    out.single(
      "fanfare_dead", .gauge, "Dead-lettered deliveries kept.",
      Double(catalog.deadCounts().values.reduce(0, +)))
    out.single(
      "fanfare_dead_bytes", .gauge, "What dead letters and their events hold on disk.",
      Double(plane.kept.bytes.value))
    writeExpiry(&out)
    out.single(
      "fanfare_parked_deliveries", .gauge,
      "Pending deliveries to endpoints that the catalogue does not know: alert above 0.",
      Double(parked.reduce(0) { $0 + $1.depth }))
  }

  private func writeExpiry(_ out: inout PrometheusText) {
    out.family(
      "fanfare_dead_expired_total", .counter,
      "Dead letters dropped since first start, for their age or all their bytes.")
    for why in DeadLetterExpiry.allCases {
      let count = (try? catalog.deadExpired(why)) ?? 0
      out.sample("fanfare_dead_expired_total", [("reason", why.rawValue)], Double(count))
    }
    let reasons = [("age", plane.keeper.expiredByAge), ("space", plane.keeper.expiredBySpace)]
    out.family(
      "fanfare_journal_expired_events_total", .counter,
      "Events that left the journal since start, but for those that the spool has.")
    for (reason, expiry) in reasons {
      out.sample(
        "fanfare_journal_expired_events_total", [("reason", reason)], Double(expiry.events.value))
    }
    out.family(
      "fanfare_journal_expired_segments_total", .counter, "Journal segments freed since start.")
    for (reason, expiry) in reasons {
      out.sample(
        "fanfare_journal_expired_segments_total", [("reason", reason)],
        Double(expiry.segments.value))
    }
  }

  /// Endpoints that get lines of their own: a bound on what a scrape costs its reader.
  private static let topEndpoints = 20

  private func writeProcess(_ out: inout PrometheusText) {
    let reactors = plane.counters.reactors
    func total(_ path: KeyPath<ReactorCounters, Counter>) -> Double {
      Double(reactors.reduce(0) { $0 + $1[keyPath: path].value })
    }
    out.single(
      "fanfare_breaker_open", .gauge, "Endpoints whose breaker is not closed.",
      total(\.breakersOpen))
    out.single(
      "fanfare_in_flight", .gauge, "Attempts in flight.", total(\.inFlight))
    out.single(
      "fanfare_connections_open", .gauge, "Outgoing connections.", total(\.connectionsOpen))
    out.single(
      "fanfare_parked_endpoints", .gauge, "Endpoints in the log that the catalogue lacks.",
      total(\.parked))
    out.single(
      "fanfare_journal_bytes", .gauge, "Bytes that the journal holds on disk.",
      Double(plane.journalUsage.bytes))
    out.single(
      "fanfare_journal_writes_total", .counter, "Writes of blocks to the journal since start.",
      Double(plane.counters.journal.writes.value))
    out.single(
      "fanfare_journal_syncs_total", .counter, "Syncs of the journal since start.",
      Double(plane.counters.journal.syncs.value))
    out.single(
      "fanfare_blocks_reread_total", .counter,
      "Blocks of the log read again, for deliveries that were no longer in memory.",
      total(\.loads))
    out.single(
      "fanfare_spool_disk_bytes", .gauge, "Bytes of spool segments on disk.",
      Double(plane.keeper.spoolBytes.value))
    out.single(
      "fanfare_spool_disk_plain_bytes", .gauge, "Payload in spool segments before packing.",
      Double(plane.keeper.spoolPlainBytes.value))
    out.single(
      "fanfare_disk_free_bytes", .gauge, "Free bytes of the journal's file system.",
      Double(plane.freeDiskBytes))
    out.family("fanfare_build_info", .gauge, "Always 1; the version is a label.")
    out.sample("fanfare_build_info", [("version", fanfareVersion)], 1)
    out.single(
      "fanfare_config_last_reload_successful", .gauge,
      "Whether the configuration could be read when it was read last.",
      reloadSucceeded.load(ordering: .relaxed) ? 1 : 0)
  }
}
