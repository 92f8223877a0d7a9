// Goal: endpoints are managed by the command line alone, and secrets are shown once.
// Method: the real program against a real broker; the sample receiver is run as a user would.
import Foundation
import Testing

extension EndToEnd {
  struct EndpointCommandTests {
    @Test(.timeLimit(.minutes(2)))
    func `the secret is shown by add and never again`() async throws {
      let broker = try await TestBroker.start()
      let added = try await broker.fanfare(
        "endpoint", "add", "ci", "https://127.0.0.1:9/hook", "--types", "job.*,build.done",
        "--channels", "c1", "--description", "for CI", "--json")
      let endpoint = try added.json(as: EndpointLine.self)
      let secret = try #require(endpoint.secret)
      #expect(secret.hasPrefix("whsec_"))
      #expect(endpoint.name == "ci" && endpoint.uid == "ci")
      #expect(endpoint.eventTypes == ["job.*", "build.done"])
      for words in [["show", "ci"], ["list"], ["show", "ci", "--json"], ["list", "--json"]] {
        let result = try await broker.run(["endpoint"] + words)
        #expect(result.status == 0, "\(result.talk)")
        #expect(!result.output.contains("whsec_") && !result.talk.contains("whsec_"))
        #expect(result.output.contains("ci"))
      }
      let rotated = try await broker.fanfare("endpoint", "rotate-secret", "ci", "--json")
      #expect(rotated.output.contains("whsec_") && !rotated.output.contains(secret))
    }

    @Test(.timeLimit(.minutes(2)))
    func `an edit takes effect without a restart`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "e", "https://127.0.0.1:9/", "--types", "old.*")
      let before = try await broker.fanfare("publish", "new.x", "{}", "--json")
      #expect(try before.json(as: PublishedLine.self).endpoints == 0)
      try await broker.fanfare("endpoint", "edit", "e", "--types", "new.*")
      let after = try await broker.fanfare("publish", "new.x", "{}", "--json")
      #expect(try after.json(as: PublishedLine.self).endpoints == 1)
    }

    @Test(.timeLimit(.minutes(2)))
    func `removing with a backlog says how many and asks`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "e", "https://127.0.0.1:9/")
      for number in 1...3 { try await broker.fanfare("publish", "x.x", "\(number)") }
      let refused = try await broker.run(["endpoint", "remove", "e"])
      #expect(refused.status == 64)
      #expect(refused.talk.contains("3 pending deliveries"))
      #expect(refused.talk.contains("--yes"))
      let removed = try await broker.fanfare("endpoint", "remove", "e", "--yes")
      #expect(removed.talk.contains("3 pending deliveries"))
      let gone = try await broker.run(["endpoint", "show", "e"])
      #expect(gone.status == 1)
    }

    @Test(.timeLimit(.minutes(2)))
    func `what is wrong is refused with its field, and a near name is suggested`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "build-server", "https://127.0.0.1:9/")
      let url = try await broker.run(["endpoint", "add", "https://user:pw@example.com/"])
      #expect(url.status == 65)
      #expect(url.talk.contains("url"))
      let retry = try await broker.run(["endpoint", "edit", "build-server", "--retry", "soon"])
      #expect(retry.status == 65)
      #expect(retry.talk.contains("retry"))
      let again = try await broker.run(["endpoint", "add", "build-server", "https://127.0.0.1:9/"])
      #expect(again.status == 65, "a conflict")
      let near = try await broker.run(["endpoint", "show", "build-sever"])
      #expect(near.status == 1)
      #expect(near.talk.contains("did you mean 'build-server'?"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `the Python sample verifies what Fanfare sends`() async throws {
      let broker = try await TestBroker.start()
      let port = try freePort()
      let added = try await broker.fanfare(
        "endpoint", "add", "sample", "http://127.0.0.1:\(port)/", "--sample", "python")
      let program = added.output.replacingOccurrences(of: "8000", with: "\(port)")
      let script = try broker.folder.write(program, to: "receiver.py")
      let receiver = try Child(try Tools.python(), [script])
      try await eventually("the sample listens", details: { receiver.talk }) {
        let probe = try await Child.run(
          try Tools.find("curl"),
          ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", "http://127.0.0.1:\(port)/"])
        return probe.text == "401"
      }
      let id = try await broker.fanfare("publish", "s.s", #"{"n":1}"#).text
      try await eventually("it takes the event", details: { receiver.talk + broker.log }) {
        receiver.output.contains(id)
      }
    }

    @Test(.timeLimit(.minutes(2)))
    func `applications keep their endpoints apart`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("app", "add", "acme")
      try await broker.fanfare("endpoint", "add", "e", "https://127.0.0.1:9/", "--app", "acme")
      let inside = try await broker.fanfare("publish", "x.x", "{}", "--app", "acme", "--json")
      #expect(try inside.json(as: PublishedLine.self).endpoints == 1)
      let outside = try await broker.fanfare("publish", "x.x", "{}", "--json")
      #expect(try outside.json(as: PublishedLine.self).endpoints == 0)
      let asked = try await broker.run(["app", "remove", "acme"])
      #expect(asked.status == 64)
      try await broker.fanfare("app", "remove", "acme", "--yes")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a wrong token is refused with 77`() async throws {
      let broker = try await TestBroker.start()
      let url = try String(contentsOfFile: broker.data + "/address", encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let wrong = try await broker.run(["status", "--url", url, "--token", "nonsense"])
      #expect(wrong.status == 77)
      try await broker.fanfare("status", "--url", url, "--token", "@\(broker.data)/token")
      let published = try await broker.fanfare(
        "publish", "x.x", "plain text", "--url", url, "--token", "@\(broker.data)/token", "--json")
      #expect(try published.json(as: PublishedLine.self).id.hasPrefix("msg_"))
    }
  }
}
