internal import Base

/// When each event of an open loop is to be sent: at its place in a fixed schedule, however late
/// the ones before it were. Latency counted from there leaves out nothing that a user would feel.
///
/// > Source: G. Tene, "How NOT to Measure Latency" (coordinated omission).
package struct Pace: Sendable, BitwiseCopyable {
  /// Events a second.
  package let perSecond: Double

  /// - Parameter perSecond: more than 0.
  package init(perSecond: Double) {
    require(perSecond > 0, "a pace of nothing")
    self.perSecond = perSecond
  }

  /// Nanoseconds from the start to when event `number` is to be sent; the first one is 0.
  package func offset(of number: UInt64) -> UInt64 {
    UInt64((Double(number) * 1e9 / perSecond).rounded())
  }

  /// Events that are to be sent until so many nanoseconds after the start.
  package func due(after nanoseconds: UInt64) -> UInt64 {
    var count = UInt64(Double(nanoseconds) * perSecond / 1e9) + 1
    // Rounding may be off by one; the schedule of `offset` decides.
    while count > 0, offset(of: count - 1) > nanoseconds { count -= 1 }
    while offset(of: count) <= nanoseconds { count += 1 }
    return count
  }
}
