internal import Wire

/// All figures of a measurement by name, for a terminal and for the report.
package enum FigureTable {
  package typealias Row = (name: String, value: String)

  /// The rows, those that matter most first.
  package static func rows(of m: Measurement) -> [Row] {
    counts(m) + latencies(m) + cpu(m) + kernel(m) + load(m)
  }

  private static func counts(_ m: Measurement) -> [Row] {
    var rows: [Row] = [
      ("events", "\(whole(m.events)) acknowledged in \(FigureText.duration(m.publishSeconds)), "
        + "\(FigureText.number(m.eventsPerSecond))/s"),
      ("deliveries", "\(whole(m.deliveries)) in \(FigureText.duration(m.seconds)), "
        + "\(FigureText.number(m.deliveriesPerSecond))/s"),
    ]
    if let lost = m.lost, let twice = m.twice {
      rows.append(("lost / twice", "\(whole(lost)) / \(whole(twice))"))
    }
    if m.refused > 0 {
      rows.append(("refused", "\(whole(m.refused)): \(m.refusal ?? "")"))
    }
    if m.unanswered > 0 { rows.append(("never answered", whole(m.unanswered))) }
    if m.strange > 0 { rows.append(("strange requests", whole(m.strange))) }
    return rows
  }

  private static func latencies(_ m: Measurement) -> [Row] {
    var rows: [Row] = [("acknowledge", ladder(m.acknowledgement))]
    rows.append(("delivery lag", m.lag.map(ladder) ?? "not measured"))
    if let slip = m.slip { rows.append(("publisher late", ladder(slip))) }
    if let probe = m.syncProbe { rows.append(("fdatasync alone", ladder(probe))) }
    return rows
  }

  private static func cpu(_ m: Measurement) -> [Row] {
    guard let use = m.use, m.unit.count > 0 else { return [("CPU", "not measured")] }
    var rows: [Row] = [
      ("CPU \(m.unit.name)", "\(FigureText.number(m.perUnit(use.cpuSeconds) * 1e6)) µs ("
        + split(m, use.userSeconds, use.systemSeconds) + ")")
    ]
    for thread in use.threads {
      let micros = m.perUnit(thread.userSeconds + thread.systemSeconds) * 1e6
      guard micros >= 0.0005 else { continue }
      rows.append((
        "  \(thread.name)", "\(FigureText.number(micros)) µs ("
          + split(m, thread.userSeconds, thread.systemSeconds) + ")"))
    }
    return rows
  }

  private static func split(_ m: Measurement, _ user: Double, _ system: Double) -> String {
    let micros = { FigureText.number(m.perUnit($0) * 1e6) }
    return "user \(micros(user)), system \(micros(system))"
  }

  private static func kernel(_ m: Measurement) -> [Row] {
    var rows: [Row] = []
    if let use = m.use {
      let each = { (count: UInt64) in FigureText.number(m.perUnit(Double(count))) }
      if let reads = use.readCalls, let writes = use.writeCalls {
        rows.append(("read / write calls \(m.unit.name)", "\(each(reads)) / \(each(writes))"))
      } else {
        rows.append(("read / write calls \(m.unit.name)", "not measured: /proc hides them"))
      }
      rows.append((
        "context switches \(m.unit.name)",
        "\(each(use.voluntarySwitches)) voluntary, \(each(use.involuntarySwitches)) involuntary"))
    }
    if let writes = m.journalWrites, let syncs = m.journalSyncs {
      rows.append(("journal", "\(whole(writes)) writes, \(whole(syncs)) syncs"))
    }
    if let syncs = m.journalSyncs {
      rows.append(("syncs \(m.unit.name)", FigureText.number(m.perUnit(Double(syncs)))))
    }
    if let shared = m.deliveriesPerCommit {
      rows.append(("deliveries a commit", FigureText.number(shared)))
    }
    rows.append(("peak memory", m.peakBytes > 0 ? Quantity.sizeText(m.peakBytes) : "not measured"))
    return rows
  }

  private static func load(_ m: Measurement) -> [Row] {
    let sinks = m.sinkSeconds.map { share($0, m.seconds) }
    var rows: [Row] = [("publisher", share(m.publisherSeconds, m.seconds))]
    if !sinks.isEmpty { rows.append(("sink", sinks.joined(separator: ", "))) }
    return rows
  }

  private static func share(_ used: Double, _ seconds: Double) -> String {
    "\(FigureText.number(seconds > 0 ? used / seconds * 100 : 0)) % of a core"
  }

  private static func ladder(_ times: Latencies) -> String {
    guard times.count > 0 else { return "none" }
    let steps: [(String, Double)] = [
      ("p50", times.quantile(0.5)), ("p99", times.quantile(0.99)),
      ("p99.9", times.quantile(0.999)), ("max", times.maxSeconds),
    ]
    return steps.map { "\($0.0) \(FigureText.duration($0.1))" }.joined(separator: "  ")
  }

  private static func whole(_ value: UInt64) -> String {
    value < 1000 ? "\(value)" : FigureText.number(Double(value))
  }
}
