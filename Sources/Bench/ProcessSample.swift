/// What a thread had used at one moment.
package struct ThreadSample: Sendable, Equatable {
  var name: String
  /// Exact, from schedstat.
  var cpuNanoseconds: UInt64
  /// In ticks, 100 a second as a rule: only their ratio is used.
  var userTicks: UInt64
  var systemTicks: UInt64
  var voluntarySwitches: UInt64
  var involuntarySwitches: UInt64

  package init(
    name: String, cpuNanoseconds: UInt64, userTicks: UInt64, systemTicks: UInt64,
    voluntarySwitches: UInt64, involuntarySwitches: UInt64
  ) {
    self.name = name
    self.cpuNanoseconds = cpuNanoseconds
    self.userTicks = userTicks
    self.systemTicks = systemTicks
    self.voluntarySwitches = voluntarySwitches
    self.involuntarySwitches = involuntarySwitches
  }
}

/// What a process had used at one moment.
package struct ProcessSample: Sendable {
  /// Exact, threads that ended included.
  package var cpuNanoseconds: UInt64
  var threads: [Int32: ThreadSample]
  /// Calls of the read(2) and of the write(2) family; `nil` when they may not be seen.
  var readCalls: UInt64?
  var writeCalls: UInt64?
  package var peakBytes: UInt64

  package init(
    cpuNanoseconds: UInt64, threads: [Int32: ThreadSample], readCalls: UInt64?,
    writeCalls: UInt64?, peakBytes: UInt64
  ) {
    self.cpuNanoseconds = cpuNanoseconds
    self.threads = threads
    self.readCalls = readCalls
    self.writeCalls = writeCalls
    self.peakBytes = peakBytes
  }
}
