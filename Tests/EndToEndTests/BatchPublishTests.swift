// Goal: redis-py's default pipeline, which is MULTI … EXEC, takes what people put into one.
// Method: the official client against the real broker.
import Foundation
import Testing

extension EndToEnd {
  struct BatchPublishTests {
    private static let script = """
      import redis, sys
      client = redis.Redis(unix_socket_path=sys.argv[1], protocol=int(sys.argv[2]))
      for count, size in ((1000, 512), (10000, 20), (1, 1000000)):
          pipeline = client.pipeline()
          for _ in range(count):
              pipeline.publish("batch.x", "x" * size)
          assert pipeline.execute() == [1] * count
      pipeline = client.pipeline()
      for _ in range(20):
          pipeline.publish("batch.x", "x" * 100000)
      try:
          pipeline.execute()
          print("taken")
      except redis.exceptions.ResponseError as error:
          print("TOOLARGE" in str(error))
      """

    @Test(.timeLimit(.minutes(2)), arguments: ["2", "3"])
    func `large pipelines are stored whole, one beyond the limit not at all`(version: String)
      async throws
    {
      let broker = try await TestBroker.start()
      try await broker.fanfare("endpoint", "add", "e", "https://127.0.0.1:9/")
      try await broker.fanfare("endpoint", "pause", "e")
      let result = try await Child.run(
        try Tools.python(), ["-c", Self.script, broker.socket, version])
      #expect(result.status == 0, "\(result.talk)")
      #expect(result.text == "True")
      #expect(try await broker.status().events.accepted == 11_001)
      // What was stored is read back whole after a kill.
      try await broker.kill9()
      try await broker.start()
      #expect(try await broker.spool("e").depth == 11_001)
    }
  }
}
