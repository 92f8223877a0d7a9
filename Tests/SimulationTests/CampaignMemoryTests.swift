// Goal: a history that was played leaves nothing in memory: a campaign plays thousands.
internal import Simulation
internal import Testing

@Suite struct CampaignMemoryTests {
  /// Who outlives whom is asked for without keeping any of them.
  private struct Weak { weak var broker: SimulatedBroker? }

  private static let trials: [FaultTrial?] =
    [nil]
    + [(DiskOperation.write, 20), (.sync, 5), (.open, 12), (.read, 3)].flatMap { operation, number in
      [FaultTrial.Manner.once, .forEver].map {
        FaultTrial(
          operation: operation, number: number, manner: $0, code: 5, ending: .kill, seed: 1)
      }
    }

  @Test(arguments: trials)
  func `what a history was made of is gone after it`(_ trial: FaultTrial?) {
    weak var world: World?
    weak var disk: SimulatedDisk?
    weak var history: Scenario?
    var brokers: [Weak] = []
    do {
      let scenario = Scenario(seed: 1, plan: FaultTrial.plan(trial))
      scenario.onStart = { brokers.append(Weak(broker: $0)) }
      scenario.run()
      (world, disk, history) = (scenario.world, scenario.world.disk, scenario)
    }
    #expect(brokers.count >= 3)
    #expect(brokers.allSatisfy { $0.broker == nil })
    #expect(world == nil)
    #expect(disk == nil)
    #expect(history == nil)
  }
}
