internal import Wire

/// All figures of a measurement by name, for a terminal and for the report.
package enum FigureTable {
  package typealias Row = (name: String, value: String)

  /// The rows, those that matter most first.
  package static func rows(of m: Measurement) -> [Row] {
    counts(m) + latencies(m) + cpu(m) + kernel(m) + load(m)
  }

  private static func counts(_ m: Measurement) -> [Row] {
    var rows = [count("events", m.events, "acknowledged in", m.publishSeconds, m.eventsPerSecond)]
    if m.promised > 0 {
      rows.append(count("deliveries", m.deliveries, "in", m.seconds, m.deliveriesPerSecond))
    }
    if let lost = m.lost, m.promised > 0 {
      let twice = m.twice.map { whole($0) } ?? "not counted"
      rows.append(("lost / twice", "\(whole(lost)) / \(twice)"))
    }
    if m.refused > 0 {
      rows.append(("refused", "\(whole(m.refused)): \(m.refusal ?? "")"))
    }
    if m.unanswered > 0 { rows.append(("never answered", whole(m.unanswered))) }
    if m.strange > 0 { rows.append(("strange requests", whole(m.strange))) }
    return rows
  }

  private static func count(
    _ name: String, _ count: UInt64, _ verb: String, _ seconds: Double, _ rate: Double
  ) -> Row {
    let time = FigureText.duration(seconds)
    return (name, "\(whole(count)) \(verb) \(time), \(FigureText.number(rate))/s")
  }

  private static func latencies(_ m: Measurement) -> [Row] {
    var rows: [Row] = [("acknowledge", ladder(m.acknowledgement))]
    if m.promised > 0 { rows.append(("delivery lag", m.lag.map(ladder) ?? "not measured")) }
    if let slip = m.slip { rows.append(("publisher late", ladder(slip))) }
    if let probe = m.syncProbe { rows.append(("fdatasync alone", ladder(probe))) }
    return rows
  }

  private static func cpu(_ m: Measurement) -> [Row] {
    guard let use = m.use, m.unit.count > 0 else { return [("CPU", "not measured")] }
    var rows = [(name: "CPU \(m.unit.name)", value: micros(m, use.userSeconds, use.systemSeconds))]
    for thread in use.threads where m.perUnit(thread.userSeconds + thread.systemSeconds) >= 5e-10 {
      rows.append(("  \(thread.name)", micros(m, thread.userSeconds, thread.systemSeconds)))
    }
    return rows
  }

  private static func micros(_ m: Measurement, _ user: Double, _ system: Double) -> String {
    let text = { (seconds: Double) in FigureText.number(m.perUnit(seconds) * 1e6) }
    return "\(text(user + system)) µs (user \(text(user)), system \(text(system)))"
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
      let switches =
        "\(each(use.voluntarySwitches)) voluntary, \(each(use.involuntarySwitches)) involuntary"
      rows.append(("context switches \(m.unit.name)", switches))
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
    let memory = { (bytes: UInt64) in bytes > 0 ? Quantity.sizeText(bytes) : "not measured" }
    rows.append(("memory before / peak", "\(memory(m.residentBytes)) / \(memory(m.peakBytes))"))
    return rows
  }

  private static func load(_ m: Measurement) -> [Row] {
    let span = max(m.seconds, m.publishSeconds)
    let sinks = m.sinkSeconds.map { share($0, span) }
    var rows: [Row] = [("publisher", share(m.publisherSeconds, span))]
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
