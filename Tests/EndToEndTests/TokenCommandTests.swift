// Goal: a token opens what its scopes say, where they say, until it ends; a new key changes nothing else.
// Method: the real program, by the token that it printed and by the broker's own.
import Foundation
import Testing

extension EndToEnd {
  struct TokenCommandTests {
    @Test(.timeLimit(.minutes(2)))
    func `a token is good for its scopes and application, until it is removed`() async throws {
      let broker = try await TestBroker.start()
      try await broker.fanfare("app", "add", "acme")
      let made = try await broker.fanfare(
        "token", "add", "ci", "--scopes", "publish,read", "--app", "acme", "--expires", "90d")
      let token = made.text
      #expect(token.hasPrefix("fft_") && made.talk.contains("shown this once"))
      let url = broker.folder.read("data/address").trimmingCharacters(in: .newlines)
      func asCI(_ arguments: String...) async throws -> Child.Result {
        try await Child.run(
          try Tools.fanfare(), arguments,
          environment: ["FANFARE_URL": url, "FANFARE_TOKEN": token])
      }
      #expect(try await asCI("publish", "a.b", "{}", "--app", "acme").status == 0)
      #expect(try await asCI("endpoint", "list", "--app", "acme").status == 0)
      let manage = try await asCI("endpoint", "add", "x", "https://127.0.0.1:9/", "--app", "acme")
      #expect(manage.status == 1 && manage.talk.contains("lacks the scope 'manage'"))
      let elsewhere = try await asCI("publish", "a.b", "{}")
      #expect(elsewhere.status == 1 && elsewhere.talk.contains("one application only"))
      #expect(try await asCI("token", "list").status == 1)

      let list = try await broker.fanfare("token", "list")
      let line = try #require(list.lines.first { $0.hasPrefix("ci\t") })
      #expect(line.contains("publish,read\tacme\t") && !line.contains(token))
      try await broker.fanfare("token", "remove", "ci", "--yes")
      let gone = try await asCI("publish", "a.b", "{}", "--app", "acme")
      #expect(gone.status == 77 && gone.talk.contains("the token is not known"))

      let own = try await broker.run(["token", "remove", "local", "--yes"])
      #expect(own.status == 65 && own.talk.contains("is that of the commands"))
      let odd = try await broker.run(["token", "add", "x", "--scopes", "publsh"])
      #expect(odd.status == 65 && odd.talk.contains("did you mean 'publish'?"), "\(odd.talk)")
      let nowhere = try await broker.run(["token", "add", "x", "--scopes", "read", "--app", "acm"])
      #expect(nowhere.status == 1 && nowhere.talk.contains("acme"), "\(nowhere.talk)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `whoever guesses tokens is told to wait, and holds up nobody else`() async throws {
      let broker = try await TestBroker.start()
      let url = broker.folder.read("data/address").trimmingCharacters(in: .newlines)
      let curl = try Tools.find("curl")
      func status(_ token: String) async throws -> String {
        try await Child.run(
          curl,
          [
            "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer \(token)",
            url + "/api/v1/app",
          ]
        ).text
      }
      var seen: [String] = []
      // More than one window can take, should a minute end meanwhile.
      for number in 0..<45 { seen.append(try await status("fft_guess\(number)")) }
      #expect(seen.prefix(10).allSatisfy { $0 == "401" })
      #expect(seen.contains("429"))
      let own = broker.folder.read("data/token").trimmingCharacters(in: .newlines)
      #expect(try await status(own) == "200")
      #expect(broker.log.split(separator: "\n").count { $0.contains("api token refused") } <= 4)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a new key takes over while events are delivered, and after a restart`() async throws {
      let broker = try await TestBroker.start()
      let receiver = try await PythonReceiver()
      try await receiver.start()
      let added = try await broker.fanfare(
        "endpoint", "add", "r", "https://127.0.0.1:\(receiver.port)/r", "--ca",
        receiver.certificate.certificate, "--json")
      try receiver.expect(
        try #require(try added.json(as: EndpointLine.self).secret), at: "/r")
      let before = broker.folder.read("data/key")
      let rotated = try await broker.fanfare("key", "rotate")
      #expect(rotated.talk.contains("the secrets of 1 endpoint are encrypted under key"))
      let after = broker.folder.read("data/key")
      #expect(after != before && after.split(separator: "\n").count == 1)
      try await broker.fanfare("publish", "r.one", "{}")
      try await broker.fanfare("key", "rotate", "--keep-former")
      #expect(broker.folder.read("data/key").hasSuffix(after))
      try await broker.kill9()
      try await broker.start()
      try await broker.fanfare("publish", "r.two", "{}")
      // What was in flight at the kill may come twice.
      try await eventually("both arrive", details: { broker.log }) {
        Set(receiver.requests.map(\.id)).count == 2
      }
      #expect(receiver.requests.allSatisfy { $0.problem.isEmpty })
      // A file that the broker may not write is said to be one, and nothing changes.
      let path = broker.data + "/key"
      let kept = broker.folder.read("data/key")
      try FileManager.default.removeItem(atPath: path)
      let refused = try await broker.run(["key", "rotate"])
      #expect(refused.status == 65 && refused.talk.contains("key file \(path)"))
      try broker.folder.write(kept, to: "data/key")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      try await broker.fanfare("key", "rotate")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a page of another site may not use the API from somebody's browser`() async throws {
      let broker = try await TestBroker.start()
      let url = broker.folder.read("data/address").trimmingCharacters(in: .newlines)
      let token = broker.folder.read("data/token").trimmingCharacters(in: .newlines)
      let curl = try Tools.find("curl")
      func status(_ headers: String..., path: String = "/api/v1/app") async throws -> String {
        let words = (headers + ["Authorization: Bearer \(token)"]).flatMap { ["-H", $0] }
        return try await Child.run(
          curl, ["-s", "-o", "/dev/null", "-w", "%{http_code}"] + words + [url + path]
        ).text
      }
      #expect(try await status() == "200")
      #expect(try await status("Origin: \(url)") == "200")
      #expect(try await status("Origin: https://evil.example") == "403")
      #expect(try await status("Origin: null") == "403")
      #expect(try await status("Host: evil.example") == "421")
      #expect(try await status("Origin: https://evil.example", path: "/healthz") == "200")
    }
  }
}
