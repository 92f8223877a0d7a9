import Base
import Ingest
import Testing

// Goal: a tail sees committed events that match, in the form of its protocol version, and never
// holds anybody up.
// Method: real unix sockets.
@Suite struct TailTests {
  private let message = "$7\r\nmessage\r\n$5\r\njob.a\r\n$2\r\n{}\r\n"

  @Test func `messages come after the commit, as arrays in RESP2`() throws {
    let rig = try Rig()
    let tail = try rig.client()
    let publisher = try rig.client()
    #expect(tail.ask("SUBSCRIBE", "job.*") == "*3\r\n$9\r\nsubscribe\r\n$5\r\njob.*\r\n:1\r\n")
    rig.journalHolds = true
    _ = publisher.ask("PUBLISH", "job.a", "{}")
    #expect(tail.text() == "")
    rig.journalHolds = false
    rig.settle()
    #expect(tail.text() == "*3\r\n" + message)
    _ = publisher.ask("PUBLISH", "task.a", "{}")
    #expect(tail.text() == "")
    #expect(rig.counters.tailSent.value == 1)
  }

  @Test func `messages are pushes in RESP3, and the connection may go on publishing`() throws {
    let rig = try Rig()
    let tail = try rig.client()
    _ = tail.ask("HELLO", "3")
    #expect(tail.ask("SUBSCRIBE", "*") == ">3\r\n$9\r\nsubscribe\r\n$1\r\n*\r\n:1\r\n")
    let answer = tail.ask("PUBLISH", "job.a", "{}")
    #expect(answer.contains(":2\r\n"))
    #expect(answer.contains(">3\r\n" + message))
  }

  @Test func `patterns give pmessage with the pattern, one for each that matches`() throws {
    let rig = try Rig()
    let tail = try rig.client()
    let publisher = try rig.client()
    _ = tail.ask("PSUBSCRIBE", "*", "job.*", "x")
    _ = publisher.ask("PUBLISH", "job.a", "{}")
    let rest = "$5\r\njob.a\r\n$2\r\n{}\r\n"
    #expect(
      tail.text() == "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n" + rest
        + "*4\r\n$8\r\npmessage\r\n$5\r\njob.*\r\n" + rest)
  }

  @Test func `unsubscribing ends it and RESP2 may command again`() throws {
    let rig = try Rig()
    let tail = try rig.client()
    _ = tail.ask("SUBSCRIBE", "a", "b")
    #expect(tail.ask("PUBLISH", "a", "1").hasPrefix("-ERR only (P)SUBSCRIBE"))
    #expect(tail.ask("PING") == "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
    #expect(tail.ask("UNSUBSCRIBE", "a") == "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n")
    #expect(tail.ask("UNSUBSCRIBE") == "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n")
    #expect(tail.ask("PUBLISH", "a", "1") == ":0\r\n")
    #expect(tail.ask("PUNSUBSCRIBE") == "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n")
  }

  @Test func `a bad pattern and too many are refused`() throws {
    let rig = try Rig {
      $0.tailPatternsMax = 2
      $0.tailsMax = 1
    }
    let tail = try rig.client()
    #expect(tail.ask("SUBSCRIBE", "a.*.b").hasPrefix("-ERR 'a.*.b' is no type pattern"))
    #expect(tail.ask("SUBSCRIBE", "a", "b", "c").hasPrefix("-ERR too many patterns"))
    _ = tail.ask("SUBSCRIBE", "a")
    let second = try rig.client()
    #expect(second.ask("SUBSCRIBE", "a").hasPrefix("-ERR too many connections tail"))
    tail.hangUp()
    rig.settle()
    #expect(second.ask("SUBSCRIBE", "a").hasPrefix("*3"))
  }

  @Test func `a tail that does not read drops, and publishers do not notice`() throws {
    let rig = try Rig { $0.outputBytesMax = 128 * 1024 }
    let tail = try rig.client()
    let publisher = try rig.client()
    _ = tail.ask("PSUBSCRIBE", "*")
    let data = String(repeating: "x", count: 20_000)
    for _ in 0..<60 { #expect(publisher.ask("PUBLISH", "a", data) == ":0\r\n") }
    #expect(rig.counters.tailDropped.value > 0)
    #expect(rig.counters.tailSent.value + rig.counters.tailDropped.value == 60)
    var bytes = 0
    while true {
      let got = tail.receive().count
      rig.settle()
      if got == 0 { break }
      bytes += got
    }
    #expect(bytes >= Int(rig.counters.tailSent.value) * 20_000)
    _ = publisher.ask("PUBLISH", "a", "last")
    #expect(tail.text().contains("last"))
  }
}
