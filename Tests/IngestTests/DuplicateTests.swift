import Base
import Flow
import Ingest
import Testing

// Goal: a publisher-given id is taken once; the same content is acknowledged again, after the first
// is durable, and other content is a conflict.
// Method: the journal is held back between the two.
@Suite struct DuplicateTests {
  @Test func `the same content is acknowledged again and not stored again`() throws {
    let rig = try Rig()
    let client = try rig.client()
    #expect(client.ask("EMIT", "job.a", "1", "ID", "k") == "$1\r\nk\r\n")
    #expect(client.ask("EMIT", "job.a", "1", "ID", "k") == "$1\r\nk\r\n")
    #expect(rig.events.count == 1)
    #expect(rig.counters.duplicates.value == 1)
    #expect(rig.counters.accepted.value == 1)
  }

  @Test func `other data, type or content type is a conflict`() throws {
    let rig = try Rig()
    let client = try rig.client()
    _ = client.ask("EMIT", "job.a", "1", "ID", "k")
    #expect(client.ask("EMIT", "job.a", "2", "ID", "k").hasPrefix("-CONFLICT "))
    #expect(client.ask("EMIT", "job.b", "1", "ID", "k").hasPrefix("-CONFLICT "))
    #expect(
      client.ask("EMIT", "job.a", "1", "ID", "k", "CONTENTTYPE", "text/x").hasPrefix("-CONFLICT "))
    #expect(client.ask("EMIT", "job.a", "2", "ID", "k", "APP", "other") == "$1\r\nk\r\n")
    #expect(rig.events.count == 2)
    #expect(rig.counters.errorsConflict.value == 3)
  }

  @Test func `a duplicate waits until the first is durable, in the open block and in a sealed one`()
    throws
  {
    let rig = try Rig()
    let first = try rig.client()
    let second = try rig.client()
    let third = try rig.client()
    rig.journalHolds = true
    first.send(Client.frame(["EMIT", "a", "1", "ID", "k"]))
    second.send(Client.frame(["EMIT", "a", "1", "ID", "k"]))
    rig.settle()
    #expect(rig.sealed.count == 1)
    #expect(third.ask("EMIT", "a", "1", "ID", "k") == "")
    #expect(rig.ingest.remembered().isEmpty)
    rig.commit()
    rig.settle()
    #expect(first.text() == "$1\r\nk\r\n")
    #expect(second.text() == "$1\r\nk\r\n")
    #expect(third.text() == "$1\r\nk\r\n")
    #expect(rig.events.count == 1)
    #expect(rig.ingest.remembered().count == 1)
  }

  @Test func `ids that recovery gives back are remembered`() throws {
    let before = try Rig()
    let publisher = try before.client()
    _ = publisher.ask("EMIT", "job.a", "1", "ID", "k")
    let after = try Rig(remembered: before.ingest.remembered())
    let client = try after.client()
    #expect(client.ask("EMIT", "job.a", "1", "ID", "k") == "$1\r\nk\r\n")
    #expect(client.ask("EMIT", "job.a", "2", "ID", "k").hasPrefix("-CONFLICT"))
    #expect(after.events.isEmpty)
    let header = before.events[0].header
    #expect(
      before.ingest.remembered().map(\.key)
        == [RememberedID.key(application: header.application, idHash: header.idHash)])
  }

  @Test func `ids are forgotten after their time and beyond their number`() throws {
    let rig = try Rig { $0.rememberedMax = 3 }
    let client = try rig.client()
    for id in ["a", "b", "c", "d"] { _ = client.ask("EMIT", "t", "1", "ID", id) }
    #expect(client.ask("EMIT", "t", "2", "ID", "b").hasPrefix("-CONFLICT"))
    #expect(client.ask("EMIT", "t", "2", "ID", "a") == "$1\r\na\r\n")
    rig.pass(seconds: 12 * 3600 + 1)
    #expect(client.ask("EMIT", "t", "3", "ID", "a") == "$1\r\na\r\n")
    #expect(rig.events.count == 6)
    #expect(rig.ingest.remembered().count == 1)
  }
}
