import Base
import Glibc
import Storage
import Testing

/// Goal: whatever a disk does to bytes at rest, nothing that is still whole is lost, nothing wrong
/// is handed out, the damage is named by position, and the broker starts by itself.
/// Method: logs with four kinds of past; one fault a trial, all from one seed; verify, restart,
/// read, restart. `FANFARE_CAMPAIGN_HOURS` runs it for long; `FANFARE_CAMPAIGN_FAULT` picks faults by a
/// part of their name, whose forms are gone through in turn: 65,536 `FANFARE_CAMPAIGN_ROUNDS` of "last
/// segment truncated" are every truncation of the last 64 KiB.
struct CorruptionCampaignTests {
  private struct Row {
    var trials = 0
    var events = 0
    var lost = 0
    var unnoticed: [UInt64] = []
    /// Unnoticed as well, but of a statement only.
    var harmless: [UInt64] = []
    /// What changed in the unnoticed ones.
    var details: [String] = []
    var failures: [String] = []
  }

  private static func text(_ name: String) -> String? {
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe String(cString: text)
  }

  private static func variable(_ name: String) -> Double? { text(name).flatMap(Double.init) }

  @Test func `damage is named, and costs nothing that is whole`() throws {
    let logs = try CampaignLog.Story.allCases.map { try CampaignLog($0) }
    let hours = Self.variable("FANFARE_CAMPAIGN_HOURS")
    let seed = UInt64(Self.variable("FANFARE_CAMPAIGN_SEED") ?? 1)
    let end = time(nil) + Int((hours ?? 0) * 3600)
    let chosen = Self.text("FANFARE_CAMPAIGN_FAULT")
    let faults = CampaignFault.allCases.filter { fault in
      chosen.map { fault.rawValue.contains($0) } ?? true
    }
    let isWhole = hours != nil || chosen != nil
    var rows: [CampaignFault: Row] = [:]
    var round = 0
    let roundsMin = Int(Self.variable("FANFARE_CAMPAIGN_ROUNDS") ?? 12)
    while round < roundsMin || time(nil) < end {
      for fault in faults {
        for (place, log) in logs.enumerated() {
          let number = seed &+ UInt64(round * 1000 + place * 100 + fault.index)
          try Self.run(
            fault, log, seed: number, form: isWhole ? round : nil, isThorough: hours != nil,
            &rows[fault, default: Row()])
        }
      }
      round += 1
    }
    if hours != nil || Self.variable("FANFARE_CAMPAIGN_ROUNDS") != nil { Self.print(rows, seed) }
    for fault in faults {
      let row = try #require(rows[fault])
      #expect(row.trials > 0, "\(fault.rawValue)")
      #expect(row.failures.isEmpty, "\(fault.rawValue)")
      #expect(row.details.isEmpty, "\(fault.rawValue)")
    }
  }

  /// Nothing else says then what stood in it: there is no other segment, and no checkpoint yet.
  @Test func `the only segment of a log that ends within its header is named`() throws {
    let log = try CampaignLog(.young)
    let path = try #require(log.segments.last)
    var row = Row()
    for size in 0..<64 {
      try Self.run(
        .truncatedLast, log, seed: 1, form: log.contentEnd(path) - 1 - size, isThorough: true, &row)
    }
    #expect(row.trials == 64)
    #expect(row.lost == 0)
    #expect(row.failures.isEmpty)
    #expect(row.details.isEmpty)
  }

  private static func run(
    _ fault: CampaignFault, _ log: CampaignLog, seed: UInt64, form: Int?, isThorough: Bool,
    _ row: inout Row
  ) throws {
    var random = SeededRandom(seed: seed)
    guard let files = fault.strike(log, &random, number: form),
      let trial = CampaignTrial(log, files, isThorough: isThorough)
    else { return }
    row.trials += 1
    row.events += trial.struck
    row.lost += trial.lost
    if !trial.isNoticed, trial.isHarmless {
      row.harmless.append(seed)
    } else if !trial.isNoticed {
      row.unnoticed.append(seed)
      row.details.append("\(log.story) seed \(seed): \(trial.changesText)")
    }
    if row.failures.count < 12 {
      row.failures += trial.failures.prefix(2).map { "\(log.story) seed \(seed): \($0)" }
    }
  }

  private static func print(_ rows: [CampaignFault: Row], _ seed: UInt64) {
    Swift.print("| Fault | Trials | Events struck | Lost | Unnoticed | Statement only | Seeds |")
    Swift.print("|---|---|---|---|---|---|---|")
    for fault in CampaignFault.allCases {
      guard let row = rows[fault] else { continue }
      let seeds = (row.unnoticed + row.harmless).prefix(5).map(String.init).joined(separator: " ")
      Swift.print(
        "| \(fault.rawValue) | \(row.trials) | \(row.events) | \(row.lost) | "
          + "\(row.unnoticed.count) | \(row.harmless.count) | \(seeds) |")
    }
    Swift.print("first seed \(seed)")
  }
}

extension CampaignFault {
  /// Its place among all.
  var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
