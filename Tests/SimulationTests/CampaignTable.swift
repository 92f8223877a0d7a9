internal import Glibc
internal import Testing

/// How much of a campaign is to be run, by the environment.
struct CampaignLimits {
  private let start = ContinuousClock.now
  private let seconds: Int?
  private let seedsAsked: ClosedRange<UInt64>?

  init() {
    seconds = Self.variable("FANFARE_CAMPAIGN_SECONDS").flatMap { Int($0) }
    seedsAsked = Self.variable("FANFARE_CAMPAIGN_SEEDS").flatMap(Self.range)
  }

  private static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  /// "7" or "1-500".
  private static func range(_ text: String) -> ClosedRange<UInt64>? {
    let bounds = text.split(separator: "-").compactMap { UInt64($0) }
    guard let first = bounds.first, let last = bounds.last, first <= last else { return nil }
    return first...last
  }

  /// Whether more than a sample is asked for.
  var isLong: Bool { seconds != nil || seedsAsked != nil }

  /// Histories of which every call is made to fail.
  var scripts: ClosedRange<UInt64> { seedsAsked ?? (seconds == nil ? 1...1 : 1...1_000_000) }

  /// Random histories.
  var seeds: ClosedRange<UInt64> { seedsAsked ?? (seconds == nil ? 1001...1006 : 1...1_000_000) }

  /// Whether a part of the campaign has used up its time.
  var isOver: Bool {
    guard let seconds else { return false }
    return ContinuousClock.now - start > .seconds(seconds)
  }
}

/// What a campaign found, a row for each kind of fault.
struct CampaignTable {
  private struct Row {
    var fault: String
    var trials = 0
    var lost = 0
    var unnoticed = 0
    var seeds: ClosedRange<UInt64>
  }

  private var rows: [Row] = []
  private var told: [String: Int] = [:]
  /// Findings of one kind that are told in full.
  private static let toldMax = 3

  /// Counts a trial and reports what was wrong.
  mutating func add(_ fault: String, seed: UInt64, _ result: FaultResult, name: () -> String) {
    let index = rows.firstIndex { $0.fault == fault } ?? rows.count
    if index == rows.count { rows.append(Row(fault: fault, seeds: seed...seed)) }
    rows[index].trials += 1
    rows[index].lost += result.lost
    rows[index].unnoticed += result.unnoticed.isEmpty ? 0 : 1
    let seeds = rows[index].seeds
    rows[index].seeds = min(seeds.lowerBound, seed)...max(seeds.upperBound, seed)
    var problems = result.problems
    if let first = result.unnoticed.first { problems.append("nothing was said of \(first)") }
    if problems.isEmpty { return }
    told[fault, default: 0] += 1
    if told[fault, default: 0] > Self.toldMax { return }
    for problem in problems.prefix(3) { Issue.record("\(name()): \(problem)") }
    print(result.recoveries.joined(separator: "\n"))
  }

  /// Prints the rows.
  func report() {
    for row in rows {
      print(
        "campaign: fault=\(row.fault), trials=\(row.trials), lost=\(row.lost), "
          + "unnoticed=\(row.unnoticed), seeds=\(row.seeds.lowerBound)-\(row.seeds.upperBound)")
    }
  }
}
