internal import Base
internal import Delivery
internal import Flow
internal import Ingest
internal import Platform
internal import Storage
internal import Synchronization

/// The shells that give each stage its thread: wait, turn, sleep only when nothing came meanwhile.
extension DataPlane {
  /// Starts all threads; they run until `finish`, or until a failed sync ends the process.
  func start(failed: @escaping @Sendable (SystemError, String) -> Never) {
    Thread.start(name: "ingest") { [self] in runIngest(failed) }
    for index in reactors.indices {
      Thread.start(name: "reactor-\(index)") { [self] in runReactor(index) }
    }
    Thread.start(name: "reader") { [self] in runReader() }
    Thread.start(name: "keeper") { [self] in runKeeper() }
  }

  /// Ends the journal cleanly: everything written, a last checkpoint, a durable statement.
  /// - Returns: `false` when that took longer than `timeout`; recovery then has more to do.
  func finish(within timeout: Nanoseconds) async -> Bool {
    phase.store(.finishing, ordering: .releasing)
    ingestPoller.wakeup.wake()
    let deadline = RealClock.monotonic + timeout
    while phase.load(ordering: .acquiring) != .finished {
      if RealClock.monotonic >= deadline { return false }
      await ControlThreads.sleep(for: .milliseconds(2))
    }
    return true
  }

  /// How old the bound of quotas may be while events come.
  private static let quotaInterval = Nanoseconds.milliseconds(200)
  /// How long nobody looks at the disk's space while events come.
  private static let spaceInterval = Nanoseconds.seconds(60)

  private func runIngest(_ failed: (SystemError, String) -> Never) {
    let wakeup = ingestPoller.wakeup
    var now = clock.now()
    var deadline = now.instant
    var wasFull = false
    var asked = false
    var committed = window.committedThrough
    var quotaAt = now.instant
    var spaceAt = now.instant
    while true {
      pulses.ingest.answer()
      let ready = ingestPoller.wait(now: now.instant, until: deadline)
      now = clock.now()
      deadline = ingest.turn(now: now, ready: ready)
      deadline = min(deadline, journal.turn(now: now))
      if let failure = journal.failure { failed(failure, journal.failurePath ?? "") }
      if window.committedThrough > committed {
        committed = window.committedThrough
        for poller in reactorPollers { poller.wakeup.wake() }
        if now.instant >= quotaAt {
          quotaAt = now.instant + Self.quotaInterval
          setQuota()
        }
        if now.instant >= spaceAt {
          spaceAt = now.instant + Self.spaceInterval
          bell.ring()
        }
      }
      supplyImages(&asked)
      if keeper.isFull != wasFull {
        wasFull.toggle()
        setSpoolFull(wasFull)
        bell.ring()
      }
      if phase.load(ordering: .acquiring) == .finishing {
        finishJournal()
        deadline = min(deadline, now.instant + .milliseconds(1))
      }
      if ingestHasWork { deadline = now.instant }
      if deadline <= now.instant { continue }
      wakeup.prepareToSleep(isDozing: journal.hasNoticedOutcomes)
      if ingestHasWork || pulses.ingest.isAsked {
        wakeup.awake()
        deadline = now.instant
      }
    }
  }

  private var ingestHasWork: Bool {
    ingest.hasWork || journal.hasWork || images.hasMessages
  }

  /// Gathers a checkpoint: ingest's part, and the reactors' when they have made theirs.
  private func supplyImages(_ asked: inout Bool) {
    if journal.wantsImages, !asked {
      asked = true
      for mailbox in reactorMailboxes {
        mailbox.post(.image(reply: { [images] in images.post($0) }))
      }
    }
    if journal.wantsRemembered { journal.supply(remembered: ingest.remembered()) }
    if images.hasMessages {
      for image in images.drain() { journal.supply(image) }
    }
    if !journal.wantsImages { asked = false }
  }

  private func finishJournal() {
    if ingest.isDrained { journal.finish() }
    if journal.isFinished { phase.store(.finished, ordering: .releasing) }
  }

  private func runReactor(_ index: Int) {
    let reactor = reactors[index]
    let poller = reactorPollers[index]
    let pulse = pulses.reactors[index]
    var now = clock.now()
    var deadline = now.instant
    while true {
      pulse.answer()
      let ready = poller.wait(now: now.instant, until: deadline)
      now = clock.now()
      deadline = reactor.turn(now: now, ready: ready)
      if deadline <= now.instant { continue }
      poller.wakeup.prepareToSleep()
      if reactor.hasWork || pulse.isAsked {
        poller.wakeup.awake()
        deadline = now.instant
      }
    }
  }

  private func runReader() {
    while true {
      pulses.reader.answer()
      let now = clock.now()
      let deadline = reader.turn(now: now)
      if reader.damage.hasNews || reader.refusals.hasNews { bell.ring() }
      Self.sleep(readerWakeup, now: now, until: deadline) {
        reader.hasWork || pulses.reader.isAsked
      }
    }
  }

  private func runKeeper() {
    var deadline = clock.now().instant
    while true {
      pulses.keeper.answer()
      let now = clock.now()
      // Who only asks for its pulse does not have the house kept.
      if keeper.hasWork || now.instant >= deadline {
        deadline = keeper.turn(now: now)
        // What it freed, could not write or waits for is told, counted or brought by housekeeping.
        bell.ring()
      }
      Self.sleep(keeperWakeup, now: now, until: deadline) {
        keeper.hasWork || pulses.keeper.isAsked
      }
    }
  }

  private static func sleep(
    _ wakeup: Wakeup, now: Now, until deadline: Instant, unless hasWork: () -> Bool
  ) {
    if deadline <= now.instant { return }
    wakeup.prepareToSleep()
    if hasWork() {
      wakeup.awake()
      return
    }
    wakeup.waitBlocking(until: deadline, now: now.instant)
    wakeup.awake()
  }
}
