import Base
import Delivery
import Flow
import Platform
import Testing

// Goal: of every failed attempt it can be had what the endpoint answered, headers and 16 KiB of the
// body, or why it did not; nothing of successes; and a tap that nobody empties holds nothing up.
// Method: a reactor against servers on loopback that fail in several ways.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct AnswerTapTests {
  private struct Taken {
    var answer: FailedAnswer
    var head: String
    var body: String
  }

  private func take(_ world: World) -> [Taken] {
    var all: [Taken] = []
    while let taken = unsafe world.reactor.answers.take({ answer, text in
      let head = Int(answer.headBytes)
      return unsafe Taken(
        answer: answer, head: String(decoding: text[..<head], as: UTF8.self),
        body: String(decoding: text[head...], as: UTF8.self))
    }) { all.append(taken) }
    return all
  }

  @Test func `every failing answer is there, with its headers, in the outcomes' numbers`() throws {
    let long = String(repeating: "0123456789abcdef", count: 2_000)
    let server = LoopbackServer { _, number in
      number < 6 ? .status(404, headers: "X-Try: \(number)\r\n", body: "\(number) \(long)") : .status(200)
    }
    let world = World()
    world.endpoint(1, port: server.port, delays: [100])
    let audience = world.audience([1])
    world.publish((0..<3).map { World.Event(id: "e\($0)", data: "{}", audience: audience) })
    #expect(world.run { world.outcomes(.retry).count == 3 })
    world.skip(seconds: 1)
    #expect(world.run { world.outcomes(.dead).count == 3 })
    world.publish([World.Event(id: "good", data: "{}", audience: audience)])
    #expect(world.run { world.counters.delivered.value == 1 })
    let taken = take(world)
    #expect(taken.count == 6, "no two failures share a record, and no success has one")
    for one in taken {
      let number = try #require(one.head.firstMatch(of: /X-Try: (\d)\r\n/)).1
      #expect(one.answer.failure == .status && one.body.hasPrefix("\(number) 0123456789abcdef"))
      #expect(one.body.utf8.count == 16_384)
    }
    let told = (world.outcomes(.retry) + world.outcomes(.dead)).map { [$0.position.packed, UInt64($0.attempt)] }
    #expect(Set(told) == Set(taken.map { [$0.answer.position.packed, UInt64($0.answer.attempt)] }))
  }

  @Test func `without an answer the reason is there`() throws {
    let world = World()
    world.endpoint(1, port: LoopbackServer.freePort(), delays: [100])
    world.publish([World.Event(id: "e", data: "{}", audience: world.audience([1]))])
    #expect(world.run { world.outcomes(.retry).count == 1 })
    let taken = try #require(take(world).first)
    #expect(taken.answer.failure == .connect && taken.answer.systemCode != 0)
    #expect(taken.answer.headBytes == 0)
  }

  @Test func `a full tap leaves answers out, counts them and goes on`() throws {
    let server = LoopbackServer { _, _ in .status(404, body: String(repeating: "x", count: 900)) }
    let world = World { $0.answerBytes = 4_096 }
    world.endpoint(1, port: server.port, delays: [60_000])
    let audience = world.audience([1])
    world.publish((0..<20).map { World.Event(id: "e\($0)", data: "{}", audience: audience) })
    #expect(world.run { world.outcomes(.retry).count == 20 })
    let kept = take(world).count
    #expect(kept == 3 || kept == 4)
    #expect(world.reactor.answers.leftOut.value == 20 - UInt64(kept))
    world.publish([World.Event(id: "later", data: "{}", audience: audience)])
    #expect(world.run { world.outcomes(.retry).count == 21 })
    #expect(take(world).count == 1)
  }
}
