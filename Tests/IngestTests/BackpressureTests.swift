import Base
import Flow
import Ingest
import Testing

// Goal: bounds hold: memory full, answers not read, replies waiting, half commands, too many
// connections; everybody else goes on.
// Method: the journal is held back, clocks are moved by hand.
@Suite struct BackpressureTests {
  @Test func `a full arena stops reading and loses nothing`() throws {
    let rig = try Rig(ordinary: 2, large: 1)
    let client = try rig.client()
    rig.journalHolds = true
    let data = String(repeating: "x", count: 100_000)
    var stream: [UInt8] = []
    for _ in 0..<8 { stream += Client.frame(["PUBLISH", "a", data]) }
    let sent = client.send(stream)
    #expect(sent < stream.count)
    rig.settle()
    #expect(client.text() == "")
    #expect(rig.sealed.count <= 2)
    #expect(rig.counters.stalls.value > 0)
    let other = try rig.client()
    #expect(other.ask("PING") == "+PONG\r\n")
    rig.journalHolds = false
    client.send(Array(stream[sent...]))
    rig.settle()
    #expect(client.text() == String(repeating: ":0\r\n", count: 8))
    #expect(rig.events.count == 8)
  }

  @Test func `a pinned block is passed over when room is made`() throws {
    let rig = try Rig(ordinary: 2, large: 1)
    let client = try rig.client()
    _ = client.ask("PUBLISH", "a", "1")
    let pinned = try #require(rig.window.pin(sequence: 1))
    for _ in 0..<5 { #expect(client.ask("PUBLISH", "a", "2") == ":0\r\n") }
    #expect(rig.arena[pinned].sequence == 1)
    rig.arena.unpin(pinned)
  }

  @Test func `blocks that reactors have not walked are not evicted`() throws {
    let rig = try Rig(ordinary: 2, large: 1, reactors: 1)
    let client = try rig.client()
    #expect(client.ask("PUBLISH", "a", "1") == ":0\r\n")
    #expect(client.ask("PUBLISH", "a", "2") == ":0\r\n")
    #expect(client.ask("PUBLISH", "a", "3") == "")
    rig.settle()
    #expect(rig.events.count == 2)
    rig.window.setWalked(reactor: 0, through: 1)
    rig.settle()
    #expect(client.text() == ":0\r\n")
    #expect(rig.window.pin(sequence: 1) == nil)
    let second = try #require(rig.window.pin(sequence: 2))
    rig.arena.unpin(second)
  }

  @Test func `waiting answers are bounded, and then the connection is not read`() throws {
    let rig = try Rig { $0.repliesMax = 10 }
    let client = try rig.client()
    rig.journalHolds = true
    for _ in 0..<30 { client.send(Client.frame(["PUBLISH", "a", "1"])) }
    rig.settle()
    rig.commit()
    #expect(rig.events.count == 10)
    rig.journalHolds = false
    rig.settle()
    #expect(client.text() == String(repeating: ":0\r\n", count: 30))
    #expect(rig.events.count == 30)
  }

  @Test func `who does not read answers is not read`() throws {
    let rig = try Rig { $0.outputBytesMax = 64 * 1024 }
    let client = try rig.client()
    let text = String(repeating: "e", count: 10_000)
    let frame = Client.frame(["ECHO", text])
    var stream: [UInt8] = []
    for _ in 0..<300 { stream += frame }
    // The sockets hold some, the broker's buffer fills, then nothing moves.
    var sent = client.send(stream)
    #expect(sent < stream.count)
    #expect(rig.counters.bytesIn.value < 1_000_000)
    var answers = 0
    var turns = 0
    while answers < 300 * (text.utf8.count + "$10000\r\n\r\n".utf8.count) {
      let got = client.receive().count
      answers += got
      sent += client.send(Array(stream[sent...]))
      rig.settle()
      turns += 1
      if turns > 2000 { break }
    }
    #expect(answers == 300 * (text.utf8.count + "$10000\r\n\r\n".utf8.count))
  }

  @Test func `half a command, then silence, ends after 30 s, idleness does not`() throws {
    let rig = try Rig()
    let half = try rig.client()
    let idle = try rig.client()
    #expect(half.ask(Array("*3\r\n$7\r\nPUB".utf8)) == "")
    #expect(idle.ask("PING") == "+PONG\r\n")
    rig.pass(seconds: 29)
    half.send("L")
    rig.settle()
    #expect(!half.isClosed)
    rig.pass(seconds: 2)
    rig.settle()
    #expect(half.text().hasPrefix("-ERR timeout"))
    #expect(half.isClosed)
    #expect(idle.ask("PING") == "+PONG\r\n")
    #expect(rig.counters.frameTimeouts.value == 1)
    #expect(rig.counters.connections.value == 1)
  }

  @Test func `a waiting for room is no silence of the publisher's`() throws {
    let rig = try Rig(ordinary: 2, large: 1)
    let client = try rig.client()
    rig.journalHolds = true
    let frame = Client.frame(["PUBLISH", "a", String(repeating: "x", count: 200_000)])
    client.send(frame)
    rig.settle()
    client.send(frame)
    rig.settle()
    client.send(frame)
    rig.settle()
    rig.pass(seconds: 100)
    rig.settle()
    rig.journalHolds = false
    rig.settle()
    #expect(client.text() == ":0\r\n:0\r\n:0\r\n")
  }

  @Test func `at the limit the oldest idle connection makes room`() throws {
    let rig = try Rig { $0.connectionsMax = 3 }
    let clients = try (0..<3).map { _ in try rig.client() }
    defer { extendLifetime(clients) }
    for client in clients { #expect(client.ask("PING") == "+PONG\r\n") }
    #expect(clients[0].ask("PING") == "+PONG\r\n")
    let fourth = try rig.client()
    #expect(fourth.ask("PING") == "+PONG\r\n")
    #expect(clients[1].text() == "" && clients[1].isClosed)
    #expect(clients[0].ask("PING") == "+PONG\r\n")
    #expect(rig.counters.connections.value == 3)
  }

  @Test func `at the limit with nobody idle the new one is refused`() throws {
    let rig = try Rig { $0.connectionsMax = 2 }
    let tails = try (0..<2).map { _ in try rig.client() }
    defer { extendLifetime(tails) }
    for tail in tails { _ = tail.ask("SUBSCRIBE", "*") }
    let third = try rig.client()
    rig.settle()
    #expect(third.text() == "-ERR max number of clients reached\r\n")
    #expect(third.isClosed)
    #expect(rig.counters.connectionsRefused.value == 1)
  }

  @Test func `more connections than one turn accepts are all accepted`() throws {
    let rig = try Rig()
    let clients = try (0..<200).map { _ in try rig.client() }
    defer { extendLifetime(clients) }
    rig.settle()
    #expect(rig.counters.connections.value == 200)
    for client in clients { client.hangUp() }
    rig.settle()
    #expect(rig.counters.connections.value == 0)
  }

  @Test func `a publisher that leaves before its answer has its event stored once`() throws {
    let rig = try Rig()
    let client = try rig.client()
    client.send(Client.frame(["PUBLISH", "a", "1"]))
    client.hangUp()
    rig.settle()
    #expect(rig.events.count == 1)
    #expect(rig.counters.connections.value == 0)
    let halfClosed = try rig.client()
    halfClosed.send(Client.frame(["PUBLISH", "a", "2"]))
    halfClosed.endSending()
    rig.settle()
    #expect(halfClosed.text() == ":0\r\n")
    #expect(halfClosed.isClosed)
  }

  @Test func `one who quits and does not read the rest is closed in the end`() throws {
    let rig = try Rig()
    let client = try rig.client()
    defer { extendLifetime(client) }
    let frame = Client.frame(["ECHO", String(repeating: "e", count: 100_000)])
    var stream: [UInt8] = []
    for _ in 0..<10 { stream += frame }
    client.send(stream + Client.frame(["QUIT"]))
    rig.settle()
    #expect(rig.counters.connections.value == 1)
    rig.pass(seconds: 31)
    rig.pass(seconds: 31)
    #expect(rig.counters.connections.value == 0)
    #expect(rig.counters.bufferBytes.value == 0)
  }

  @Test func `buffers of all connections together are bounded`() throws {
    let rig = try Rig { $0.buffersBytesMax = 1 << 20 }
    let part = Array("*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$900000\r\n".utf8)
      + [UInt8](repeating: 65, count: 300_000)
    let clients = try (0..<6).map { _ in try rig.client() }
    defer { extendLifetime(clients) }
    for client in clients {
      client.send(part)
      rig.settle()
    }
    #expect(rig.counters.buffersExhausted.value >= 3)
    #expect(rig.counters.bufferBytes.value <= 2 << 20)
    let other = try rig.client()
    #expect(other.ask("PUBLISH", "job.a", "1") == ":2\r\n")
    for client in clients { client.hangUp() }
    rig.settle()
    #expect(rig.counters.connections.value == 1)
  }

  @Test func `nonsense is answered and the connection closed`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask(Array("*3\r\n+PUBLISH\r\n".utf8)).hasPrefix("-ERR Protocol error"))
    #expect(client.isClosed)
  }
}
