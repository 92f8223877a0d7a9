// Goal: what the kernel knows of a process is read right, and divided by threads.
// Method: this process, with a thread that burns a known time; and samples made by hand.
import Base
import Bench
import Glibc
import Platform
import Synchronization
import Testing

@Suite struct ProcessProbeTests {
  @Test func `a busy thread shows under its name, with about its time`() throws {
    let probe = ProcessProbe(id: getpid())
    let before = probe.sample()
    let isDone = Atomic<Bool>(false)
    let mayEnd = Atomic<Bool>(false)
    Thread.start(name: "reactor-7") {
      var clock = timespec()
      repeat {
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &clock)
      } while clock.tv_nsec
        < 200_000_000 && clock.tv_sec == 0
      isDone.store(true, ordering: .releasing)
      while !mayEnd.load(ordering: .acquiring) { usleep(1000) }
    }
    while !isDone.load(ordering: .acquiring) { usleep(1000) }
    let use = ProcessUse(from: before, to: probe.sample())
    mayEnd.store(true, ordering: .releasing)
    let thread = try #require(use.threads.first { $0.name == "reactor-7" })
    let seconds = thread.userSeconds + thread.systemSeconds
    #expect(seconds > 0.19 && seconds < 0.6, "\(seconds) s of 0.2 s")
    #expect(use.cpuSeconds >= seconds)
    #expect(use.voluntarySwitches > 0, "the wait switched")
    #expect(probe.residentBytes > 1 << 20)
    #expect(probe.sample().peakBytes >= probe.residentBytes / 2)
  }

  private func thread(_ name: String, cpu: UInt64, user: UInt64, system: UInt64) -> ThreadSample {
    ThreadSample(
      name: name, cpuNanoseconds: cpu, userTicks: user, systemTicks: system,
      voluntarySwitches: 0, involuntarySwitches: 0)
  }

  @Test func `exact time is split as the ticks say; what ended counts too`() throws {
    let before = ProcessSample(
      cpuNanoseconds: 1_000_000_000,
      threads: [1: thread("ingest", cpu: 1_000_000_000, user: 50, system: 50)], readCalls: 10,
      writeCalls: nil, peakBytes: 0)
    let after = ProcessSample(
      cpuNanoseconds: 6_000_000_000,
      threads: [
        1: thread("ingest", cpu: 3_000_000_000, user: 200, system: 100),
        2: thread("NIO-1", cpu: 1_000_000_000, user: 100, system: 0),
      ], readCalls: 25, writeCalls: 3, peakBytes: 0)
    let use = ProcessUse(from: before, to: after)
    let ingest = try #require(use.threads.first { $0.name == "ingest" })
    #expect(abs(ingest.userSeconds - 1.5) < 1e-9 && abs(ingest.systemSeconds - 0.5) < 1e-9)
    let control = try #require(use.threads.first { $0.name == "control plane" })
    #expect(abs(control.userSeconds + control.systemSeconds - 3) < 1e-9, "2 s of it had ended")
    #expect(abs(use.cpuSeconds - 5) < 1e-9)
    #expect(use.readCalls == 15 && use.writeCalls == nil)
  }
}
