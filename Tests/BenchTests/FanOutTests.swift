// Goal: publisher, registration and sink agree on which endpoints get which event.
// Method: all small sizes, counted out in full.
import Bench
import Testing

@Suite struct FanOutTests {
  @Test func `every type has its fan-out of endpoints, each at a place of its own`() throws {
    for endpoints in 1...40 {
      for width in 1...endpoints {
        let plan = try #require(FanOut(endpoints: endpoints, fanOut: width))
        var heard = Set<Int>()
        for group in 0..<plan.groups {
          let places = (0..<endpoints).compactMap { plan.place(of: $0, inGroup: group) }
          #expect(places.sorted() == Array(0..<width), "\(endpoints) ÷ \(width), type \(group)")
          for endpoint in 0..<endpoints where plan.place(of: endpoint, inGroup: group) != nil {
            #expect(plan.groups(of: endpoint).contains(group))
            heard.insert(endpoint)
          }
        }
        #expect(heard.count == endpoints, "no endpoint is left out")
        let subscriptions = (0..<endpoints).reduce(0) { $0 + plan.groups(of: $1).count }
        #expect(subscriptions == plan.groups * width, "and none hears too much")
      }
    }
  }

  @Test func `an event cannot go to more endpoints than there are, nor to none`() {
    #expect(FanOut(endpoints: 4, fanOut: 5) == nil)
    #expect(FanOut(endpoints: 4, fanOut: 0) == nil)
    #expect(FanOut(endpoints: 0, fanOut: 1) == nil)
    #expect(FanOut(endpoints: 0, fanOut: 0)?.groups == 1, "unless nobody subscribes at all")
  }
}
