internal import Base
internal import Bench
internal import Glibc
internal import Platform
internal import TLS

/// One benchmark from the first process started to the last one stopped.
struct BenchRun {
  let plan: BenchPlan
  let stop: BenchStop

  private static let tickMicroseconds: UInt32 = 20_000
  /// Outcomes of the last deliveries are on disk after this; they belong to the measurement.
  private static let settleMicroseconds: UInt32 = 150_000

  init(_ plan: BenchPlan, stop: BenchStop) {
    self.plan = plan
    self.stop = stop
  }

  /// Measures.
  ///
  /// - Throws: when there is nothing to show: no broker, no sink, no endpoint.
  func measure() throws(Failure) -> Measurement {
    let sinks = try BenchSinks.start(plan)
    defer { sinks.stop() }
    let broker = try BenchBroker.open(plan)
    defer { broker.close() }
    // Types and endpoints of one run are not those of another on the same broker.
    let run = String(SecureRandom.word() & 0xFF_FFFF, radix: 16)
    let supply = try supply(prefix: "bench.x\(run)")
    let probe = SyncProbe.run(
      in: broker.dataPath, pause: plan.phase.pace.map { Nanoseconds($0.offset(of: 1)) } ?? .zero)
    try register(broker, sinks, run: run)
    let publisher = try connect(broker, supply, sinks)
    try warmUp(publisher, broker, sinks)
    var measurement = try load(publisher, broker, sinks, prefix: "bench-\(run)-")
    measurement.syncProbe = probe
    measurement.settings = plan.settings
    measurement.settings.append(("mean size", "\(supply.meanBytes) B"))
    return measurement
  }

  private func supply(prefix: String) throws(Failure) -> EventSupply {
    guard let folder = plan.corpus else {
      return EventSupply(
        payloadBytes: plan.payloadBytes, typePrefix: prefix, fanOut: plan.fanOut)
    }
    do throws(EventSupply.CorpusError) {
      let supply = try EventSupply(corpus: folder, typePrefix: prefix, fanOut: plan.fanOut)
      if supply.skipped > 0 {
        Console.warn("--corpus: left out \(supply.skipped), not JSON of at most 1 MiB")
      }
      return supply
    } catch {
      throw Failure(.badData, "--corpus: \(error.text)")
    }
  }

  private func register(
    _ broker: BenchBroker, _ sinks: BenchSinks, run: String
  ) throws(Failure) {
    let count = max(1, plan.fanOut.endpoints)
    let inFlight = max(1, (plan.connections + count - 1) / count)
    for endpoint in 0..<plan.fanOut.endpoints {
      if stop.isSet { return }
      let types = plan.fanOut.groups(of: endpoint).map {
        EventSupply.type($0, prefix: "bench.x\(run)")
      }
      let url =
        plan.targets.isEmpty ? sinks.url(of: endpoint) : plan.targets[endpoint % plan.targets.count]
      try broker.add(
        .members([
          ("url", .string(url)), ("uid", .string("bench-\(run)-\(endpoint)")),
          ("eventTypes", .strings(types)), ("format", .string(plan.format)),
          ("maxInFlight", .integer(inFlight)),
          ("ca", plan.targets.isEmpty ? sinks.certificate(of: endpoint).map { .string($0) } : nil),
          ("description", .string("of 'fanfare bench'; goes when that ends")),
        ]))
    }
  }

  private func connect(
    _ broker: BenchBroker, _ supply: EventSupply, _ sinks: BenchSinks
  ) throws(Failure) -> Publisher {
    do throws(SystemError) {
      return try Publisher(
        path: broker.socketPath, connections: plan.publishers, pipeline: plan.pipeline,
        supply: supply, fanOut: plan.fanOut, boards: sinks.boards)
    } catch {
      throw Failure(.unreachable, "no broker listens: \(error.description)")
    }
  }

  /// Events that open connections and fill caches, and show that all endpoints get theirs.
  private func warmUp(
    _ publisher: Publisher, _ broker: BenchBroker, _ sinks: BenchSinks
  ) throws(Failure) {
    guard plan.warmUp > 0 else { return }
    var phase = Publisher.Phase(eventsMax: plan.warmUp)
    phase.isWarmUp = true
    let tally = publisher.start(phase)
    var lastChange = RealClock.monotonic
    var came: UInt64 = 0
    while true {
      usleep(2_000)
      let now = sinks.total(.warmUp)
      if now != came { (came, lastChange) = (now, RealClock.monotonic) }
      if let end = broker.end { throw Failure(.failed, end.text, next: end.log) }
      if stop.isSet { publisher.stop() }
      // Never left before: a publisher has one phase at a time.
      guard tally.isOver else { continue }
      if stop.isSet { return }
      if let text = tally.failure ?? tally.refusal {
        throw Failure(.failed, "publishing failed at once: \(Console.clean(text))")
      }
      if !plan.targets.isEmpty || came >= tally.deliveries.value { break }
      if RealClock.monotonic.since(lastChange).seconds > plan.giveUpSeconds {
        throw Failure(
          .failed,
          "of \(tally.deliveries.value) deliveries before the measurement only \(came) arrived",
          next: ["what is in the way?  fanfare spool --data DIR; --dev or --allow 127.0.0.1"])
      }
    }
    // Their outcomes are not to be counted either.
    usleep(Self.settleMicroseconds)
  }

  private func load(
    _ publisher: Publisher, _ broker: BenchBroker, _ sinks: BenchSinks, prefix: String
  ) throws(Failure) -> Measurement {
    let probe = broker.probe()
    let metrics = try broker.metrics()
    var watch = BenchWatch(plan: plan, sinks: sinks, probe: probe)
    let tally = publisher.start(plan.phase)
    var looks = BacklogLooks(prefix: prefix)
    while true {
      usleep(Self.tickMicroseconds)
      if !plan.targets.isEmpty { looks.look(broker, &watch, tally) }
      watch.tick(tally)
      if stop.isSet || broker.end != nil { publisher.stop() }
      guard tally.isOver else { continue }
      if stop.isSet || tally.failure != nil || broker.end != nil { break }
      if watch.hasAll(tally) || watch.hasGivenUp || looks.areOver { break }
    }
    usleep(Self.settleMicroseconds)
    var measurement = watch.end(tally)
    measurement.wasInterrupted = stop.isSet
    // What is on its way is not lost.
    if stop.isSet { measurement.lost = nil }
    if let end = broker.end {
      measurement.failure = ([end.text] + end.log).joined(separator: "\n  ")
    }
    if let after = try? broker.metrics() {
      measurement.journalWrites = after.growth("fanfare_journal_writes_total", since: metrics)
      measurement.journalSyncs = after.growth("fanfare_journal_syncs_total", since: metrics)
    }
    return measurement
  }
}

/// Where nobody else counts, the broker is asked what it still has: every fifth tick, for each
/// answer costs it something.
private struct BacklogLooks {
  let prefix: String
  private var ticks = 0
  private var empty = 0

  init(prefix: String) { self.prefix = prefix }

  /// Whether nothing is pending any more. Asked twice: what was acknowledged a moment ago may not
  /// be counted yet.
  var areOver: Bool { empty >= 2 }

  mutating func look(_ broker: BenchBroker, _ watch: inout BenchWatch, _ tally: PublishTally) {
    ticks += 1
    guard ticks % 5 == 0 else { return }
    let isOver = tally.isOver
    let promised = tally.deliveries.value
    guard let backlog = try? broker.backlog(prefix: prefix) else { return }
    empty = isOver && backlog.depth == 0 ? empty + 1 : 0
    watch.progress(promised: promised, missing: backlog.depth + backlog.dead)
  }
}
