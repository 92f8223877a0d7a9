// Goal: whatever endpoints, disk, scheduler and power do, every acknowledged event reaches every
// endpoint that subscribed to it, and comes again only as far as the contract says.
// Method: the real stages in a simulated world, one seed a history; a failing seed replays exactly.
internal import Simulation
internal import Testing

@Suite struct DataPlaneTests {
  /// Runs a history and reports what went wrong with its seed.
  static func play(_ seed: UInt64, _ plan: Scenario.Plan) -> Scenario {
    let scenario = Scenario(seed: seed, plan: plan)
    scenario.run()
    if !scenario.problems.isEmpty { print(scenario.recoveries.joined(separator: "\n")) }
    for problem in scenario.problems.prefix(5) { Issue.record("seed \(seed): \(problem)") }
    if scenario.problems.count > 5 {
      Issue.record("seed \(seed): \(scenario.problems.count) problems in all")
    }
    return scenario
  }

  @Test func `everything is delivered exactly once while nothing goes wrong`() {
    var plan = Scenario.Plan()
    plan.kills = 0
    plan.misbehaves = false
    plan.publishMilliseconds = 500
    let scenario = Self.play(1, plan)
    #expect(scenario.events.count > 200)
    #expect(scenario.events.allSatisfy { $0.state == .acknowledged })
    for server in scenario.servers {
      #expect(Set(server.requests.compactMap(\.number)).count == server.requests.count)
    }
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `misbehaving endpoints lose nothing and nothing comes again`(seed: UInt64) {
    var plan = Scenario.Plan()
    plan.kills = 0
    _ = Self.play(seed, plan)
  }

  @Test(arguments: 101...112 as ClosedRange<UInt64>)
  func `a process that is killed again and again loses nothing`(seed: UInt64) {
    var plan = Scenario.Plan()
    plan.powerCutOneIn = 0
    plan.misbehaves = seed % 2 == 0
    _ = Self.play(seed, plan)
  }

  @Test(arguments: 201...216 as ClosedRange<UInt64>)
  func `power cuts lose nothing that was acknowledged`(seed: UInt64) {
    var plan = Scenario.Plan()
    plan.powerCutOneIn = 1
    plan.misbehaves = seed % 2 == 0
    _ = Self.play(seed, plan)
  }

  /// Large events and no retention: every closed segment is due, and moody endpoints leave
  /// something pending in each.
  @Test func `lives that end while the cleaner works lose nothing`() {
    var sum = Scenario.Cleaning()
    let seeds = SeedRange.of("FANFARE_SPOOL_SEEDS", 301...312)
    for seed in seeds {
      var plan = Scenario.Plan()
      plan.publishMilliseconds = 2_000
      plan.extraBytes = 4_000
      plan.kills = 6
      plan.killsInHandOver = true
      plan.cleanStopOneIn = 8
      sum += Self.play(seed, plan).cleaning
    }
    print("seeds \(seeds): \(sum)")
    let count = UInt64(seeds.count)
    #expect(sum.releases >= 2 * count && sum.eventsSpooled >= 20 * count)
    #expect(sum.spoolBlocksRead >= count)
    #expect(sum.interrupted >= seeds.count && sum.startsWithSpool >= seeds.count)
  }
}
