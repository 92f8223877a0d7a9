/// What a process used between two moments.
package struct ProcessUse: Sendable {
  /// One thread's CPU time, or that of all threads of a name.
  package struct Thread: Sendable, Equatable {
    package var name: String
    package var userSeconds: Double
    package var systemSeconds: Double
  }

  package var userSeconds = 0.0
  package var systemSeconds = 0.0
  /// By name, those that used most first; what ended in between is in `controlName`.
  package var threads: [Thread] = []
  package var voluntarySwitches: UInt64 = 0
  package var involuntarySwitches: UInt64 = 0
  package var readCalls: UInt64?
  package var writeCalls: UInt64?

  /// User and system.
  package var cpuSeconds: Double { userSeconds + systemSeconds }

  /// Threads that are not a stage of the data plane.
  private static let controlName = "control plane"
  private static let stages = ["ingest", "sync", "reactor-", "reader", "keeper"]

  /// The difference of two samples of one process.
  package init(from before: ProcessSample, to after: ProcessSample) {
    var byName: [String: Thread] = [:]
    var known = 0.0
    let total = Self.growth(after.cpuNanoseconds, before.cpuNanoseconds)
    for (number, thread) in after.threads {
      let old = before.threads[number]
      let used = Self.growth(thread.cpuNanoseconds, old?.cpuNanoseconds)
      let user = Self.growth(thread.userTicks, old?.userTicks)
      let system = Self.growth(thread.systemTicks, old?.systemTicks)
      // A thread that no tick has hit yet is taken for half and half.
      let share = user + system > 0 ? user / (user + system) : 0.5
      Self.add(thread.name, used * share / 1e9, used * (1 - share) / 1e9, to: &byName)
      known += used
      voluntarySwitches += thread.voluntarySwitches - (old?.voluntarySwitches ?? 0)
      involuntarySwitches += thread.involuntarySwitches - (old?.involuntarySwitches ?? 0)
    }
    let ended = max(0, total - known) / 1e9
    Self.add("", ended / 2, ended / 2, to: &byName)
    threads = byName.values.sorted {
      ($0.userSeconds + $0.systemSeconds, $1.name) > ($1.userSeconds + $1.systemSeconds, $0.name)
    }
    userSeconds = threads.reduce(0) { $0 + $1.userSeconds }
    systemSeconds = threads.reduce(0) { $0 + $1.systemSeconds }
    if let old = before.readCalls, let new = after.readCalls { readCalls = new - old }
    if let old = before.writeCalls, let new = after.writeCalls { writeCalls = new - old }
  }

  private static func growth(_ new: UInt64, _ old: UInt64?) -> Double {
    Double(new - min(new, old ?? 0))
  }

  private static func add(
    _ name: String, _ user: Double, _ system: Double, to threads: inout [String: Thread]
  ) {
    let shown = stages.contains { name.hasPrefix($0) } ? name : controlName
    var thread = threads[shown] ?? Thread(name: shown, userSeconds: 0, systemSeconds: 0)
    thread.userSeconds += user
    thread.systemSeconds += system
    threads[shown] = thread
  }
}
