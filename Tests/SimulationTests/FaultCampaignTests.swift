// Goal: whatever call of the disk fails, and however, nothing acknowledged is lost, nothing wrong
// is sent, every start succeeds, and the broker says which file it was.
// Method: a fixed history, played once for each call of the disk with that call failing; and random
// histories with kills, power cuts, faults and full disks. An ordinary run takes a sample. More, by
// environment variables: FANFARE_CAMPAIGN_SECONDS for that long, every call in turn, then from
// other seeds; FANFARE_CAMPAIGN_SEEDS (7, or 1-500) for just these seeds.
internal import Simulation
internal import Testing

@Suite struct FaultCampaignTests {
  /// One in so many trials is made in an ordinary run; no divisor of what the trials repeat by.
  private static let stride = 149

  @Test func `any call of the disk may fail`() {
    let limits = CampaignLimits()
    var table = CampaignTable()
    for script in limits.scripts where !limits.isOver {
      let clean = Scenario(seed: script, plan: FaultTrial.plan(nil))
      clean.run()
      for problem in clean.problems { Issue.record("script \(script): \(problem)") }
      let trials = FaultTrial.all(calls: clean.world.disk.calls, seed: script)
      let step = limits.isLong ? 1 : Self.stride
      for index in Swift.stride(from: 0, to: trials.count, by: step) {
        if limits.isOver { break }
        table.add(trials[index].fault, seed: script, trials[index].run(script: script)) {
          trials[index].name
        }
      }
    }
    table.report()
  }

  @Test(arguments: 1...4)
  func `a start whose sync of a directory failed is made good by the next`(call: Int) {
    for ending in [Scenario.Ending.kill, .powerCut] {
      let trial = FaultTrial(
        operation: .syncDirectory, number: call, manner: .once, code: 5, ending: ending, seed: 1)
      #expect(trial.run(script: 1).problems == [], "\(trial.name)")
    }
  }

  @Test func `kills, power cuts, failing and full disks in one history lose nothing`() {
    let limits = CampaignLimits()
    var table = CampaignTable()
    for seed in limits.seeds where !limits.isOver {
      let fault = seed % 2 == 0 ? "random, full disk" : "random"
      table.add(fault, seed: seed, Self.random(seed)) { "random, seed \(seed)" }
    }
    table.report()
  }

  /// - 456: a block was torn, its segment superseded from there on by the next, and that one's events
  ///   spooled: the start after that took the old tear for damage to what was durable.
  @Test(arguments: [456])
  func `a random history that once found a fault finds none`(seed: UInt64) {
    #expect(Self.random(seed).problems == [])
  }

  private static func random(_ seed: UInt64) -> FaultResult {
    var plan = Scenario.Plan()
    plan.kills = 6
    plan.diskFaults = 2
    plan.fillsDisk = seed % 2 == 0
    let scenario = Scenario(seed: seed, plan: plan)
    scenario.run()
    return FaultResult(scenario)
  }
}
