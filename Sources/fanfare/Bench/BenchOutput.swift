internal import Base
internal import Bench
internal import Glibc
internal import Wire

/// A measurement as the JSON that scripts rely on. What was not measured is `null`.
enum BenchJSON {
  static func value(_ m: Measurement, _ verdicts: [Verdict]) -> JSONValue {
    .members([
      ("events", .integer(m.events)), ("deliveries", .integer(m.deliveries)),
      ("seconds", number(m.seconds)), ("eventsPerSecond", number(m.eventsPerSecond)),
      ("deliveriesPerSecond", number(m.deliveriesPerSecond)),
      ("cpuMicrosPerDelivery", number(m.cpuMicrosPerDelivery)),
      ("cpuMicrosPerEvent", number(m.cpuMicrosPerEvent)),
      ("cpuUserMicrosPerDelivery", micros(m.use?.userSeconds, m)),
      ("cpuSystemMicrosPerDelivery", micros(m.use?.systemSeconds, m)),
      ("threads", .array((m.use?.threads ?? []).map { thread($0, m) })),
      ("ackSeconds", times(m.acknowledgement)), ("lagSeconds", times(m.lag)),
      ("publisherLateSeconds", times(m.slip)), ("fdatasyncSeconds", times(m.syncProbe)),
      ("lost", whole(m.lost)), ("twice", whole(m.twice)), ("strange", .integer(m.strange)),
      ("refused", .integer(m.refused)), ("unanswered", .integer(m.unanswered)),
      ("readCallsPerDelivery", each(m.use?.readCalls, m)),
      ("writeCallsPerDelivery", each(m.use?.writeCalls, m)),
      ("voluntarySwitchesPerDelivery", each(m.use?.voluntarySwitches, m)),
      ("involuntarySwitchesPerDelivery", each(m.use?.involuntarySwitches, m)),
      ("journalWrites", whole(m.journalWrites)), ("journalSyncs", whole(m.journalSyncs)),
      ("syncsPerDelivery", each(m.journalSyncs, m)),
      ("deliveriesPerCommit", number(m.deliveriesPerCommit)),
      ("allocationsPerDelivery", .null), ("residentBytes", .integer(m.residentBytes)), ("peakRSSBytes", .integer(m.peakBytes)),
      ("publisherCPUSeconds", number(m.publisherSeconds)),
      ("sinkCPUSeconds", .array(m.sinkSeconds.map { number($0) })),
      ("thresholds", .array(verdicts.map { verdict($0) })),
      ("interrupted", .bool(m.wasInterrupted)),
      ("settings", .members(m.settings.map { ($0.name, .string($0.value)) })),
    ])
  }

  private static func number(_ value: Double?) -> JSONValue {
    guard let value, value.isFinite else { return .null }
    return .number("\(value)")
  }

  private static func whole(_ value: UInt64?) -> JSONValue {
    value.map { .integer($0) } ?? .null
  }

  private static func micros(_ seconds: Double?, _ m: Measurement) -> JSONValue {
    number(m.perDelivery(seconds).map { $0 * 1e6 })
  }

  private static func each(_ count: UInt64?, _ m: Measurement) -> JSONValue {
    number(m.perDelivery(count.map { Double($0) }))
  }

  private static func thread(_ thread: ProcessUse.Thread, _ m: Measurement) -> JSONValue {
    .members([
      ("name", .string(thread.name)), ("userMicrosPerDelivery", micros(thread.userSeconds, m)),
      ("systemMicrosPerDelivery", micros(thread.systemSeconds, m)),
    ])
  }

  private static func times(_ times: Latencies?) -> JSONValue {
    guard let times, times.count > 0 else { return .null }
    return .members([
      ("p50", number(times.quantile(0.5))), ("p99", number(times.quantile(0.99))),
      ("p999", number(times.quantile(0.999))), ("max", number(times.maxSeconds)),
      ("mean", number(times.meanSeconds)), ("count", .integer(times.count)),
    ])
  }

  private static func verdict(_ verdict: Verdict) -> JSONValue {
    .members([
      ("name", .string(verdict.threshold.name)), ("limit", number(verdict.threshold.limit)),
      ("value", number(verdict.value)), ("holds", .bool(verdict.holds)),
    ])
  }
}

/// A measurement for people.
enum BenchText {
  /// Prints all figures.
  static func print(_ measurement: Measurement) {
    var lines = Properties()
    for row in FigureTable.rows(of: measurement) { lines.add(row.name, row.value) }
    lines.print()
    for note in notes(on: measurement) { Console.warn(note) }
  }

  /// What makes the figures less than they seem.
  private static func notes(on m: Measurement) -> [String] {
    var notes: [String] = []
    if m.seconds > 0, m.sinkSeconds.contains(where: { $0 / m.seconds > 0.95 }) {
      notes.append("a sink used a whole core and may be what limits; add one with --sinks")
    }
    if let slip = m.slip, slip.quantile(0.99) > 0.002 {
      notes.append("the publisher could not keep its schedule; latency includes its delay")
    }
    if let probe = m.syncProbe, probe.quantile(0.5) < 15e-6, m.journalSyncs ?? 0 > 0 {
      notes.append(
        "a sync takes \(FigureText.duration(probe.quantile(0.5))) there: the data seems to lie in"
          + " memory; --directory DIR names a place on a disk")
    }
    if let twice = m.twice, twice > 0 { notes.append("\(twice) deliveries came twice") }
    return notes
  }

  /// Writes the report.
  static func write(
    _ measurement: Measurement, _ verdicts: [Verdict], to path: String
  ) throws(Failure) {
    let time = RFC3339.text(UnixMilliseconds(Spans.nowMilliseconds()))
    let report = HTMLReport(
      measurement, verdicts: verdicts, title: "Fanfare \(programVersion) under load, \(time)")
    let bytes = Array(report.html.utf8)
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.failed, "cannot write \(Input.absolute(path)): \(SystemText.last())")
    }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      guard count > 0 else {
        throw Failure(.failed, "cannot write \(Input.absolute(path)): \(SystemText.last())")
      }
      rest = rest.dropFirst(count)
    }
  }
}
