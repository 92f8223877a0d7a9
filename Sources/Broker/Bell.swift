package import Base
package import Platform
internal import Synchronization

/// Has one thread of the control plane sleep until somebody rings, or until it is time.
///
/// With nothing to do it does not wake: nobody polls for what may have come.
///
/// > Runs on: `sleep` on one thread; the rest on any.
package final class Bell: Sendable {
  /// What mailboxes are made with whose messages the sleeper takes.
  package let wakeup = Wakeup()
  private let isRung = Atomic<Bool>(false)

  package init() {}

  /// Has the sleeper look for what it has no message of: now, or before it sleeps again.
  package func ring() {
    isRung.store(true, ordering: .releasing)
    wakeup.wake()
  }

  /// Returns at `deadline`, or when `isOver` says so after somebody rang. Who rings meanwhile is heard
  /// by the `sleep` that follows.
  package func pause(until deadline: Instant, unless isOver: () -> Bool) {
    while true {
      wakeup.prepareToSleep()
      defer { wakeup.awake() }
      let now = RealClock.monotonic
      if deadline <= now || isOver() { return }
      wakeup.waitBlocking(until: deadline, now: now)
    }
  }

  /// Returns when somebody rang or put a message into a mailbox of this bell, or at `deadline`; at
  /// once when that was so since the last sleep. Sometimes for nothing.
  /// - Parameter hasWork: whether one of the mailboxes has a message.
  package func sleep(until deadline: Instant, unless hasWork: () -> Bool) {
    let now = RealClock.monotonic
    if deadline <= now { return }
    wakeup.prepareToSleep()
    defer { wakeup.awake() }
    if isRung.exchange(false, ordering: .acquiringAndReleasing) || hasWork() { return }
    wakeup.waitBlocking(until: deadline, now: now)
    isRung.store(false, ordering: .relaxed)
  }
}
