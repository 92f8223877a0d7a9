internal import Simulation

/// One disk fault in an otherwise fixed history: which call fails, how, and what ends the life that
/// it struck.
struct FaultTrial {
  /// In which manner a call fails.
  enum Manner: String, CaseIterable {
    case once
    case forEver = "for ever"
    /// Few bytes are written; the rest goes well.
    case short
    /// Few bytes at every write from then on.
    case shortForEver = "short for ever"
    /// Few bytes are written, and the write of the rest fails.
    case shortThenFails = "short, then fails"

    /// Whether only a write can fail so.
    var isShort: Bool { self != .once && self != .forEver }
  }

  var operation: DiskOperation
  /// Which call of its kind; 1 is the first of all.
  var number: Int
  var manner: Manner
  /// The errno.
  var code: Int32
  /// What follows when the broker ends itself, and what ends the second life in any case.
  var ending: Scenario.Ending
  /// What power cuts leave.
  var seed: UInt64

  private static let eio: Int32 = 5
  private static let enospc: Int32 = 28

  /// Trials of one row in the table have this in common.
  var fault: String {
    let fails = manner != .short && manner != .shortForEver
    let errno = !fails ? "" : code == Self.eio ? " EIO" : " ENOSPC"
    return "\(operation.rawValue) \(manner.rawValue)\(errno)"
  }

  /// Enough to play it again.
  var name: String { "\(fault), call \(number), then \(ending.rawValue), seed \(seed)" }

  /// What the disk is to do.
  var faults: [DiskFault] {
    switch manner {
    case .once: [DiskFault(operation, number: number, code: code)]
    case .forEver: [DiskFault(operation, number: number, code: code, forEver: true)]
    case .short: [DiskFault(operation, number: number, shortBytes: 700)]
    case .shortForEver: [DiskFault(operation, number: number, forEver: true, shortBytes: 4_096)]
    case .shortThenFails:
      // The second counts only calls that the first lets pass: it strikes at the next one.
      [
        DiskFault(operation, number: number, shortBytes: 700),
        DiskFault(operation, number: number, code: code),
      ]
    }
  }

  /// Every trial that a history with these numbers of calls gives.
  static func all(calls: [DiskOperation: Int], seed: UInt64) -> [FaultTrial] {
    var result: [FaultTrial] = []
    for operation in DiskOperation.allCases {
      for number in 1...max(1, calls[operation] ?? 0) {
        for manner in Manner.allCases where operation == .write || !manner.isShort {
          let codes = manner == .short || manner == .shortForEver ? [eio] : [eio, enospc]
          for code in codes {
            for ending in [Scenario.Ending.kill, .powerCut] {
              result.append(
                FaultTrial(
                  operation: operation, number: number, manner: manner, code: code,
                  ending: ending, seed: seed))
            }
          }
        }
      }
    }
    return result
  }

  // MARK: The history

  /// Three lives with segments that roll, checkpoints, cleaning and old blocks that are read back:
  /// a clean stop, an end of choice, a power cut; and a fourth in which everything must arrive.
  static func plan(_ trial: FaultTrial?) -> Scenario.Plan {
    var plan = Scenario.Plan()
    plan.endpoints = 4
    plan.publishers = 1
    plan.misbehaves = false
    plan.eventsAreLarge = true
    plan.refusing = 2
    plan.broker.reactorCount = 1
    plan.broker.blocks = 6
    let ending = trial?.ending ?? .kill
    plan.course = [
      Scenario.Life(milliseconds: 90, ending: .cleanStop),
      Scenario.Life(milliseconds: 90, ending: ending),
      Scenario.Life(milliseconds: 60, ending: .powerCut),
    ]
    plan.faults = trial?.faults ?? []
    plan.endAfterFailure = ending
    plan.crashSeed = trial?.seed
    return plan
  }

  /// Plays the history with the fault in it.
  /// - Parameter script: the world's seed: whose history it is.
  func run(script: UInt64) -> FaultResult {
    let scenario = Scenario(seed: script, plan: Self.plan(self))
    scenario.run()
    return FaultResult(scenario)
  }
}

/// How a history with faults ended.
struct FaultResult {
  var lost: Int
  /// Strikes that nothing which the broker said names.
  var unnoticed: [String]
  var problems: [String]
  var recoveries: [String]
  var strikes: Int

  init(_ scenario: Scenario) {
    lost = scenario.lost
    problems = scenario.problems
    recoveries = scenario.recoveries
    let strikes = scenario.world.disk.strikes
    self.strikes = strikes.count
    let said = scenario.troubles
    var silent: [String] = []
    for strike in strikes where !Self.isHarmless(strike) && !Self.names(strike, in: said) {
      silent.append("\(strike.operation.rawValue) \(strike.path)")
    }
    unnoticed = silent
  }

  /// A short write is no failure, a file that is left over is removed another time, and a fault
  /// that stays is told once.
  private static func isHarmless(_ strike: FaultStrike) -> Bool {
    strike.wasShort || strike.operation == .remove || strike.isRepeat
  }

  /// Whether some text speaks of the file, under its own name or the one it was to have.
  private static func names(_ strike: FaultStrike, in texts: [String]) -> Bool {
    let name = strike.path.split(separator: "/").last.map(String.init) ?? strike.path
    let stem = name.prefix { $0 != "." }
    return texts.contains { text in
      text.contains(strike.path) || text.contains(stem)
    }
  }
}
