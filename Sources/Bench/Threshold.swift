/// What a benchmark must reach, and whether it did.
package struct Threshold: Sendable, Equatable {
  /// Which side of the limit is good.
  package enum Side: Sendable {
    case most
    case least
  }

  /// How a value is written for people.
  package enum Unit: Sendable {
    case seconds
    case perSecond
    case microseconds
    case bytes
  }

  /// The figure, as the report names it.
  package let name: String
  package let side: Side
  package let limit: Double
  package let unit: Unit

  package init(_ name: String, _ side: Side, _ limit: Double, _ unit: Unit) {
    self.name = name
    self.side = side
    self.limit = limit
    self.unit = unit
  }

  /// Whether a value keeps it. What was not measured keeps nothing.
  package func holds(for value: Double?) -> Bool {
    guard let value else { return false }
    return side == .most ? value <= limit : value >= limit
  }

  /// `lag p99 was 61.2 ms, 22 % over the limit of 50 ms`.
  package func verdict(on value: Double?) -> String {
    let bound = "\(side == .most ? "limit" : "least") of \(FigureText.text(limit, unit))"
    guard let value else { return "\(name) was not measured, so it keeps no \(bound)" }
    let off = abs(value - limit) / limit * 100
    let far = limit > 0 ? "\(FigureText.number(off)) % " : ""
    let direction = side == .most ? "over" : "under"
    return "\(name) was \(FigureText.text(value, unit)), \(far)\(direction) the \(bound)"
  }
}

/// A threshold beside what was measured.
package struct Verdict: Sendable {
  package let threshold: Threshold
  package let value: Double?

  package init(_ threshold: Threshold, _ value: Double?) {
    self.threshold = threshold
    self.value = value
  }

  package var holds: Bool { threshold.holds(for: value) }
  package var text: String { threshold.verdict(on: value) }
}
