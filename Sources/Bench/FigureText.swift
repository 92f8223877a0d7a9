internal import Wire

/// Figures as people read them: three digits that count.
package enum FigureText {
  /// `0.042`, `3.14`, `61.2`, `72,431`.
  package static func number(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    if size >= 1000 { return grouped(Int64(min(size, 9e18).rounded()), isNegative: value < 0) }
    let decimals = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
    return fixed(value, decimals)
  }

  /// A number with so many digits after the point.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    var factor = 1.0
    for _ in 0..<decimals { factor *= 10 }
    let scaled = Int64((abs(value) * factor).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if decimals == 0 { return "\(sign)\(scaled)" }
    let digits = "\(scaled % Int64(factor))"
    let padding = String(repeating: "0", count: decimals - digits.count)
    return "\(sign)\(scaled / Int64(factor)).\(padding)\(digits)"
  }

  /// `1.2 s`, `3.40 ms`, `180 µs`.
  package static func duration(_ seconds: Double) -> String {
    if seconds >= 1 { return "\(number(seconds)) s" }
    if seconds >= 1e-3 { return "\(number(seconds * 1e3)) ms" }
    return "\(number(seconds * 1e6)) µs"
  }

  /// A value in its unit.
  package static func text(_ value: Double, _ unit: Threshold.Unit) -> String {
    switch unit {
    case .seconds: duration(value)
    case .perSecond: "\(number(value))/s"
    case .microseconds: "\(number(value)) µs"
    case .bytes: Quantity.sizeText(UInt64(max(0, value)))
    }
  }

  private static func grouped(_ value: Int64, isNegative: Bool) -> String {
    var text = ""
    for (index, digit) in "\(value)".reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (isNegative ? "-" : "") + String(text.reversed())
  }
}
