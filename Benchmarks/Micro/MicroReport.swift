/// The results as people and as programs read them.
enum MicroReport {
  static func table(_ results: [MicroResult]) -> String {
    var lines = ["mechanism    ns an event      median  allocations  event"]
    for result in results {
      lines.append(
        [
          left(result.name, 10), right(fixed(result.nanosecondsBest), 14),
          right(fixed(result.nanosecondsMedian), 12), right("\(result.allocations)", 13),
          "  \(result.event)",
        ].joined())
    }
    return lines.joined(separator: "\n")
  }

  static func json(_ results: [MicroResult]) -> String {
    let members = results.map { result in
      """
        "\(result.name)": {"nanosecondsBest": \(fixed(result.nanosecondsBest)), \
      "nanosecondsMedian": \(fixed(result.nanosecondsMedian)), "events": \(result.events), \
      "allocations": \(result.allocations)}
      """
    }
    return "{\n\(members.joined(separator: ",\n"))\n}"
  }

  /// One decimal.
  private static func fixed(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
