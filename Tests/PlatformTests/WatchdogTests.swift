// Goal: a sign of life is given while every thread goes round, and not while one does not.
// Method: threads of the test's own, one of which can be held.
import Base
import Platform
import Synchronization
import Testing

struct WatchdogTests {
  /// A loop like those of the data plane, which a test can hold.
  private final class Loop: Sendable {
    let pulse: Pulse
    let isHeld = Atomic<Bool>(false)
    let turns = Atomic<Int>(0)

    init(_ name: String) {
      let wakeup = Wakeup()
      pulse = Pulse(name: name, wakeup: wakeup)
      Thread.start(name: name) { [self] in
        while true {
          pulse.answer()
          turns.add(1, ordering: .relaxed)
          while isHeld.load(ordering: .relaxed) { wakeup.waitBlocking(timeoutMilliseconds: 1) }
          wakeup.prepareToSleep()
          if !pulse.isAsked { wakeup.waitBlocking() }
          wakeup.awake()
        }
      }
    }
  }

  private final class Record: Sendable {
    let signs = Atomic<Int>(0)
    let stuck = Mutex<[[String]]>([])
  }

  private func eventually(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<2_000 {
      if condition() { return true }
      try await Task.sleep(for: .milliseconds(5))
    }
    return false
  }

  @Test(.timeLimit(.minutes(1)))
  func `one thread that hangs silences it, and is named; when it goes on, so does the sign of life`()
    async throws
  {
    let loops = [Loop("one"), Loop("two"), Loop("three")]
    let record = Record()
    Watchdog(
      loops.map(\.pulse), interval: .milliseconds(400),
      alive: { record.signs.add(1, ordering: .relaxed) },
      stuck: { threads in record.stuck.withLock { $0.append(threads) } }
    ).start()
    #expect(try await eventually { record.signs.load(ordering: .relaxed) >= 2 })
    #expect(record.stuck.withLock { $0.isEmpty })
    loops[1].isHeld.store(true, ordering: .relaxed)
    // One that was asked before it was held may have answered.
    #expect(try await eventually { record.stuck.withLock { !$0.isEmpty } })
    let signs = record.signs.load(ordering: .relaxed)
    try await Task.sleep(for: .milliseconds(1_000))
    #expect(record.signs.load(ordering: .relaxed) == signs)
    #expect(record.stuck.withLock { $0 } == [["two"]], "told once")
    loops[1].isHeld.store(false, ordering: .relaxed)
    #expect(try await eventually { record.signs.load(ordering: .relaxed) > signs + 1 })
  }

  @Test(.timeLimit(.minutes(1)))
  func `a thread that nobody asks is not woken`() async throws {
    let loop = Loop("idle")
    #expect(try await eventually { loop.turns.load(ordering: .relaxed) == 1 })
    try await Task.sleep(for: .milliseconds(100))
    #expect(loop.turns.load(ordering: .relaxed) == 1)
    loop.pulse.ask()
    #expect(try await eventually { loop.turns.load(ordering: .relaxed) == 2 })
    #expect(!loop.pulse.isAsked)
  }

  @Test func `what a service manager is told is one assignment a line`() {
    #expect(ServiceManager.text(.status("two\nlines")) == "STATUS=two lines")
    #expect(ServiceManager.text(.ready("ok")) == "READY=1\nSTATUS=ok")
    #expect(ServiceManager.text(.alive) == "WATCHDOG=1")
    let nobody = ServiceManager(environment: ["WATCHDOG_USEC": "1000000"])
    #expect(nobody.watchdogInterval == nil && !nobody.tell(.alive))
    let odd = ServiceManager(environment: ["NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1"])
    #expect(odd.watchdogInterval == nil && !odd.tell(.alive))
  }
}
