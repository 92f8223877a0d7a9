import Base
import Flow
import Ingest
import Platform
import Synchronization
import Testing

// Goal: a publish by API passes the same checks and is answered at the same moment; draining lets
// everything end.
// Method: requests through the mailbox.
@Suite struct RequestTests {
  private final class Answers: Sendable {
    private let all = Mutex<[PublishReply]>([])
    func add(_ reply: PublishReply) { all.withLock { $0.append(reply) } }
    var list: [PublishReply] { all.withLock { $0 } }
  }

  private func post(_ rig: Rig, _ request: PublishRequest) -> Answers {
    let answers = Answers()
    rig.mailbox.post(.publish(request) { answers.add($0) })
    rig.settle()
    return answers
  }

  @Test func `an accepted request is answered after the commit, with its position`() throws {
    let rig = try Rig()
    rig.journalHolds = true
    let request = PublishRequest(
      type: Array("job.a".utf8), data: Array("{}".utf8), channels: [Array("red".utf8)])
    let answers = post(rig, request)
    #expect(answers.list.isEmpty)
    rig.commit()
    rig.settle()
    guard case .accepted(let id, 3, false, let position?) = answers.list.first else {
      Issue.record("\(answers.list)")
      return
    }
    #expect(id == rig.events[0].id)
    #expect(position == rig.events[0].position)
  }

  @Test func `an event for one endpoint is for that one, whatever it subscribed to`() throws {
    let rig = try Rig()
    var request = PublishRequest(type: Array("nobody.wants".utf8), data: Array("{}".utf8))
    request.endpoint = EndpointNumber(7)
    guard case .accepted(_, 1, false, _) = post(rig, request).list.first else {
      Issue.record("not accepted for one")
      return
    }
    let audience = unsafe Array(rig.window.audiences.endpoints(of: rig.events[0].header.audience))
    #expect(audience == [EndpointNumber(7)])
  }

  @Test func `duplicates and conflicts are told`() throws {
    let rig = try Rig()
    var request = PublishRequest(type: [0x61], data: [0x31], id: [0x6B])
    _ = post(rig, request)
    guard case .accepted("k", 0, true, nil) = post(rig, request).list.first else {
      Issue.record("no duplicate")
      return
    }
    request.data = [0x32]
    guard case .refused(.conflict, _) = post(rig, request).list.first else {
      Issue.record("no conflict")
      return
    }
    #expect(rig.events.count == 1)
  }

  @Test func `refusals carry their reason`() throws {
    let rig = try Rig()
    func refusal(_ request: PublishRequest) -> PublishRefusal? {
      guard case .refused(let refusal, let text)? = post(rig, request).list.first
      else { return nil }
      #expect(!text.isEmpty)
      return refusal
    }
    #expect(refusal(PublishRequest(type: [], data: [])) == .invalidType)
    let elsewhere = PublishRequest(application: "oter", type: [0x61], data: [])
    #expect(refusal(elsewhere) == .unknownApplication)
    #expect(refusal(PublishRequest(type: [0x61], data: [], id: [])) == .invalidID)
    let own = PublishRequest(type: [0x61], data: [], id: Array("msg_a".utf8))
    #expect(refusal(own) == .reservedID)
    #expect(refusal(PublishRequest(type: [0x61], data: [], channels: [[0x20]])) == .invalidChannel)
    let large = [UInt8](repeating: 0, count: BlockLimits.dataBytesMax + 1)
    #expect(
      refusal(PublishRequest(type: [0x61], data: large))
        == .tooLarge(limit: BlockLimits.dataBytesMax))
    let json = PublishRequest(
      type: [0x61], data: Array("{".utf8), contentType: Array("application/json".utf8))
    #expect(refusal(json) == .invalidJSON(offset: 1))
  }

  @Test func `requests beyond the bound are refused as busy`() throws {
    let rig = try Rig { $0.requestsMax = 2 }
    rig.journalHolds = true
    let answers = Answers()
    for _ in 0..<3 {
      rig.mailbox.post(.publish(PublishRequest(type: [0x61], data: [])) { answers.add($0) })
    }
    rig.settle()
    #expect(answers.list.count == 1)
    guard case .refused(.busy, _) = answers.list[0] else {
      Issue.record("not busy")
      return
    }
    rig.journalHolds = false
    rig.settle()
    #expect(answers.list.count == 3)
  }

  @Test func `draining refuses new publishes and ends when the old ones are answered`() throws {
    let rig = try Rig()
    let client = try rig.client()
    rig.journalHolds = true
    _ = client.ask("PUBLISH", "job.a", "1")
    rig.ingest.drain()
    #expect(client.ask("PUBLISH", "job.a", "2") == "")
    #expect(!rig.ingest.isDrained)
    let late = try rig.client()
    rig.journalHolds = false
    rig.settle()
    #expect(client.text() == ":2\r\n-ERR shutting down\r\n")
    #expect(rig.ingest.isDrained)
    // Whoever comes now is told at once, and need not wait for the end of the process.
    #expect(late.ask("PUBLISH", "job.a", "3") == "-ERR shutting down\r\n")
    #expect(rig.events.count == 1)
  }
}
