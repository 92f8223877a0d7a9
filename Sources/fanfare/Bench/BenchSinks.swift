internal import ArgumentParser
internal import Bench
internal import Glibc
internal import Platform
internal import TLS

/// The processes that receive the deliveries of a benchmark.
struct BenchSinks {
  struct Sink {
    let process: ChildProcess
    let board: Board
    let port: UInt16
    /// PEM text, when it speaks TLS.
    let certificate: String?
  }

  private(set) var all: [Sink] = []

  /// Starts them, and returns when each of them listens.
  static func start(_ plan: BenchPlan) throws(Failure) -> BenchSinks {
    var sinks = BenchSinks()
    guard plan.targets.isEmpty else { return sinks }
    do throws(SystemError) {
      for _ in 0..<plan.sinks { sinks.all.append(try start(plan)) }
    } catch {
      sinks.stop()
      throw Failure(.internalFault, "the sink did not start: \(error.description)")
    }
    return sinks
  }

  private static func start(_ plan: BenchPlan) throws(SystemError) -> Sink {
    let board = try Board.make(deliveries: plan.deliveriesMax)
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { throw SystemError(code: errno, operation: "pipe") }
    defer { _ = close(ends[0]) }
    // An end that the sink inherited beside its stdout would keep the pipe open for good.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let process = try spawn(plan, board, output: ends[1])
    let words = said(ends[0])
    let lines = words.split(separator: "\n", maxSplits: 1)
    guard let port = lines.first.flatMap({ UInt16($0) }) else {
      process.stop(within: 100)
      throw SystemError(code: EPROTO, operation: "the sink's first word")
    }
    return Sink(
      process: process, board: board, port: port,
      certificate: plan.usesTLS ? lines.last.map { String($0) } : nil)
  }

  /// - Parameter output: what becomes its stdout; closed here.
  private static func spawn(
    _ plan: BenchPlan, _ board: Board, output: Int32
  ) throws(SystemError) -> ChildProcess {
    defer { _ = close(output) }
    return try ChildProcess(
      program: "/proc/self/exe",
      arguments: [
        "fanfare", "bench-sink", "--endpoints", "\(plan.fanOut.endpoints)", "--fan-out",
        "\(plan.fanOut.fanOut)", "--deliveries", "\(plan.deliveriesMax)",
      ] + (plan.usesTLS ? ["--tls"] : []),
      environment: [], output: output, errors: 2, inherited: [board.memory.descriptor])
  }

  /// Everything that it says, up to the end: it closes its stdout when it listens.
  private static func said(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe read(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  var boards: [Board] { all.map(\.board) }

  /// The URL of an endpoint.
  func url(of endpoint: Int) -> String {
    let sink = all[endpoint % all.count]
    return "\(sink.certificate == nil ? "http" : "https")://127.0.0.1:\(sink.port)/e\(endpoint)"
  }

  /// Whom to trust for it.
  func certificate(of endpoint: Int) -> String? { all[endpoint % all.count].certificate }

  /// The sum of a counter over all sinks.
  func total(_ cell: Board.Cell) -> UInt64 { all.reduce(0) { $0 + $1.board.value(cell) } }

  func stop() { for sink in all { sink.process.stop(within: 0) } }
}

/// `fanfare bench-sink`: what `bench` runs to receive; says its port and its certificate.
struct BenchSinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-sink", abstract: "Receive for a benchmark.", shouldDisplay: false)

  @Option var endpoints: Int
  @Option var fanOut: Int
  @Option var deliveries: UInt64
  @Flag var tls = false

  /// Where the parent process has put the board.
  private static let boardDescriptor: Int32 = 3

  func run() throws {
    ProcessSetup.dieWithParent(SIGKILL)
    _ = ProcessSetup.raiseDescriptorLimit()
    guard let fanOut = FanOut(endpoints: endpoints, fanOut: fanOut) else {
      throw Failure(.usage, "bench-sink: no such fan-out")
    }
    let identity = tls ? try SelfSignedCertificate.make(hosts: ["127.0.0.1"]) : nil
    let server = try identity.map {
      try TLSServer(certificatePEM: $0.certificatePEM, keyPEM: $0.keyPEM)
    }
    let board = try Board(inherited: Self.boardDescriptor, deliveries: deliveries)
    let sink = try Sink(fanOut: fanOut, board: board, server: server)
    Console.print("\(sink.port)\n\(identity?.certificatePEM ?? "")")
    close(1)
    sink.run()
  }
}
