internal import ArgumentParser

/// How a request bin behaves, from the flags of `listen`.
struct RequestBinOptions: ParsableArguments {
  @Option(help: "Answer with this status.")
  var status = 204

  @Option(help: "Answer only after this long, such as 2s.")
  var delay: String?

  @Option(help: "Answer this share of the requests with 500, such as 0.1.")
  var failRate: Double?

  @Option(help: "Exit after this many requests.")
  var count: Int?

  mutating func validate() throws {
    guard (200...599).contains(status) else {
      throw ValidationError("--status must be between 200 and 599.")
    }
    if let failRate, !(0...1).contains(failRate) {
      throw ValidationError("--fail-rate must be between 0 and 1.")
    }
    if let count, count < 1 { throw ValidationError("--count must be at least 1.") }
  }
}

/// What a request bin answers.
struct BinBehaviour: Sendable {
  var status = 204
  var delayMilliseconds: UInt64 = 0
  /// Share of the requests that is answered 500.
  var failRate = 0.0

  init(_ options: RequestBinOptions) throws(Failure) {
    status = options.status
    failRate = options.failRate ?? 0
    if let delay = options.delay {
      delayMilliseconds = try Spans.duration(delay, flag: "--delay")
    }
  }

  /// The status for the next request.
  func nextStatus() -> Int {
    failRate > 0 && Double.random(in: 0..<1) < failRate ? 500 : status
  }
}
