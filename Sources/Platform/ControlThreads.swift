public import Base
internal import CExecutor
internal import CLinux
internal import Glibc
internal import Synchronization

/// The threads that a broker's tasks run on, instead of those of Dispatch.
///
/// Once Dispatch has run a single task, it looks after its threads each second for good; these sleep
/// until there is something to do. Tasks run in the order in which they can, whatever their
/// priority. They may block, as SQLite does: then the others go on.
///
/// > Runs on: any thread.
@safe
public final class ControlThreads: @unchecked Sendable {
  private static let threadCount = 4
  private static let shared = ControlThreads()
  private static let isTaken = Atomic<Bool>(false)

  private struct Sleeper {
    var deadline: Instant
    var number: UInt64
    var continuation: CheckedContinuation<Void, Never>
  }

  // Guarded by `mutex`.
  private var jobs = unsafe [UnsafeMutableRawPointer]()
  private var jobsTaken = 0
  /// The next to be woken first.
  private var sleepers: [Sleeper] = []
  private var sleeperNext: UInt64 = 0

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let change: UnsafeMutablePointer<pthread_cond_t>

  private init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe change = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(change, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  /// From now on every task of the process runs on these threads: call it before there is one.
  public static func takeTasks() {
    require(!isTaken.exchange(true, ordering: .relaxed), "tasks were taken twice")
    let threads = shared
    for index in 0..<threadCount {
      Thread.start(name: "control-\(index)") { threads.run() }
    }
    unsafe fanfare_take_jobs { job in
      guard let job = unsafe job else { return }
      unsafe ControlThreads.shared.add(job)
    }
  }

  /// Suspends the task; returns early when it is cancelled.
  public static func sleep(for time: Nanoseconds) async {
    if !isTaken.load(ordering: .relaxed) {
      try? await Task.sleep(for: .nanoseconds(Int64(clamping: time.count)))
      return
    }
    let number = shared.locked { () -> UInt64 in
      shared.sleeperNext += 1
      return shared.sleeperNext
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        shared.add(
          Sleeper(
            deadline: RealClock.monotonic + time, number: number, continuation: continuation))
        // The handler may have found nobody to wake.
        if Task.isCancelled { shared.wake(number) }
      }
    } onCancel: {
      shared.wake(number)
    }
  }

  // MARK: Inside

  private func locked<R>(_ body: () -> R) -> R {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body()
  }

  private func add(_ job: UnsafeMutableRawPointer) {
    locked {
      unsafe jobs.append(job)
      unsafe pthread_cond_signal(change)
    }
  }

  private func add(_ sleeper: Sleeper) {
    locked {
      let place = sleepers.firstIndex { sleeper.deadline < $0.deadline } ?? sleepers.count
      sleepers.insert(sleeper, at: place)
      // Only whoever waits for the first to wake has to know.
      if place == 0 { unsafe pthread_cond_signal(change) }
    }
  }

  private func wake(_ number: UInt64) {
    let sleeper = locked {
      sleepers.firstIndex { $0.number == number }.map { sleepers.remove(at: $0) }
    }
    sleeper?.continuation.resume()
  }

  private func run() {
    while true {
      unsafe pthread_mutex_lock(mutex)
      while true {
        if unsafe jobsTaken < jobs.count {
          let job = unsafe takeJob()
          unsafe pthread_mutex_unlock(mutex)
          unsafe fanfare_run_job(job)
          break
        }
        if let sleeper = takeDueSleeper() {
          unsafe pthread_mutex_unlock(mutex)
          sleeper.continuation.resume()
          break
        }
        wait()
      }
    }
  }

  private func takeJob() -> UnsafeMutableRawPointer {
    let job = unsafe jobs[jobsTaken]
    jobsTaken += 1
    if unsafe jobsTaken == jobs.count {
      unsafe jobs.removeAll(keepingCapacity: jobs.capacity <= 1024)
      jobsTaken = 0
    }
    return unsafe job
  }

  private func takeDueSleeper() -> Sleeper? {
    guard let first = sleepers.first, first.deadline <= RealClock.monotonic else { return nil }
    return sleepers.removeFirst()
  }

  /// Until something changes or the first sleeper is due.
  private func wait() {
    guard let first = sleepers.first else {
      unsafe pthread_cond_wait(change, mutex)
      return
    }
    var time = timespec(
      tv_sec: Int(first.deadline.nanoseconds / 1_000_000_000),
      tv_nsec: Int(first.deadline.nanoseconds % 1_000_000_000))
    unsafe pthread_cond_timedwait(change, mutex, &time)
  }
}
