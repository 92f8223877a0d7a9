// Goal: `publish` keeps the contract: ids, answers in order, hints, exit codes.
// Method: a real broker; exit codes and streams of the real program.
import Foundation
import Testing

extension EndToEnd {
  struct PublishTests {
    @Test(.timeLimit(.minutes(2)))
    func `an event without a subscriber is taken, and the nearest type is named`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare(
        "endpoint", "add", "ci", "https://127.0.0.1:9/", "--types", "job.completed")
      let result = try await broker.fanfare("publish", "job.complted", "{}", "--json")
      let answer = try result.json(as: PublishedLine.self)
      #expect(answer.endpoints == 0 && !answer.duplicate)
      #expect(result.talk.contains("job.completed"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `an id of the publisher's is acknowledged twice, sent once, and guarded`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("*")
      let first = try await broker.fanfare("publish", "a.b", "{}", "--id", "x-1", "--json")
      #expect(try first.json(as: PublishedLine.self).id == "x-1")
      let second = try await broker.fanfare("publish", "a.b", "{}", "--id", "x-1", "--json")
      #expect(try second.json(as: PublishedLine.self).duplicate)
      let third = try await broker.run(["publish", "a.b", "[]", "--id", "x-1"])
      #expect(third.status == 65)
      #expect(third.talk.contains("conflict"))
      try await broker.fanfare("publish", "a.c", "{}")
      try await eventually("the last event arrives") { bin.lines.count >= 2 }
      #expect(bin.lines.count == 2, "x-1 once, then a.c")
    }

    @Test(.timeLimit(.minutes(2)))
    func `lines are answered in their order, and each arrives once`() async throws {
      let broker = try await TestBroker.start()
      let count = 2_000
      let nginx = try await NginxReceiver()
      try await nginx.start()
      try await broker.fanfare(
        "endpoint", "add", "all", "https://127.0.0.1:\(nginx.port)/all", "--ca",
        nginx.certificate.certificate)
      let input = (1...count).map { #"{"n":\#($0)}"# }.joined(separator: "\n") + "\n"
      let result = try await broker.fanfare("publish", "n.n", "--lines", "--json", input: input)
      let answers = try result.jsonLines(as: LineAnswer.self)
      #expect(answers.map(\.line) == Array(1...count))
      let ids = Set(answers.compactMap(\.id))
      #expect(ids.count == count)
      try await eventually("everything arrives", details: { broker.log }) {
        nginx.ids(at: "/all").count >= count
      }
      #expect(Set(nginx.ids(at: "/all").map(String.init)) == ids)
      #expect(nginx.ids(at: "/all").count == count)
    }

    @Test(.timeLimit(.minutes(2)))
    func `bad data is refused with 65, by line or alone`() async throws {
      let broker = try await TestBroker.start()
      #expect(try await broker.run(["publish", "no type", "{}"]).status == 65)
      let app = try await broker.run(["publish", "a.b", "{}", "--app", "defalt"])
      #expect(app.status == 65)
      #expect(app.talk.contains("did you mean 'default'?"))
      let json = try await broker.run(
        ["publish", "a.b", #"{"a":}"#, "--content-type", "application/json"])
      #expect(json.status == 65)
      #expect(json.talk.contains("5"), "the offset of the fault: \(json.talk)")
      let large = String(repeating: "x", count: 1 << 20 + 1)
      let lines = try await broker.run(
        ["publish", "a.b", "--lines", "--json"], input: "1\n\(large)\n3\n")
      #expect(lines.status == 65)
      let answers = try lines.jsonLines(as: LineAnswer.self)
      #expect(answers.map(\.line) == [1, 2, 3])
      #expect(answers[1].error?.contains("too large") == true)
      #expect(answers[2].id != nil, "the connection goes on")
      #expect(try await broker.run(["publish", "a.b"]).status == 64)
    }

    @Test(.timeLimit(.minutes(1)))
    func `without a broker it exits 69 and names path and next command`() async throws {
      let folder = try TemporaryFolder()
      let program = try Tools.fanfare()
      for words in [["publish", "a.b", "{}"], ["status"], ["endpoint", "list"]] {
        let result = try await Child.run(program, words, in: folder.path)
        #expect(result.status == 69)
        #expect(result.talk.contains("\(folder.path)/data/"))
        #expect(result.talk.contains("fanfare serve --data \(folder.path)/data"))
      }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a mistyped command gets a suggestion`() async throws {
      let program = try Tools.fanfare()
      let result = try await Child.run(program, ["endpoint", "lst"])
      #expect(result.status == 64)
      #expect(result.talk.contains("fanfare endpoint list"))
    }
  }
}
