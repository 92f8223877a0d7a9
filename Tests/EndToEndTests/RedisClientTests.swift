// Goal: any Redis client that opens unix sockets is a publisher.
// Method: redis-cli, redis-py and redis-benchmark as they come, against a real broker.
import Foundation
import Testing

extension EndToEnd {
  struct RedisClientTests {
    @Test(.timeLimit(.minutes(2)), arguments: ["-2", "-3"])
    func `redis-cli publishes in both protocol versions`(version: String) async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("job.*")
      func redis(_ words: String...) async throws -> Child.Result {
        try await Child.run(
          try Tools.find("redis-cli"), [version, "-s", broker.socket] + words)
      }
      #expect(try await redis("PING").text == "PONG")
      #expect(try await redis("PUBLISH", "job.a", #"{"n":1}"#).text == "1")
      #expect(try await redis("PUBLISH", "other", "x").text == "0")
      #expect(try await redis("EMIT", "job.b", "text", "ID", "mine").text == "mine")
      let details = try await redis("EMIT", "job.c", "{}", "CHANNEL", "c1", "DETAILS")
      for key in ["id", "endpoints", "duplicate"] { #expect(details.text.contains(key)) }
      #expect(try await redis("PUBLISH", "no type", "x").text.hasPrefix("ERR"))
      #expect(try await redis("NOSUCH").text.hasPrefix("ERR unknown command"))
      try await eventually("three events arrive") { bin.lines.count >= 3 }
      let received = try bin.lines.map {
        try JSONDecoder().decode(ReceivedLine.self, from: Data($0.utf8))
      }
      #expect(Set(received.compactMap(\.type)) == ["job.a", "job.b", "job.c"])
      #expect(received.allSatisfy { $0.verified == true })
    }

    @Test(.timeLimit(.minutes(2)), arguments: [2, 3])
    func `redis-py sends its pipeline as one atomic batch`(version: Int) async throws {
      let broker = try await TestBroker.start()
      let bin = try await broker.bin("batch.*")
      let script = """
        import redis
        client = redis.Redis(unix_socket_path="\(broker.socket)", protocol=\(version))
        assert client.ping()
        pipeline = client.pipeline()
        for number in range(10):
            pipeline.publish("batch.event", '{"n":%d}' % number)
        assert pipeline.execute() == [1] * 10
        plain = client.pipeline(transaction=False)
        for number in range(10):
            plain.publish("batch.event", '{"n":%d}' % number)
        assert plain.execute() == [1] * 10
        broken = client.pipeline()
        broken.publish("batch.event", "{}")
        broken.publish("no type", "{}")
        try:
            broken.execute()
        except redis.ResponseError:
            print("refused whole")
        """
      let result = try await Child.run(try Tools.python(), ["-c", script])
      #expect(result.status == 0, "\(result.talk)")
      #expect(result.text == "refused whole")
      try await eventually("all twenty arrive", details: { broker.log }) { bin.lines.count >= 20 }
      let status = try await broker.fanfare("status", "--json").json(as: StatusReport.self)
      #expect(status.events.accepted == 20, "the broken batch left nothing behind")
    }

    @Test(.timeLimit(.minutes(3)))
    func `redis-benchmark runs unchanged and everything it published arrives`() async throws {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      try await broker.fanfare(
        "endpoint", "add", "all", "https://127.0.0.1:\(nginx.port)/all", "--ca",
        nginx.certificate.certificate)
      let count = 20_000
      let payload = String(repeating: "x", count: 512)
      let result = try await Child.run(
        try Tools.find("redis-benchmark"),
        [
          "-s", broker.socket, "-n", "\(count)", "-P", "64", "-q", "PUBLISH", "bench.event",
          payload,
        ])
      #expect(result.status == 0, "\(result.talk)")
      #expect(result.output.contains("requests per second"))
      try await eventually("everything is delivered", within: 60, details: { broker.log }) {
        let status = try await broker.fanfare("status", "--json").json(as: StatusReport.self)
        return status.deliveries.delivered >= count && status.deliveries.pending == 0
      }
      let ids = nginx.ids(at: "/all")
      #expect(ids.count >= count)
      #expect(Set(ids).count == ids.count, "each once")
    }
  }
}
