// Goal: a broker with nothing to do does nothing: no thread wakes up.
// Method: after a delivery, the kernel's count of context switches of each of its threads; a window
// in which none moves must come, and stay away from a program that polls, however slowly.
import Foundation
import Testing

extension EndToEnd {
  struct IdleTests {
    private static let windowSeconds = 4

    @Test(.timeLimit(.minutes(2)))
    func `no thread wakes up while nothing is due`() async throws {
      let broker = try await TestBroker.start()
      let nginx = try await NginxReceiver()
      try await nginx.start()
      for number in 1...16 {
        try await broker.fanfare(
          "endpoint", "add", "e\(number)", "https://127.0.0.1:\(nginx.port)/e\(number)", "--ca",
          nginx.certificate.certificate)
      }
      try await broker.fanfare("publish", "job.completed", #"{"job":1}"#)
      try await eventually("it is delivered to all", details: { broker.log }) {
        let status = try await broker.fanfare("status", "--json").json(as: StatusReport.self)
        return status.deliveries.delivered == 16
      }

      let process = try #require(broker.process)
      var moved: [String] = []
      // The pool of the control plane keeps threads that are not needed for some seconds.
      for _ in 0..<8 {
        let before = try process.contextSwitches()
        try await Task.sleep(for: .seconds(Self.windowSeconds))
        let after = try process.contextSwitches()
        moved = after.filter { before[$0.key] != $0.value }.keys.sorted()
        if moved.isEmpty, after.count == before.count { break }
      }
      #expect(moved.isEmpty, "woke within \(Self.windowSeconds) s")
    }
  }
}
