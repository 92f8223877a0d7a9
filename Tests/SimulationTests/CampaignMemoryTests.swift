// Goal: a history that was played leaves nothing in memory: a campaign plays thousands.
internal import Simulation
internal import Testing

@Suite struct CampaignMemoryTests {
  @Test func `what a history was made of is gone after it`() {
    weak var broker: SimulatedBroker?
    weak var world: World?
    weak var disk: SimulatedDisk?
    weak var history: Scenario?
    do {
      let scenario = Scenario(seed: 1, plan: FaultTrial.plan(nil))
      scenario.onStart = { broker = $0 }
      scenario.run()
      (world, disk, history) = (scenario.world, scenario.world.disk, scenario)
    }
    #expect(broker == nil)
    #expect(world == nil)
    #expect(disk == nil)
    #expect(history == nil)
  }
}
