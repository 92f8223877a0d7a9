internal import Glibc

/// Values to places along an axis.
struct ChartScale {
  let low: Double
  let high: Double
  let start: Double
  let end: Double
  let isLogarithmic: Bool
  let ticks: [Double]

  init(_ values: [Double], axis: Chart.Axis, from start: Double, to end: Double) {
    self.start = start
    self.end = end
    isLogarithmic = axis.isLogarithmic
    let ticks: [Double]
    var low = values.min() ?? 0
    var high = values.max() ?? 1
    if isLogarithmic {
      low = pow(10, log10(max(low, 1e-9)).rounded(.down))
      high = max(pow(10, log10(max(high, 1e-9)).rounded(.up)), low * 10)
      ticks = axis.ticks.isEmpty ? Self.decades(low, high) : axis.ticks
    } else {
      if high <= low { high = low + 1 }
      let step = Self.step((high - low) / 5)
      if axis.ticks.isEmpty { high = (high / step).rounded(.up) * step }
      let count = Int(((high - low) / step + 1e-9).rounded(.down))
      let first = (low / step).rounded(.up)
      ticks =
        axis.ticks.isEmpty ? (0...max(0, count)).map { (first + Double($0)) * step } : axis.ticks
    }
    self.low = low
    self.high = high
    self.ticks = ticks.filter { $0 >= low - 1e-9 && $0 <= high * (1 + 1e-9) }
  }

  /// 1, 2 or 5 times a power of ten, at least `rough`.
  private static func step(_ rough: Double) -> Double {
    let power = pow(10, log10(rough).rounded(.down))
    for factor in [1.0, 2, 5] where factor * power >= rough { return factor * power }
    return 10 * power
  }

  private static func decades(_ low: Double, _ high: Double) -> [Double] {
    var ticks = [low]
    while let last = ticks.last, last < high * 0.999, ticks.count < 20 { ticks.append(last * 10) }
    return ticks
  }

  func place(_ value: Double) -> Double {
    let share =
      isLogarithmic
      ? (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
      : (value - low) / (high - low)
    return start + (end - start) * share
  }
}
