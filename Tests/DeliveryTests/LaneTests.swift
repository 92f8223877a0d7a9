import Base
import Delivery
import Flow
import Testing

// Goal: 100,000 lanes stay cheap, and a lane knows which changes are worth a new try.
struct LaneTests {
  private func config(
    host: String = "a.example", path: String = "/", paused: Bool = false, rate: Double = 0
  ) -> EndpointConfig {
    EndpointConfig(
      number: EndpointNumber(1), id: "ep_1", name: "one", usesTLS: true, host: host, port: 443,
      requestPrefix: Array("POST \(path) HTTP/1.1\r\nHost: \(host)\r\n".utf8),
      secretKeys: [[1]], retryDelaysMilliseconds: [5_000], ratePerSecond: rate, paused: paused)
  }

  @Test func `a lane takes less than 768 bytes`() {
    #expect(MemoryLayout<Lane>.stride <= 768)
  }

  @Test func `only what may have mended the endpoint makes it worth a new try`() {
    let now = Instant(nanoseconds: 0)
    var sut = Lane(number: EndpointNumber(1))
    let changes: [(EndpointConfig, Bool)] = [
      (config(), true), (config(rate: 5), false), (config(path: "/new"), true),
      (config(host: "b.example"), true), (config(host: "b.example", paused: true), false),
      (config(host: "b.example"), true),
    ]
    for (change, expected) in changes {
      let isWorthTrying = sut.take(change, now: now)
      #expect(isWorthTrying == expected)
    }
  }
}
