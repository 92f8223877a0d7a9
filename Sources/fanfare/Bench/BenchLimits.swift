internal import Bench
internal import Wire

/// A threshold of the command line, and the figure that it is about.
struct BenchLimit {
  let threshold: Threshold
  let value: (Measurement) -> Double?
}

extension BenchThresholdOptions {
  /// The thresholds that were given, in the order of the help.
  ///
  /// - Throws: exit 64 for what is no time, no size or no number.
  func limits() throws(Failure) -> [BenchLimit] {
    var limits: [BenchLimit] = []
    let quantiles: [(String, String?, Double, Bool)] = [
      ("ack p50", maxAckP50, 0.5, false), ("ack p99", maxAckP99, 0.99, false),
      ("ack p99.9", maxAckP999, 0.999, false), ("lag p50", maxLagP50, 0.5, true),
      ("lag p99", maxLagP99, 0.99, true), ("lag p99.9", maxLagP999, 0.999, true),
    ]
    for (name, text, fraction, isLag) in quantiles {
      guard let text else { continue }
      let flag = "--max-\(name.filter { $0 != "." }.map { $0 == " " ? "-" : String($0) }.joined())"
      let limit = Threshold(name, .most, try Self.seconds(text, flag: flag), .seconds)
      limits.append(
        BenchLimit(threshold: limit) {
          isLag ? $0.lag?.quantile(fraction) : $0.acknowledgement.quantile(fraction)
        })
    }
    if let least = minDeliveriesPerSecond {
      limits.append(
        BenchLimit(threshold: Threshold("deliveries", .least, least, .perSecond)) {
          $0.deliveriesPerSecond
        })
    }
    if let least = minEventsPerSecond {
      limits.append(
        BenchLimit(threshold: Threshold("events", .least, least, .perSecond)) {
          $0.eventsPerSecond
        })
    }
    if let most = maxCpuMicros {
      limits.append(
        BenchLimit(threshold: Threshold("CPU a delivery", .most, most, .microseconds)) {
          $0.cpuMicrosPerDelivery
        })
    }
    if let most = maxRss {
      guard let bytes = Quantity.size(most) else {
        throw Failure(.usage, "--max-rss: '\(Console.clean(most))' is no size such as 200MiB")
      }
      limits.append(
        BenchLimit(threshold: Threshold("peak memory", .most, Double(bytes), .bytes)) {
          $0.peakBytes > 0 ? Double($0.peakBytes) : nil
        })
    }
    return limits
  }

  /// `500us`, `0.5ms`, `2s`: finer than the durations of the configuration.
  private static func seconds(_ text: String, flag: String) throws(Failure) -> Double {
    for (unit, factor) in [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)]
    where text.hasSuffix(unit) {
      guard let value = Double(text.dropLast(unit.count)), value >= 0, value.isFinite else { break }
      return value * factor
    }
    throw Failure(
      .usage, "\(flag): '\(Console.clean(text))' is no time such as 500us, 0.5ms or 2s")
  }
}
