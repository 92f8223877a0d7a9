// Goal: what the README promises a newcomer works word for word.
// Method: the three commands, each its own process, in one fresh directory.
import Foundation
import Glibc
import Testing

extension EndToEnd {
  struct FirstFiveMinutesTests {
    @Test(.timeLimit(.minutes(2)))
    func `three commands in three terminals show a signed event`() async throws {
      let program = try Tools.fanfare()
      let folder = try TemporaryFolder()
      // The commands are the README's; only the port is taken from the environment.
      let environment = ["FANFARE_LISTEN": "127.0.0.1:0"]
      func fanfare(_ words: String...) throws -> Child {
        try Child(program, words, in: folder.path, environment: environment)
      }

      let broker = try fanfare("serve", "--dev")
      try await eventually("the broker is ready", details: { broker.talk }) {
        try await Child.run(program, ["health", "--ready"], in: folder.path).status == 0
      }
      #expect((broker.talk + broker.output).contains("fanfare.sock"))
      #expect((broker.talk + broker.output).contains("http://127.0.0.1:"))

      let bin = try fanfare("listen", "--subscribe", "job.*")
      try await eventually("the bin has subscribed", details: { bin.talk }) {
        bin.talk.contains("subscribed to job.*")
      }
      #expect(bin.talk.contains("https://127.0.0.1:"))
      #expect(bin.talk.contains("whsec_"))

      let publish = try await fanfare("publish", "job.completed", #"{"job":42}"#).end()
      #expect(publish.status == 0)
      #expect(publish.text.hasPrefix("msg_"))
      #expect(publish.talk.isEmpty, "nothing to complain about: \(publish.talk)")

      try await eventually("the event arrives", details: { bin.output + broker.talk }) {
        bin.output.contains("job.completed")
      }
      try await eventually("its body is shown") { bin.output.contains(#""job": 42"#) }
      #expect(bin.output.contains("✓ verified"))
      #expect(bin.output.contains(publish.text))

      #expect(try await bin.stop(SIGINT).status == 0)
      let list = try await fanfare("endpoint", "list", "--json").end()
      #expect(try list.json(as: [EndpointLine].self).isEmpty, "the bin takes its endpoint along")
      #expect(try await broker.stop(SIGTERM).status == 0)
    }
  }
}
