import Base
import Flow
import Ingest
import Testing

// Goal: MULTI … EXEC is all in one block, or nothing.
// Method: real unix sockets; the journal's blocks are counted.
@Suite struct BatchTests {
  @Test func `a batch is one block and one array of answers`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("MULTI") == "+OK\r\n")
    #expect(client.ask("PUBLISH", "job.a", "1") == "+QUEUED\r\n")
    #expect(client.ask("EMIT", "b", "2", "ID", "k") == "+QUEUED\r\n")
    #expect(client.ask("PUBLISH", "b", "3") == "+QUEUED\r\n")
    #expect(rig.events.isEmpty)
    #expect(client.ask("EXEC") == "*3\r\n:2\r\n$1\r\nk\r\n:0\r\n")
    #expect(rig.blocks == [3])
    #expect(rig.counters.accepted.value == 3)
    #expect(client.ask("PUBLISH", "b", "4") == ":0\r\n")
  }

  @Test func `a pipelined batch waits for its commit as a whole`() throws {
    let rig = try Rig()
    let client = try rig.client()
    rig.journalHolds = true
    var stream = Client.frame(["MULTI"])
    for _ in 0..<3 { stream += Client.frame(["PUBLISH", "a", "1"]) }
    stream += Client.frame(["EXEC"]) + Client.frame(["PING"])
    #expect(client.ask(stream) == "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: 3))
    rig.commit()
    rig.settle()
    #expect(client.text() == "*3\r\n:0\r\n:0\r\n:0\r\n+PONG\r\n")
  }

  @Test func `a refused command breaks the batch`() throws {
    let rig = try Rig()
    let client = try rig.client()
    _ = client.ask("MULTI")
    _ = client.ask("PUBLISH", "a", "1")
    #expect(client.ask("PUBLISH", "a..b", "1").hasPrefix("-ERR invalid event type"))
    #expect(client.ask("EXEC").hasPrefix("-EXECABORT"))
    #expect(rig.events.isEmpty)
    _ = client.ask("MULTI")
    #expect(client.ask("PING").hasPrefix("-ERR only PUBLISH and EMIT"))
    #expect(client.ask("EXEC").hasPrefix("-EXECABORT"))
  }

  @Test func `a conflict found at EXEC takes everything back`() throws {
    let rig = try Rig()
    let client = try rig.client()
    _ = client.ask("EMIT", "a", "1", "ID", "k")
    _ = client.ask("MULTI")
    _ = client.ask("EMIT", "a", "9", "ID", "new")
    _ = client.ask("EMIT", "a", "2", "ID", "k")
    #expect(client.ask("EXEC").hasPrefix("-CONFLICT"))
    #expect(rig.events.count == 1)
    #expect(client.ask("EMIT", "a", "10", "ID", "new") == "$3\r\nnew\r\n")
    #expect(rig.events.count == 2)
    #expect(rig.counters.accepted.value == 2)
  }

  @Test func `the same id twice in a batch is stored once`() throws {
    let rig = try Rig()
    let client = try rig.client()
    _ = client.ask("MULTI")
    _ = client.ask("EMIT", "a", "1", "ID", "k")
    _ = client.ask("EMIT", "a", "1", "ID", "k")
    #expect(client.ask("EXEC") == "*2\r\n$1\r\nk\r\n$1\r\nk\r\n")
    #expect(rig.events.count == 1)
  }

  @Test func `a batch larger than a block is refused, one that just fits is not`() throws {
    let rig = try Rig()
    let client = try rig.client()
    let half = String(repeating: "x", count: BlockLimits.largePayloadBytes / 2 - 1 - 31)
    _ = client.ask("PUBLISH", "a", "before")
    for (extra, isTaken) in [("", true), ("x", false)] {
      _ = client.ask("MULTI")
      _ = client.ask("PUBLISH", "a", half)
      _ = client.ask("PUBLISH", "a", half + extra)
      #expect(client.ask("EXEC").hasPrefix(isTaken ? "*2\r\n:0" : "-TOOLARGE a batch"))
    }
    #expect(rig.events.count == 3)
  }

  @Test func `a batch of more events than an ordinary block holds is one block`() throws {
    let rig = try Rig()
    let client = try rig.client()
    var stream = Client.frame(["MULTI"])
    for _ in 0..<5_000 { stream += Client.frame(["PUBLISH", "a", "1"]) }
    let answer = client.ask(stream + Client.frame(["EXEC"]))
    #expect(answer.hasSuffix("*5000\r\n" + String(repeating: ":0\r\n", count: 5_000)))
    #expect(rig.blocks == [5_000])
  }

  @Test func `one large event alone may be a batch`() throws {
    let rig = try Rig()
    let client = try rig.client()
    _ = client.ask("MULTI")
    _ = client.ask("PUBLISH", "a", String(repeating: "x", count: 500_000))
    #expect(client.ask("EXEC") == "*1\r\n:0\r\n")
  }

  @Test func `discard, nesting and stray ends`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("EXEC").hasPrefix("-ERR EXEC without MULTI"))
    #expect(client.ask("DISCARD").hasPrefix("-ERR DISCARD without MULTI"))
    _ = client.ask("MULTI")
    #expect(client.ask("MULTI").hasPrefix("-ERR MULTI calls can not be nested"))
    _ = client.ask("PUBLISH", "a", "1")
    #expect(client.ask("DISCARD") == "+OK\r\n")
    _ = client.ask("MULTI")
    #expect(client.ask("EXEC") == "*0\r\n")
    #expect(rig.events.isEmpty)
  }
}
