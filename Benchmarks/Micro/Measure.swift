internal import Base
internal import FanfareAllocations
internal import Glibc

/// What one mechanism came to.
struct MicroResult {
  let name: String
  let event: String
  /// Of all rounds, CPU time of the thread by event.
  let nanosecondsBest: Double
  let nanosecondsMedian: Double
  let events: Int
  /// Made by the thread in all measured rounds together.
  let allocations: UInt64

  /// So many allocations are let pass.
  let allocationsMax: UInt64
}

/// How long is measured.
struct MicroEffort {
  let rounds: Int
  let roundNanoseconds: UInt64

  static let quick = MicroEffort(rounds: 5, roundNanoseconds: 2_000_000)
  static let full = MicroEffort(rounds: 31, roundNanoseconds: 20_000_000)
}

extension MicroCase {
  /// Rounds of events are a multiple of this: no mechanism works in larger batches.
  private static let batch = 6_400

  /// Warms up, then measures round by round.
  func measure(_ effort: MicroEffort) -> MicroResult {
    // What is made on first use is made now. Twice, because a buffer grows in steps.
    var sink = run(Self.batch) &+ run(Self.batch)
    let perEvent = time(Self.batch, &sink) / Double(Self.batch)
    let wanted = Int(Double(effort.roundNanoseconds) / max(perEvent, 0.1))
    let room = eventsMax == .max ? .max : eventsMax / effort.rounds - Self.batch
    let perRound = max(Self.batch, min(wanted, room) / Self.batch * Self.batch)
    // An array that grows by doubling has grown by now as far as it will.
    sink &+= run(perRound)

    var times = [Double](repeating: 0, count: effort.rounds)
    let before = fanfare_allocations()
    for round in 0..<effort.rounds { times[round] = time(perRound, &sink) / Double(perRound) }
    let allocations = fanfare_allocations() - before
    times.sort()
    _ = Sample.opaque(sink)
    return MicroResult(
      name: name, event: event, nanosecondsBest: times[0],
      nanosecondsMedian: times[times.count / 2], events: perRound * effort.rounds,
      allocations: allocations,
      allocationsMax: UInt64(perRound * effort.rounds / eventsPerAllocation))
  }

  private func time(_ events: Int, _ sink: inout UInt64) -> Double {
    let start = Self.threadNanoseconds()
    sink &+= run(events)
    return Double(Self.threadNanoseconds() - start)
  }

  /// The thread's own time: what else runs on the machine does not count.
  private static func threadNanoseconds() -> UInt64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Whether the count counts.
enum AllocationProof {
  /// - Returns: what is not counted; `nil` when all is.
  static func gap() -> String? {
    let before = fanfare_allocations()
    let made = fanfare_allocate_by_all()
    let counted = fanfare_allocations() - before
    if counted != made { return "\(made) allocations in C were counted as \(counted)" }
    let swiftBefore = fanfare_allocations()
    _ = Sample.opaque([UInt8](repeating: 1, count: Int(made)))
    if fanfare_allocations() == swiftBefore { return "an array of Swift's was not counted" }
    let librariesBefore = fanfare_allocations()
    if let folder = unsafe opendir("/") { unsafe closedir(folder) }
    if fanfare_allocations() == librariesBefore { return "what the C library made was not counted" }
    return nil
  }
}
