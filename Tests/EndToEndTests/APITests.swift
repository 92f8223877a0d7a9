// Goal: the API is as it describes itself, and an event published by it has the same promise as one
// from the socket.
// Method: plain HTTP from Python against the real program; kill -9 after the answer.
import Foundation
import Testing

extension EndToEnd {
  struct APITests {
    private static let beginning = """
      import json, re, sys
      import httpx
      url, token = sys.argv[1:3]
      api = httpx.Client(base_url=url, headers={"authorization": "Bearer " + token})
      """

    private func python(_ broker: TestBroker, _ program: String) async throws -> Child.Result {
      let result = try await Child.run(
        try Tools.python(),
        ["-c", Self.beginning + "\n" + program, try broker.address(), try broker.token()])
      #expect(result.status == 0, "\(result.output)\n\(result.talk)")
      return result
    }

    @Test(.timeLimit(.minutes(2)))
    func `each path of the description has its methods, and 405 names them`() async throws {
      let broker = try await TestBroker.start()
      let result = try await python(
        broker,
        """
        document = httpx.get(url + "/openapi.json").json()
        assert document["openapi"].startswith("3.1")
        for path, operations in document["paths"].items():
            methods = {method.upper() for method in operations}
            allowed = methods | ({"HEAD"} if "GET" in methods else set())
            place = re.sub("{[a-z]+}", "x", path)
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
                answer = api.request(method, place)
                assert answer.status_code == 405, (method, path, answer.status_code)
                assert set(answer.headers["allow"].split(", ")) == allowed, (path, answer.headers)
                assert answer.json()["code"] == "method_not_allowed"
        print(len(document["paths"]), "paths")
        assert api.get("/api/v1/nothing").status_code == 404
        assert httpx.get(url + "/api/v1/app").status_code == 401
        """)
      #expect(result.text.hasSuffix("paths"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `an event by the API survives kill -9, and attempts an orderly stop`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("job.*")
      _ = try await python(
        broker,
        """
        body = {"eventType": "job.done", "payload": {"n": 1}, "eventId": "build-1"}
        first = api.post("/api/v1/app/default/msg", json=body)
        assert first.status_code == 202, first.text
        """)
      try await broker.kill9()
      try await broker.start()
      try await eventually("it arrives", details: { broker.log }) { !bin.lines.isEmpty }
      _ = try await python(
        broker,
        """
        import time
        body = {"eventType": "job.done", "payload": {"n": 1}, "eventId": "build-1"}
        again = api.post("/api/v1/app/default/msg", json=body)
        assert again.status_code == 202 and again.json()["duplicate"], again.text
        other = api.post("/api/v1/app/default/msg", json=body | {"payload": {"n": 2}})
        assert other.status_code == 409 and other.json()["code"] == "conflict", other.text
        fresh = api.post("/api/v1/app/default/msg", json=body | {"eventId": "build-2"})
        assert fresh.status_code == 202 and not fresh.json()["duplicate"], fresh.text
        end = time.monotonic() + 20
        while True:
            attempts = api.get("/api/v1/app/default/attempt/msg/build-2").json()["data"]
            if any(attempt["statusText"] == "success" for attempt in attempts): break
            assert time.monotonic() < end, attempts
            time.sleep(0.05)
        """)
      _ = try await broker.terminate()
      try await broker.start()
      _ = try await python(
        broker,
        """
        attempts = api.get("/api/v1/app/default/attempt/msg/build-2").json()["data"]
        assert [(a["msgId"], a["statusText"]) for a in attempts] == [("build-2", "success")]
        states = api.get("/api/v1/app/default/msg/build-1/endpoint").json()["data"]
        assert all(state["statusText"] == "success" for state in states), states
        assert api.get("/api/v1/app/default/msg/build-1").json()["payload"] == {"n": 1}
        """)
    }

    @Test(.timeLimit(.minutes(2)))
    func `the command line shows what was tried`() async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("job.*", ["--status", "503"])
      try await broker.fanfare("publish", "job.x", "{}", "--id", "build-1")
      try await eventually("it is tried") { !bin.lines.isEmpty }
      var lines: [Substring] = []
      try await eventually("the attempt is listed", details: { "\(lines)" }) {
        lines = try await broker.fanfare("attempts", "--event", "build-1").lines
        return !lines.isEmpty
      }
      let columns = lines[0].split(separator: "\t", omittingEmptySubsequences: false)
      #expect(columns.count == 8)
      #expect(columns[1] == "build-1" && columns[3] == "1" && columns[4] == "503")
      let endpoint = String(columns[2])
      let failed = try await broker.fanfare("attempts", endpoint, "--failed", "--since", "1h")
      #expect(failed.lines.contains(lines[0]))
      #expect(try await broker.run(["attempts"]).status == 64)
    }

    @Test(.timeLimit(.minutes(2)))
    func `lists are walked to the end and back, whatever they hold`() async throws {
      let broker = try await TestBroker.start()
      for number in 0..<7 {
        try await broker.fanfare("publish", "job.x", #"{"n":\#(number)}"#)
        try await broker.fanfare("app", "add", "app-\(number)")
      }
      let result = try await python(
        broker,
        """
        for number in range(7):
            made = api.post("/api/v1/event-type", json={"name": "-type.%d" % number})
            assert made.status_code == 201, made.text

        def walk(path):
            parts, iterator = [], None
            while True:
                part = api.get(path, params={"limit": 3} | ({"iterator": iterator} if iterator else {}))
                assert part.status_code == 200, part.text
                part = part.json()
                parts.append(part)
                iterator = part["iterator"]
                if part["done"]: break
            forth = [e for part in parts for e in part["data"]]
            last = [part for part in parts if part["data"]][-1]
            back, iterator = list(last["data"]), last["prevIterator"]
            while iterator:
                part = api.get(path, params={"limit": 3, "iterator": iterator}).json()
                back = part["data"] + back
                iterator = None if part["done"] else part["prevIterator"]
            assert back == forth, (path, len(back), len(forth))
            return len(forth)

        print(walk("/api/v1/app"), walk("/api/v1/app/default/msg"), walk("/api/v1/event-type"))
        """)
      #expect(result.text == "9 7 7")
    }
  }
}
