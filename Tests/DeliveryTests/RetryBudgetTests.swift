import Base
import Delivery
import Flow
import Testing

// Goal: an endpoint that fails for good fills half of the retry budget and no more; others go on.
// Method: as in ReactorTests; answers of 400, which no breaker counts.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct RetryBudgetTests {
  private static func isBad(_ request: LoopbackServer.Request) -> Bool {
    request.head.hasPrefix("POST /bad ")
  }

  @Test func `a lane that fails for good leaves half of the budget to the others`() throws {
    let server = LoopbackServer { request, _ in .status(Self.isBad(request) ? 400 : 200) }
    let world = World { $0.retriesMax = 40 }
    world.endpoint(1, port: server.port, path: "/bad", delays: [600_000], maxInFlight: 2)
    world.endpoint(2, port: server.port, path: "/good", maxInFlight: 2)
    let audience = world.audience([1, 2])
    for number in 0..<60 { world.publish("e\(number)", to: audience) }
    #expect(world.run { server.requests.count { !Self.isBad($0) } == 60 })
    world.run(milliseconds: 50)
    let tried = server.requests.count { Self.isBad($0) }
    #expect((19...22).contains(tried), "half of 40, and what was in flight: \(tried)")
    #expect(try world.status(1).depth == 60)
    #expect(world.counters.depth.value == 60)
  }
}
