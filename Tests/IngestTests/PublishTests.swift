import Base
import Flow
import Ingest
import Platform
import Testing

// Goal: a publish is stored as it was sent and answered in order once it is committed.
// Method: real unix sockets; the journal is played by the test.
@Suite struct PublishTests {
  @Test func `a publish is answered after its commit and not before`() throws {
    let rig = try Rig()
    let client = try rig.client()
    rig.journalHolds = true
    #expect(client.ask("PUBLISH", "job.done", #"{"a":1}"#) == "")
    #expect(rig.sealed.count == 1)
    rig.commit()
    rig.settle()
    #expect(client.text() == ":2\r\n")
    let event = try #require(rig.events.first)
    #expect(event.type == "job.done")
    #expect(event.data == Array(#"{"a":1}"#.utf8))
    #expect(event.id.hasPrefix("msg_") && event.id.utf8.count == 31)
    #expect(event.header.time == rig.now.unix)
    #expect(event.header.kind == .json)
    #expect(event.header.flags == 0)
    #expect(event.header.application == ApplicationNumber(1))
    #expect(rig.counters.accepted.value == 1)
    #expect(rig.counters.types.snapshot().map(\.type) == ["job.done"])
  }

  @Test func `answers keep the order of a pipeline, whatever they wait for`() throws {
    let rig = try Rig()
    let client = try rig.client()
    rig.journalHolds = true
    var pipeline = Client.frame(["PING"])
    pipeline += Client.frame(["PUBLISH", "job.a", "1"]) + Client.frame(["ECHO", "x"])
    pipeline += Client.frame(["NOSUCH"]) + Client.frame(["PUBLISH", "none", "2"])
    pipeline += Client.frame(["PING"])
    #expect(client.ask(pipeline) == "+PONG\r\n")
    rig.journalHolds = false
    rig.settle()
    #expect(
      client.text() == ":2\r\n$1\r\nx\r\n-ERR unknown command 'NOSUCH'\r\n:0\r\n+PONG\r\n")
  }

  @Test func `a frame split at every byte is one publish`() throws {
    let frame = Client.frame(["EMIT", "job.done", "{}", "ID", "k", "CHANNEL", "red"])
    let rig = try Rig()
    for split in 1..<frame.count {
      let client = try rig.client()
      #expect(client.ask(Array(frame[..<split])) == "")
      #expect(client.ask(Array(frame[split...])) == "$1\r\nk\r\n")
    }
    #expect(rig.events.count == 1)
    #expect(rig.counters.duplicates.value == UInt64(frame.count - 2))
  }

  @Test func `a long pipeline arriving in odd pieces loses and reorders nothing`() throws {
    let rig = try Rig()
    let client = try rig.client()
    var stream: [UInt8] = []
    for number in 0..<5000 { stream += Client.frame(["PUBLISH", "t.n", "\(number)"]) }
    var answers = ""
    var random = SeededRandom(seed: 2)
    var offset = 0
    while offset < stream.count {
      let next = min(stream.count, offset + 1 + Int(random.below(9000)))
      client.send(Array(stream[offset..<next]))
      rig.turn()
      answers += client.text()
      offset = next
    }
    rig.settle()
    answers += client.text()
    #expect(answers == String(repeating: ":0\r\n", count: 5000))
    let stored = rig.events.map { String(decoding: $0.data, as: UTF8.self) }
    #expect(stored == (0..<5000).map(String.init))
    #expect(rig.blocks.allSatisfy { $0 <= BlockLimits.events })
  }

  @Test func `payloads of nothing, the maximum, and one byte more`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask(Client.frame([Array("PUBLISH".utf8), Array("a".utf8), []])) == ":0\r\n")
    #expect(rig.events[0].header.kind == .text)
    let largest = [UInt8](repeating: 0xFF, count: BlockLimits.dataBytesMax)
    #expect(
      client.ask(Client.frame([Array("PUBLISH".utf8), Array("a".utf8), largest])) == ":0\r\n")
    #expect(rig.events[1].data == largest)
    #expect(rig.events[1].header.kind == .binary)
    let answer = client.ask(
      Client.frame([Array("PUBLISH".utf8), Array("a".utf8), largest + [0]])
        + Client.frame(["PUBLISH", "a", "after"]))
    #expect(answer == "-TOOLARGE argument is longer than 1048576 bytes\r\n:0\r\n")
    #expect(rig.events.count == 3)
    #expect(rig.counters.errorsTooLarge.value == 1)
  }

  @Test func `large and small events keep their order across blocks`() throws {
    let rig = try Rig(ordinary: 4, large: 1)
    let client = try rig.client()
    var stream: [UInt8] = []
    let sizes = [10, 300_000, 20, 900_000, 30, 300_000, 300_000, 40]
    for size in sizes {
      stream += Client.frame(
        [Array("PUBLISH".utf8), Array("a".utf8), [UInt8](repeating: 65, count: size)])
    }
    #expect(client.ask(stream) == String(repeating: ":0\r\n", count: sizes.count))
    #expect(rig.events.map(\.data.count) == sizes)
  }

  @Test(arguments: ["", "a..b", ".a", "a b", "ä", "a.", "*", String(repeating: "a", count: 129)])
  func `a type outside the grammar is refused`(type: String) throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("PUBLISH", type, "1").hasPrefix("-ERR invalid event type"))
    #expect(rig.events.isEmpty)
    #expect(rig.counters.errorsInvalid.value == 1)
  }

  @Test func `wrong numbers of arguments are refused`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("PUBLISH", "a").hasPrefix("-ERR wrong number of arguments"))
    #expect(client.ask("PUBLISH", "a", "b", "c").hasPrefix("-ERR wrong number of arguments"))
    #expect(client.ask("EMIT", "a").hasPrefix("-ERR wrong number of arguments"))
  }

  @Test func `publishes before the first snapshot wait for it`() throws {
    let rig = try Rig(isRouted: false)
    let client = try rig.client()
    #expect(client.ask("PUBLISH", "job.a", "1") == "")
    #expect(rig.events.isEmpty)
    rig.route(Rig.snapshot)
    rig.settle()
    #expect(client.text() == ":2\r\n")
  }

  @Test func `a full spool refuses and stores nothing`() throws {
    let rig = try Rig()
    let client = try rig.client()
    rig.mailbox.post(.spoolFull(true))
    #expect(client.ask("PUBLISH", "a", "1").hasPrefix("-SPOOLFULL "))
    rig.mailbox.post(.spoolFull(false))
    #expect(client.ask("PUBLISH", "a", "1") == ":0\r\n")
    #expect(rig.events.count == 1)
    #expect(rig.counters.errorsSpoolFull.value == 1)
  }
}
