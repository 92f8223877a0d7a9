import Base
import Flow
import Ingest
import Testing

// Goal: every option of EMIT does what the contract says, and nothing else passes.
// Method: real unix sockets; what the journal sees is compared.
@Suite struct EmitTests {
  @Test func `options are stored and route`() throws {
    let rig = try Rig()
    let client = try rig.client()
    let answer = client.ask(
      "emit", "job.done", "x", "id", "order-1", "SOURCE", "crm", "Subject", "s", "CHANNEL", "red",
      "CHANNEL", "blue", "CONTENTTYPE", "text/plain", "TIME", "2026-11-21T07:10:00.250Z")
    #expect(answer == "$7\r\norder-1\r\n")
    let event = try #require(rig.events.first)
    #expect(event.header.flags == EventHeader.publisherGaveID)
    #expect(event.header.time.value == 1_795_245_000_250)
    #expect(event.header.kind == .text)
    #expect(unsafe Array(rig.window.audiences.endpoints(of: event.header.audience)).map(\.value)
      == [1, 2, 3])
    let extras = ["text/plain", "crm", "s", "red", "blue"].reduce(0) { $0 + 3 + $1.utf8.count }
    #expect(Int(event.header.extrasLength) == extras)
  }

  @Test func `DETAILS is a map in RESP3 and a flat array in RESP2`() throws {
    let rig = try Rig()
    let client = try rig.client()
    let body = "$2\r\nid\r\n$1\r\nk\r\n$9\r\nendpoints\r\n:2\r\n$9\r\nduplicate\r\n"
    #expect(client.ask("EMIT", "job.a", "1", "ID", "k", "DETAILS") == "*6\r\n" + body + ":0\r\n")
    _ = client.ask("HELLO", "3")
    #expect(client.ask("EMIT", "job.a", "1", "ID", "k", "DETAILS") == "%3\r\n" + body + ":1\r\n")
  }

  @Test func `a time in milliseconds is taken, nonsense is not`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("EMIT", "a", "1", "ID", "k", "TIME", "1700000000123") == "$1\r\nk\r\n")
    #expect(rig.events[0].header.time.value == 1_700_000_000_123)
    for time in ["0", "-1", "yesterday", "99999999999999999999", "253402300800000"] {
      #expect(client.ask("EMIT", "a", "1", "TIME", time).hasPrefix("-ERR invalid TIME"))
    }
  }

  @Test func `an unknown application is refused with a suggestion`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(
      client.ask("EMIT", "a", "1", "APP", "othr")
        == "-ERR unknown application 'othr'; did you mean 'other'?\r\n")
    #expect(client.ask("EMIT", "a", "1", "APP", "zzzzzzzz").hasSuffix("'zzzzzzzz'\r\n"))
    #expect(client.ask("EMIT", "job.a", "1", "APP", "other", "ID", "k") == "$1\r\nk\r\n")
    #expect(rig.events[0].header.application == ApplicationNumber(2))
  }

  @Test func `a JSON content type with other data is refused with the byte offset`() throws {
    let rig = try Rig()
    let client = try rig.client()
    for type in ["application/json", "application/cloudevents+json; charset=utf-8"] {
      #expect(
        client.ask("EMIT", "a", "{\"a\":}", "CONTENTTYPE", type)
          == "-ERR data is not valid JSON at byte 5, but the content type says so\r\n")
    }
    #expect(rig.events.isEmpty)
    let answer = client.ask("EMIT", "a", "{}", "CONTENTTYPE", "application/json")
    #expect(answer.hasPrefix("$31\r\nmsg_"))
  }

  @Test(arguments: [
    (["ID", "a.b"], "-ERR invalid ID"), (["ID", ""], "-ERR invalid ID"),
    (["ID", "msg_x"], "-ERR invalid ID: ids that begin with 'msg_'"),
    (["CHANNEL", "a b"], "-ERR invalid CHANNEL"), (["SOURCE", ""], "-ERR invalid SOURCE"),
    (["SUBJECT", "a\u{7}"], "-ERR invalid SUBJECT"),
    (["CONTENTTYPE", "text\r\nX: y"], "-ERR invalid CONTENTTYPE"),
    (["SYNC"], "-ERR SYNC is not available in this version"),
    (["SOURCE", "a", "SOURCE", "b"], "-ERR an option is given twice"),
    (["COLOUR", "red"], "-ERR syntax error"), (["ID"], "-ERR syntax error: an option lacks"),
  ])
  func `what the grammar refuses is told apart`(options: [String], error: String) throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask(Client.frame(["EMIT", "a", "1"] + options)).hasPrefix(error))
    #expect(rig.events.isEmpty)
  }

  @Test func `sixteen channels are taken, the seventeenth is not`() throws {
    let rig = try Rig()
    let client = try rig.client()
    let channels = (0..<16).flatMap { ["CHANNEL", "c\($0)"] }
    #expect(client.ask(Client.frame(["EMIT", "a", "1"] + channels)).hasPrefix("$31"))
    #expect(
      client.ask(Client.frame(["EMIT", "a", "1"] + channels + ["CHANNEL", "x"]))
        .hasPrefix("-ERR too many channels"))
  }
}
