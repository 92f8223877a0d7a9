package import Base

/// Writes the Prometheus text format: families in order, labels escaped.
///
/// > Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
package struct PrometheusText {
  package private(set) var text = ""

  /// What a family counts as.
  package enum Kind: String {
    case counter, gauge, histogram
  }

  /// An empty text.
  package init() {}

  /// Begins a family.
  package mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// One sample.
  package mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
    }
    text += " \(Self.number(value))\n"
  }

  /// A family of one sample.
  package mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
    family(name, kind, help)
    sample(name, [], value)
  }

  /// A histogram merged from those of several threads, on fixed bounds from 100 µs to 60 s.
  package mutating func histogram(_ name: String, _ help: String, _ parts: [Histogram]) {
    family(name, .histogram, help)
    var counts = [UInt64](repeating: 0, count: Histogram.bucketCount)
    var sum = 0.0
    for part in parts {
      let snapshot = part.snapshot()
      for index in counts.indices { counts[index] += snapshot.counts[index] }
      sum += snapshot.sumSeconds
    }
    var total: UInt64 = 0
    var next = 0
    for bound in Self.bounds {
      while next < counts.count, Histogram.upperBound(next) <= bound * 1.000001 {
        total += counts[next]
        next += 1
      }
      sample(name + "_bucket", [("le", Self.number(bound))], Double(total))
    }
    total += counts[next...].reduce(0, +)
    sample(name + "_bucket", [("le", "+Inf")], Double(total))
    sample(name + "_sum", [], sum)
    sample(name + "_count", [], Double(total))
  }

  private static let bounds: [Double] = [
    0.000_128, 0.000_256, 0.000_512, 0.001_024, 0.002_048, 0.004_096, 0.008_192, 0.016_384,
    0.032_768, 0.065_536, 0.131_072, 0.262_144, 0.524_288, 1.048_576, 2.097_152, 4.194_304,
    8.388_608, 16.777_216, 67.108_864,
  ]

  private static func escaped(_ value: String) -> String {
    var result = ""
    for character in value {
      switch character {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.append(character)
      }
    }
    return result
  }

  private static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return String(value)
  }
}
