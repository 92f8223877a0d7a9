internal import Base
internal import Bench
internal import Glibc
internal import Platform

/// Watches a benchmark: its points in time, the line at the terminal, and what it came to.
struct BenchWatch {
  private let plan: BenchPlan
  private let sinks: BenchSinks
  private let probe: ProcessProbe?
  private let before: ProcessSample?
  private let residentBefore: UInt64
  private let sinksBefore: [UInt64]
  private let ownBefore: UInt64
  private let own = ProcessProbe(id: getpid())
  private let start = RealClock.monotonic
  private var timeline = Timeline()
  private var shown: Timeline.Point
  private var lastChange = RealClock.monotonic
  private var lastCount: UInt64 = 0
  private var delivered: UInt64 = 0
  private static let progressSeconds = 0.2
  private let showsProgress = Console.Stream.standardError.isTerminal

  /// Takes the first samples.
  init(plan: BenchPlan, sinks: BenchSinks, probe: ProcessProbe?) {
    self.plan = plan
    self.sinks = sinks
    self.probe = probe
    before = probe?.sample()
    sinksBefore = sinks.all.map { ProcessProbe(id: $0.process.id).cpuNanoseconds }
    ownBefore = own.cpuNanoseconds
    shown = Timeline.Point(
      seconds: 0, acknowledged: 0, delivered: 0, depth: 0, cpuSeconds: 0,
      residentBytes: probe?.residentBytes ?? 0)
    residentBefore = shown.residentBytes
    timeline.add(shown)
  }

  /// Takes a point of the timeline, and shows it.
  mutating func tick(_ tally: PublishTally) {
    if plan.targets.isEmpty { note(delivered: sinks.total(.received)) }
    let point = point(tally, at: RealClock.monotonic)
    timeline.add(point)
    guard showsProgress, point.seconds - shown.seconds >= Self.progressSeconds else { return }
    show(point, after: shown)
    shown = point
  }

  /// Notes what the broker itself says, where nobody else counts.
  mutating func progress(promised: UInt64, missing: UInt64) {
    note(delivered: promised.subtractingOrZero(missing))
  }

  private mutating func note(delivered count: UInt64) {
    delivered = count
    guard count != lastCount else { return }
    lastCount = count
    lastChange = RealClock.monotonic
  }

  /// Whether every delivery that was promised has come.
  func hasAll(_ tally: PublishTally) -> Bool {
    plan.targets.isEmpty && delivered >= tally.deliveries.value
  }

  /// Whether nothing has come for too long.
  var hasGivenUp: Bool {
    RealClock.monotonic.since(lastChange).seconds > plan.giveUpSeconds
  }

  private func point(_ tally: PublishTally, at now: Instant) -> Timeline.Point {
    let promised = tally.deliveries.value
    let used = (probe?.cpuNanoseconds ?? 0).subtractingOrZero(before?.cpuNanoseconds ?? 0)
    return Timeline.Point(
      seconds: now.since(start).seconds, acknowledged: tally.acknowledged.value,
      delivered: delivered, depth: promised.subtractingOrZero(delivered),
      cpuSeconds: Double(used) / 1e9, residentBytes: probe?.residentBytes ?? 0)
  }

  private func show(_ point: Timeline.Point, after last: Timeline.Point) {
    let span = point.seconds - last.seconds
    let rate = { (now: UInt64, then: UInt64) in
      FigureText.number((Double(now) - Double(then)) / span)
    }
    let line = """
      \(FigureText.fixed(point.seconds, 1)) s  \
      acknowledged \(point.acknowledged) (\(rate(point.acknowledged, last.acknowledged))/s)  \
      delivered \(point.delivered) (\(rate(point.delivered, last.delivered))/s)  \
      pending \(point.depth)  \
      \(FigureText.text(Double(point.residentBytes), .bytes))
      """
    Console.write("\r\u{1B}[K\(line)", to: .standardError)
  }

  /// Takes the last samples, and puts all together.
  mutating func end(_ tally: PublishTally) -> Measurement {
    if showsProgress { Console.write("\r\u{1B}[K", to: .standardError) }
    var m = Measurement()
    let after = probe?.sample()
    if let before, let after {
      m.use = ProcessUse(from: before, to: after)
      m.peakBytes = after.peakBytes
      m.residentBytes = residentBefore
    }
    m.sinkSeconds = zip(sinks.all, sinksBefore).map { sink, old in
      Double(ProcessProbe(id: sink.process.id).cpuNanoseconds - old) / 1e9
    }
    m.publisherSeconds = Double(own.cpuNanoseconds - ownBefore) / 1e9
    publishing(tally, &m)
    delivering(tally, &m)
    var last = point(tally, at: RealClock.monotonic)
    last.seconds = max(m.seconds, m.publishSeconds)
    last.delivered = m.deliveries
    timeline.end(last)
    m.timeline = timeline
    return m
  }

  private func publishing(_ tally: PublishTally, _ m: inout Measurement) {
    m.events = tally.acknowledged.value
    m.promised = tally.deliveries.value
    m.refused = tally.refused.value
    m.refusal = tally.refusal.map { Console.clean($0) }
    m.failure = tally.failure
    m.unanswered = UInt64(tally.unacknowledged.count).subtractingOrZero(m.refused)
    m.publishSeconds = span(tally, to: tally.lastTime.value)
    m.acknowledgement = tally.acknowledgement.snapshot()
    if plan.phase.pace != nil { m.slip = tally.slip.snapshot() }
  }

  private func span(_ tally: PublishTally, to end: UInt64) -> Double {
    Instant(nanoseconds: end).since(Instant(nanoseconds: tally.startTime.value)).seconds
  }

  private func delivering(_ tally: PublishTally, _ m: inout Measurement) {
    guard plan.targets.isEmpty else {
      m.deliveries = delivered
      m.lost = m.promised.subtractingOrZero(delivered)
      m.seconds = max(m.publishSeconds, lastChange.since(start).seconds)
      return
    }
    m.deliveries = sinks.total(.received)
    m.twice = sinks.total(.again)
    m.strange = sinks.total(.strange)
    m.seconds = sinks.all.map { span(tally, to: $0.board.value(.lastTime)) }.max() ?? 0
    var lag = Latencies()
    for sink in sinks.all { lag.merge(sink.board.lag.snapshot()) }
    m.lag = lag
    // What came of events that were not acknowledged proves nothing for those that were.
    let width = UInt64(plan.fanOut.fanOut)
    let beside = tally.unacknowledged.reduce(UInt64(0)) { sum, number in
      let range = number * width..<(number + 1) * width
      return sum + sinks.boards.reduce(0) { $0 + $1.received(range) }
    }
    m.lost = m.promised.subtractingOrZero(m.deliveries.subtractingOrZero(beside))
  }
}

extension UInt64 {
  /// The difference, or 0 when it would be below: counters of two processes are read one after
  /// the other.
  fileprivate func subtractingOrZero(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
