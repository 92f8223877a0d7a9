// Goal: no wake-up is ever lost, by eventfd or by epoll, and a busy pair exchanges no system call.
// Method: two threads that hand a counter to and fro and sleep as the stages do; a lost wake-up hangs.
internal import Base
internal import Glibc
internal import Platform
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct WakeupTests {
  @Test func `two threads that sleep on eventfds hand over thousands of elements`() {
    let total: UInt64 = 5_000
    let there = Ring<UInt64>(capacity: 2)
    let back = Ring<UInt64>(capacity: 2)
    let worker = Wakeup()
    let main = Wakeup()
    Thread.start(name: "echo") {
      var seen: UInt64 = 0
      while seen < total {
        guard let value = there.pop() else {
          worker.prepareToSleep()
          if there.count == 0 { worker.waitBlocking() }
          worker.awake()
          continue
        }
        while !back.push(value) { sched_yield() }
        main.wake()
        seen += 1
      }
    }
    var sent: UInt64 = 0
    var received: UInt64 = 0
    var wrong = 0
    while received < total {
      if sent < total, there.push(sent) {
        worker.wake()
        sent += 1
      }
      if let value = back.pop() {
        if value != received { wrong += 1 }
        received += 1
      } else if sent == total || there.count == 2 {
        main.prepareToSleep()
        if back.count == 0 { main.waitBlocking() }
        main.awake()
      }
    }
    #expect(wrong == 0)
  }

  @Test func `a thread that sleeps in epoll is woken for each of thousands of pushes`() {
    let total: UInt64 = 5_000
    let ring = Ring<UInt64>(capacity: 4)
    let answered = Ring<UInt64>(capacity: 4)
    let poller = Poller()
    let clock = RealClock()
    let owner = Wakeup()
    Thread.start(name: "pusher") {
      for value in 0..<total {
        while !ring.push(value) { sched_yield() }
        poller.wakeup.wake()
        // Now and then wait for the answer, so that the other side falls asleep.
        if value % 3 == 0 {
          while answered.pop() == nil {
            owner.prepareToSleep()
            if answered.count == 0 { owner.waitBlocking() }
            owner.awake()
          }
        }
      }
    }
    var expected: UInt64 = 0
    var wrong = 0
    while expected < total {
      poller.wakeup.prepareToSleep()
      var deadline = Instant.distantFuture
      let now = clock.now().instant
      if ring.count > 0 {
        poller.wakeup.awake()
        deadline = now
      }
      _ = poller.wait(now: now, until: deadline)
      while let value = ring.pop() {
        if value != expected { wrong += 1 }
        expected += 1
        if value % 3 == 0 {
          while !answered.push(value) { sched_yield() }
          owner.wake()
        }
      }
    }
    #expect(wrong == 0)
  }

  @Test func `waking an owner that is awake writes nothing`() {
    let wakeup = Wakeup()
    wakeup.wake()
    var entry = pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&entry, 1, 0) == 0)
    wakeup.prepareToSleep()
    wakeup.wake()
    wakeup.wake()
    #expect(unsafe poll(&entry, 1, 0) == 1)
    wakeup.drain()
    #expect(unsafe poll(&entry, 1, 0) == 0)
  }

  @Test func `an owner that dozes is woken, and not by a nudge; one that sleeps by both`() {
    let wakeup = Wakeup()
    var entry = pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
    wakeup.nudge()
    #expect(unsafe poll(&entry, 1, 0) == 0)
    wakeup.prepareToSleep(isDozing: true)
    wakeup.nudge()
    #expect(unsafe poll(&entry, 1, 0) == 0)
    wakeup.wake()
    #expect(unsafe poll(&entry, 1, 0) == 1)
    wakeup.drain()
    wakeup.prepareToSleep()
    wakeup.nudge()
    #expect(unsafe poll(&entry, 1, 0) == 1)
  }

  @Test func `a blocking wait ends with its timeout`() {
    let wakeup = Wakeup()
    let clock = RealClock()
    let start = clock.now().instant
    wakeup.waitBlocking(timeoutMilliseconds: 5)
    #expect(clock.now().instant.since(start) >= .milliseconds(4))
  }
}
