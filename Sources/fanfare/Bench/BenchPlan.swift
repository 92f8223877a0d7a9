internal import Base
internal import Bench
internal import Wire

/// What a benchmark is to do, checked.
struct BenchPlan {
  /// The broker: one of its own, or a running one by its data directory.
  enum Place {
    case own(directory: String)
    case running(directory: String, socket: String)
  }

  let place: Place
  let fanOut: FanOut
  /// URLs to deliver to; none means sinks of its own.
  let targets: [String]
  /// Endpoints that are registered beside those that get events.
  let idleEndpoints: Int
  let usesTLS: Bool
  let connections: Int
  let format: String
  let sinks: Int
  let durability: String
  let reactors: Int
  let publishers: Int
  let pipeline: Int
  let warmUp: UInt64
  let giveUpSeconds: Double
  let corpus: String?
  let payloadBytes: Int
  let phase: Publisher.Phase
  /// What was asked for, for the report.
  let settings: [(name: String, value: String)]

  /// - Throws: exit 64 with what is allowed.
  init(_ load: BenchLoadOptions, _ broker: BenchBrokerOptions) throws(Failure) {
    place = try Self.place(broker)
    targets = load.target
    try Self.check(targets, load)
    let endpoints = load.endpoints ?? (targets.isEmpty ? 16 : targets.count)
    let wanted = load.fanOut ?? min(endpoints, 16)
    guard let fanOut = FanOut(endpoints: endpoints, fanOut: wanted) else {
      throw Failure(
        .usage,
        "--fan-out \(wanted) and --endpoints \(endpoints): an event goes to 1 endpoint at"
          + " least and to all of them at most; endpoints are 1,000,000 at most, or 0")
    }
    self.fanOut = fanOut
    idleEndpoints = try Self.whole(load.idleEndpoints, "--idle-endpoints", 0...BenchIdle.countMax)
    if idleEndpoints > 0, broker.data != nil {
      throw Failure(
        .usage, "--idle-endpoints is for a broker that is started; --data names a running one")
    }
    usesTLS = targets.isEmpty && load.tls
    connections = try Self.whole(load.connections, "--connections", 1...60_000)
    guard ["standard", "raw"].contains(load.format) else {
      throw Failure(.usage, "--format: '\(Console.clean(load.format))' is neither standard nor raw")
    }
    format = load.format
    sinks = try Self.whole(load.sinks, "--sinks", 1...64)
    durability = broker.durability ?? "fsync"
    reactors = try Self.whole(broker.reactors ?? 1, "--reactors", 1...64)
    publishers = try Self.whole(load.publishers, "--publishers", 1...4096)
    pipeline = try Self.whole(load.pipeline, "--pipeline", 1...4096)
    warmUp = UInt64(try Self.whole(load.warmUp, "--warm-up", 0...1_000_000))
    giveUpSeconds = Double(try Spans.duration(load.giveUp, flag: "--give-up")) / 1000
    corpus = load.corpus
    payloadBytes = try Self.payload(load)
    phase = try Self.phase(load, fanOut)
    settings = Self.settings(load, broker, fanOut, tls: usesTLS)
  }

  /// Deliveries that a sink's memory has room for.
  var deliveriesMax: UInt64 { phase.eventsMax * UInt64(fanOut.fanOut) }

  private static func place(_ broker: BenchBrokerOptions) throws(Failure) -> Place {
    guard let data = broker.data else {
      if broker.socket != nil {
        throw Failure(.usage, "--socket is that of a running broker: give its --data too")
      }
      let directory = broker.directory ?? Environment.value("TMPDIR") ?? "/var/tmp"
      return .own(directory: Input.absolute(directory.isEmpty ? "/var/tmp" : directory))
    }
    for (name, isGiven) in [
      ("--durability", broker.durability != nil), ("--reactors", broker.reactors != nil),
      ("--directory", broker.directory != nil),
    ] where isGiven {
      throw Failure(.usage, "\(name) is for a broker that is started; --data names a running one")
    }
    let directory = Input.absolute(data)
    return .running(
      directory: directory,
      socket: broker.socket.map { Input.absolute($0) } ?? "\(directory)/fanfare.sock")
  }

  private static func check(_ targets: [String], _ load: BenchLoadOptions) throws(Failure) {
    for target in targets {
      do { _ = try URLTarget(parsing: target) } catch {
        throw Failure(.usage, "--target: '\(Console.clean(target))': \(error.text)")
      }
    }
  }

  private static func whole(
    _ value: Int, _ flag: String, _ range: ClosedRange<Int>
  ) throws(Failure) -> Int {
    guard range.contains(value) else {
      throw Failure(
        .usage, "\(flag): \(value) is not from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private static func payload(_ load: BenchLoadOptions) throws(Failure) -> Int {
    guard let text = load.payload else { return 512 }
    if load.corpus != nil {
      throw Failure(.usage, "--payload is the size of generated events; --corpus has its own")
    }
    let range = EventSupply.payloadBytesMin...EventSupply.payloadBytesMax
    guard let bytes = Quantity.size(text).flatMap({ Int(exactly: $0) }), range.contains(bytes)
    else {
      throw Failure(
        .usage,
        "--payload: '\(Console.clean(text))' is no size from \(range.lowerBound) bytes"
          + " to 1MiB")
    }
    return bytes
  }

  private static func phase(
    _ load: BenchLoadOptions, _ fanOut: FanOut
  ) throws(Failure) -> Publisher.Phase {
    let most = Board.deliveriesMax / UInt64(max(1, fanOut.fanOut))
    var phase = Publisher.Phase(eventsMax: most)
    if let events = load.events {
      guard events > 0, UInt64(events) <= most else {
        throw Failure(.usage, "--events: \(events) is not from 1 to \(most) at this fan-out")
      }
      phase.eventsMax = UInt64(events)
    }
    if load.events == nil || load.duration != nil {
      let text = load.duration ?? "10s"
      let milliseconds = try Spans.duration(text, flag: "--duration")
      guard milliseconds > 0 else { throw Failure(.usage, "--duration: 0 measures nothing") }
      phase.duration = .milliseconds(milliseconds)
    }
    if let text = load.rate {
      guard let rate = Quantity.rate(text) else {
        throw Failure(
          .usage, "--rate: '\(Console.clean(text))' is no rate such as 2000/s or 600/m")
      }
      phase.pace = Pace(perSecond: rate.perSecond)
      if let duration = phase.duration {
        let scheduled = UInt64((rate.perSecond * duration.seconds).rounded(.up))
        phase.eventsMax = min(phase.eventsMax, max(1, scheduled))
      }
    } else if pending(load) > 0, fanOut.fanOut > 0 {
      phase.pendingMax = UInt64(pending(load))
    }
    return phase
  }

  /// By default enough to keep every connection busy, and few enough that lanes follow the log's
  /// head: more measures how a backlog is worked off.
  private static func pending(_ load: BenchLoadOptions) -> Int {
    load.pending ?? 32 * load.connections
  }

  private static func settings(
    _ load: BenchLoadOptions, _ broker: BenchBrokerOptions, _ fanOut: FanOut, tls: Bool
  ) -> [(name: String, value: String)] {
    var settings: [(name: String, value: String)] = [
      ("broker", broker.data.map { "running on \($0)" } ?? "started for it"),
      ("endpoints", "\(fanOut.endpoints)"), ("fan-out", "\(fanOut.fanOut)"),
      ("rate", load.rate ?? "full speed, \(pending(load)) deliveries pending at most"),
      ("data", load.corpus.map { "corpus \($0)" } ?? load.payload ?? "512 B, generated"),
      ("delivered to", load.target.isEmpty ? "its own sink" : load.target.joined(separator: ", ")),
      ("TLS", tls ? "yes" : load.target.isEmpty ? "no" : "as the URLs say"),
      ("connections", "\(load.connections)"), ("format", load.format),
      ("publishers", "\(load.publishers), \(load.pipeline) unanswered events each"),
    ]
    if load.idleEndpoints > 0 { settings.append(("idle endpoints", "\(load.idleEndpoints)")) }
    if broker.data == nil {
      settings.append(("durability", broker.durability ?? "fsync"))
      settings.append(("reactors", "\(broker.reactors ?? 1)"))
    }
    return settings
  }
}
