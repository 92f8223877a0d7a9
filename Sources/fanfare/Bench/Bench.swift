internal import ArgumentParser
internal import Bench
internal import Glibc

/// `fanfare bench`: load on a real broker, delivered to real endpoints.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure a broker under load: throughput, latency, CPU, memory.",
    discussion: """
      Starts a broker and endpoints of its own, publishes, and checks that every
      delivery arrives once. Latency counts from the moment an event was to be sent.

      Examples:
        fanfare bench
        fanfare bench --rate 2000/s --duration 30s --html report.html
        fanfare bench --events 100000 --endpoints 64 --fan-out 16 --json
        fanfare bench --corpus events/
        fanfare bench --idle-endpoints 100000
        fanfare bench --data /var/lib/fanfare --rate 100/s \\
          --target https://ci.example.com/hook
        fanfare bench --rate 1000/s --max-lag-p99 50ms --max-cpu-micros 20

      Exit codes: 99 when a threshold is missed, 1 when something acknowledged did
      not arrive.
      """)

  @OptionGroup(title: "Load") var load: BenchLoadOptions
  @OptionGroup(title: "Broker") var broker: BenchBrokerOptions
  @OptionGroup(title: "Thresholds") var thresholds: BenchThresholdOptions

  @Option(help: ArgumentHelp("Write a report with plots, one HTML file.", valueName: "file"))
  var html: String?

  @OptionGroup var output: OutputOptions

  func run() throws {
    let plan = try BenchPlan(load, broker)
    let limits = try thresholds.limits()
    let stop = BenchStop()
    let measurement = try BenchRun(plan, stop: stop).measure()
    let verdicts = limits.map { Verdict($0.threshold, $0.value(measurement)) }
    if output.json {
      BenchJSON.value(measurement, verdicts).print()
    } else {
      BenchText.print(measurement)
    }
    if let html { try BenchText.write(measurement, verdicts, to: html) }
    try conclude(measurement, verdicts)
  }

  /// The exit code, and why it is not 0.
  private func conclude(_ measurement: Measurement, _ verdicts: [Verdict]) throws {
    if let failure = measurement.failure {
      throw Failure(.failed, failure, next: measurement.refusal.map { ["it said: \($0)"] } ?? [])
    }
    if measurement.wasInterrupted {
      Console.talk("interrupted; the figures are of the part that was measured")
      throw ExitCode(128 + SIGINT)
    }
    if measurement.events == 0 { throw Failure(.failed, "no event was acknowledged") }
    if let lost = measurement.lost, lost > 0 {
      throw Failure(.failed, "\(lost) deliveries of acknowledged events did not arrive")
    }
    for verdict in verdicts where !verdict.holds { Console.talk("missed: \(verdict.text)") }
    if verdicts.contains(where: { !$0.holds }) {
      throw ExitCode(Failure.Code.thresholdMissed.rawValue)
    }
  }
}

/// What is published, and to whom.
struct BenchLoadOptions: ParsableArguments {
  @Option(help: "Events to publish; without it --duration decides.") var events: Int?
  @Option(help: "How long to publish (10s).") var duration: String?
  @Option(
    help: """
      Publish on a fixed schedule such as 2000/s, however slow the answers; otherwise at full speed.
      """)
  var rate: String?
  @Option(help: ArgumentHelp("Publish the JSON files of a folder.", valueName: "dir"))
  var corpus: String?
  @Option(help: "Size of generated events (512B).") var payload: String?
  @Option(help: "Endpoints (16); 0 measures publishing alone.") var endpoints: Int?
  @Option(help: "Endpoints that each event goes to (all, at most 16).") var fanOut: Int?
  @Option(help: "Endpoints registered beside them that get nothing (0).") var idleEndpoints = 0
  @Option(
    help: ArgumentHelp(
      "Deliver to this URL instead of endpoints of its own; repeats. Lag is not measured then.",
      valueName: "url"))
  var target: [String] = []
  @Flag(inversion: .prefixedNo, help: "Deliver over HTTPS (yes).") var tls = true
  @Option(help: "Connections for deliveries (64).") var connections = 64
  @Option(help: "Format of the deliveries: standard or raw.") var format = "standard"
  @Option(help: "Processes that receive.") var sinks = 1
  @Option(help: "Connections that publish.") var publishers = 4
  @Option(help: "Unanswered events of each connection that publishes, at most.") var pipeline = 64
  @Option(
    help: """
      At full speed: wait while so many deliveries are on their way (32 a connection); 0 never \
      waits.
      """)
  var pending: Int?
  @Option(help: "Events before the measurement, which do not count.") var warmUp = 1000
  @Option(help: "Give up when nothing arrived for so long.") var giveUp = "30s"
}

/// Which broker is measured.
struct BenchBrokerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Data directory of a running broker to measure; otherwise one is started.", valueName: "dir"))
  var data: String?
  @Option(help: "Socket of that broker (fanfare.sock in its data directory).") var socket: String?
  @Option(
    help: ArgumentHelp(
      "Where the started broker keeps its data meanwhile (TMPDIR, else /var/tmp).",
      valueName: "dir"))
  var directory: String?
  @Option(help: "The started broker acknowledges after: fsync, or os (fsync).")
  var durability: String?
  @Option(help: "Delivery threads of the started broker (1).") var reactors: Int?
}

/// What must be reached.
struct BenchThresholdOptions: ParsableArguments {
  @Option(help: "Longest median acknowledgement, such as 500us or 2ms.") var maxAckP50: String?
  @Option(help: "Longest 99th percentile of acknowledgements.") var maxAckP99: String?
  @Option(help: "Longest 99.9th percentile of acknowledgements.") var maxAckP999: String?
  @Option(help: "Longest median delivery lag.") var maxLagP50: String?
  @Option(help: "Longest 99th percentile of the delivery lag.") var maxLagP99: String?
  @Option(help: "Longest 99.9th percentile of the delivery lag.") var maxLagP999: String?
  @Option(help: "Fewest deliveries a second.") var minDeliveriesPerSecond: Double?
  @Option(help: "Fewest acknowledged events a second.") var minEventsPerSecond: Double?
  @Option(help: "Most microseconds of the broker's CPU a delivery.") var maxCpuMicros: Double?
  @Option(help: "Most memory of the broker, such as 200MiB.") var maxRss: String?
}
