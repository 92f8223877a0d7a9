internal import CLinux
internal import Glibc

/// What a daemon asks of the kernel once, at start.
public enum ProcessSetup {
  /// Makes a broken pipe, and a file at its size limit, an error of the write, and keeps secrets
  /// out of core files and of what is printed at a crash.
  ///
  /// Swift's runtime, where its tools are installed, answers a crash with a backtrace and the memory
  /// that registers point to. It would not get at a process that may not be dumped, and wait for it
  /// for good: so a crash just ends the process. What is wrong was said before (`require`).
  ///
  /// > Source: prctl(2), `PR_SET_DUMPABLE`; the signals are those of Swift's Backtracing.rst.
  public static func protect() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    for crash in [SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP] {
      signal(crash, SIG_DFL)
    }
    _ = fanfare_forbid_core_dumps()
  }

  /// The variables of this process.
  public static var environment: [String: String] {
    var result: [String: String] = [:]
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      let pair = unsafe String(cString: text).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if pair.count == 2 { result[String(pair[0])] = String(pair[1]) }
      unsafe entry += 1
    }
    return result
  }

  /// Raises the soft limit of open descriptors to the hard one, at most 1,048,576.
  /// - Returns: descriptors that may be open.
  public static func raiseDescriptorLimit() -> Int {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
    let before = limit.rlim_cur
    limit.rlim_cur = min(limit.rlim_max, 1 << 20)
    // A sandbox may refuse it.
    guard unsafe setrlimit(resource, &limit) == 0 else { return Int(min(before, 1 << 20)) }
    return Int(limit.rlim_cur)
  }

  /// Gives the kernel back what was allocated and freed; worth while after a start, which reads more
  /// than it keeps.
  ///
  /// > Source: malloc_trim(3).
  public static func returnFreeMemory() { _ = fanfare_malloc_trim() }

  /// Has the kernel send `signal` to this process when the thread that started it ends.
  ///
  /// It outlives execve(2). A parent that is gone already is not noticed.
  /// > Source: prctl(2), `PR_SET_PDEATHSIG`.
  public static func dieWithParent(_ signal: Int32) { _ = fanfare_die_with_parent(signal) }

  /// Lets waits of this thread end within a microsecond of their time instead of 50.
  ///
  /// > Source: prctl(2), `PR_SET_TIMERSLACK`.
  public static func preciseTimers() { _ = fanfare_timer_slack(1_000) }
}
