import Base
import Ingest
import Platform
import Synchronization
import Testing

// Goal: what Redis clients send at connect is understood; the rest is refused clearly.
// Method: real unix sockets, answers compared byte by byte.
@Suite struct CommandTests {
  @Test(arguments: [
    (["ping"], "+PONG\r\n"), (["PING", "x"], "$1\r\nx\r\n"), (["Echo", "hi"], "$2\r\nhi\r\n"),
    (["SELECT", "0"], "+OK\r\n"), (["SELECT", "1"], "-ERR DB index is out of range\r\n"),
    (["AUTH", "x"], "+OK\r\n"), (["CLIENT", "SETNAME", "n"], "+OK\r\n"),
    (["CLIENT", "SETINFO", "LIB-NAME", "x"], "+OK\r\n"), (["CLIENT", "ID"], ":1\r\n"),
    (["CLIENT", "NO-EVICT", "on"], "+OK\r\n"), (["COMMAND", "COUNT"], ":21\r\n"),
    (["COMMAND", "DOCS"], "*0\r\n"), (["CONFIG", "GET", "save"], "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
    (["CONFIG", "GET", "appendonly"], "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n"),
    (["CONFIG", "GET", "nothing"], "*0\r\n"), (["RESET"], "+RESET\r\n"),
    (["publsh", "a"], "-ERR unknown command 'publsh'; did you mean 'PUBLISH'?\r\n"),
    (["FLUSHALLNOW"], "-ERR unknown command 'FLUSHALLNOW'\r\n"),
    (["ECHO"], "-ERR wrong number of arguments\r\n"),
    (["HELLO", "4"], "-NOPROTO unsupported protocol version\r\n"),
    (["PULL", "x"], "-ERR pull endpoints are not available in this version\r\n"),
  ])
  func `a command has its answer`(words: [String], answer: String) throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask(Client.frame(words)) == answer)
    #expect(client.ask("PING") == "+PONG\r\n")
  }

  @Test func `HELLO tells who is there and switches the version`() throws {
    let rig = try Rig { $0.version = "1.2.3" }
    let client = try rig.client()
    let two = client.ask("HELLO")
    #expect(two.hasPrefix("*14\r\n$6\r\nserver\r\n$7\r\nfanfare\r\n"))
    #expect(two.contains("$7\r\nversion\r\n$5\r\n1.2.3\r\n"))
    let three = client.ask("HELLO", "3", "AUTH", "default", "p", "SETNAME", "me")
    #expect(three.hasPrefix("%7\r\n") && three.contains("$5\r\nproto\r\n:3\r\n"))
    #expect(client.ask("CLIENT", "GETNAME") == "$2\r\nme\r\n")
    #expect(client.ask("CLIENT", "LIST").contains("name=me"))
    #expect(client.ask("HELLO", "3", "BOGUS") == "-ERR syntax error in HELLO\r\n")
  }

  @Test func `COMMAND is an entry for each command`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("COMMAND").hasPrefix("*21\r\n*6\r\n$7\r\npublish\r\n:3\r\n*0\r\n:0\r\n"))
  }

  @Test func `an inline command works as from a terminal`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask(Array("PING\r\n".utf8)) == "+PONG\r\n")
    #expect(client.ask(Array("publish job.a '{\"a\":1}'\n".utf8)) == ":2\r\n")
  }

  @Test func `QUIT answers, after what was asked before, and closes`() throws {
    let rig = try Rig()
    let client = try rig.client()
    let answer = client.ask(
      Client.frame(["PUBLISH", "job.a", "1"]) + Client.frame(["QUIT"]) + Client.frame(["PING"]))
    #expect(answer == ":2\r\n+OK\r\n")
    #expect(client.isClosed)
  }

  @Test func `a socket for publishing only refuses to read`() throws {
    let rig = try Rig { $0.publishOnly = true }
    let client = try rig.client()
    for words in [["SUBSCRIBE", "*"], ["PSUBSCRIBE", "*"], ["SPOOL"], ["INFO"]] {
      #expect(client.ask(Client.frame(words)).hasPrefix("-NOPERM "))
    }
    #expect(client.ask("PUBLISH", "job.a", "1") == ":2\r\n")
    #expect(client.ask("PING") == "+PONG\r\n")
    #expect(rig.counters.errorsNoPermission.value == 4)
  }

  @Test func `a hook that answers late parks only its own connection`() throws {
    let held = Mutex<[IngestHooks.Answer]>([])
    let hooks = IngestHooks(
      spool: { endpoint, answer in
        #expect(endpoint == "e")
        held.withLock { $0.append(answer) }
      },
      info: { section, answer in answer(.text("section:\(section ?? "all")")) })
    let rig = try Rig(hooks: hooks)
    let client = try rig.client()
    let other = try rig.client()
    #expect(client.ask(Client.frame(["SPOOL", "e"]) + Client.frame(["PING"])) == "")
    #expect(other.ask("INFO", "server") == "$14\r\nsection:server\r\n")
    #expect(other.ask("INFO") == "$11\r\nsection:all\r\n")
    let answers = held.withLock { $0 }
    try #require(answers.count == 1)
    answers[0](.map([HookPair("depth", .integer(3)), HookPair("x", .array([.text("y")]))]))
    rig.settle()
    #expect(client.text() == "*4\r\n$5\r\ndepth\r\n:3\r\n$1\r\nx\r\n*1\r\n$1\r\ny\r\n+PONG\r\n")
  }

  @Test func `a hook's answer for a connection that left goes nowhere`() throws {
    let held = Mutex<[IngestHooks.Answer]>([])
    let rig = try Rig(
      hooks: IngestHooks(
        spool: { _, answer in held.withLock { $0.append(answer) } }, info: { _, _ in }))
    let client = try rig.client()
    _ = client.ask("SPOOL")
    client.hangUp()
    rig.settle()
    for answer in held.withLock({ $0 }) { answer(.failure("ERR no such endpoint")) }
    rig.settle()
    let next = try rig.client()
    #expect(next.ask("PING") == "+PONG\r\n")
    _ = next.ask("SPOOL")
    for answer in held.withLock({ Array($0.dropFirst()) }) { answer(.failure("ERR no such")) }
    rig.settle()
    #expect(next.text() == "-ERR no such\r\n")
  }
}
