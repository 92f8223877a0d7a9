import Base
import Platform
import Testing

// Goal: names become addresses without the thread ever waiting.
// Method: names that need no network; whatever else is asked must end within its 5 s.
@Suite(.timeLimit(.minutes(1)))
struct CAresResolverTests {
  private let poller = Poller()

  /// Asks and turns until all answers are there; the clock runs ten times as fast.
  private func resolve(_ sut: CAresResolver, _ hosts: [String]) -> [Resolution] {
    let begin = RealClock().now().instant
    for (index, host) in hosts.enumerated() {
      sut.resolve(host, tag: UInt64(index), now: begin)
    }
    var answers: [Resolution] = []
    while answers.count < hosts.count {
      let real = RealClock().now().instant
      let now = begin + Nanoseconds(real.since(begin).count * 10)
      _ = sut.turn(now: now)
      while let answer = sut.next() { answers.append(answer) }
      if answers.count == hosts.count { break }
      for readiness in poller.wait(now: real, until: real + .milliseconds(5)) {
        #expect(sut.take(readiness))
      }
    }
    return answers.sorted { $0.tag < $1.tag }
  }

  @Test func `localhost is loopback, in any case and asked twice`() throws {
    let sut = try CAresResolver(poller: poller)
    let answers = resolve(sut, ["localhost", "LOCALHOST", "localhost"])
    #expect(answers.map(\.tag) == [0, 1, 2])
    let loopback = [
      SocketAddress(literal: "127.0.0.1", port: 0), SocketAddress(literal: "::1", port: 0),
    ]
    for answer in answers {
      #expect(answer.failure.isEmpty && !answer.addresses.isEmpty)
      #expect(answer.addresses.allSatisfy { loopback.contains($0) })
    }
  }

  @Test func `a name that does not exist is an answer with a reason`() throws {
    let sut = try CAresResolver(poller: poller)
    let answers = resolve(sut, ["does-not-exist.invalid", "bad..name"])
    for answer in answers {
      #expect(answer.addresses.isEmpty)
      #expect(!answer.failure.isEmpty)
    }
  }

  @Test func `a resolver may go while it is asked`() throws {
    var sut: CAresResolver? = try CAresResolver(poller: poller)
    sut?.resolve("slow.invalid", tag: 1, now: RealClock().now().instant)
    weak let watched = sut
    sut = nil
    #expect(watched == nil)
  }

  @Test func `readiness of others is left to them`() throws {
    let sut = try CAresResolver(poller: poller)
    for tag in [0, 1 << 32 | 7, UInt64.max] as [UInt64] {
      #expect(
        !sut.take(Readiness(tag: tag, readable: true, writable: false, hangup: false)))
    }
  }
}
