internal import CLinux
internal import Glibc
internal import Synchronization

/// A program that this process started and waits for, in a process group of its own: a ^C at the
/// terminal reaches the parent alone, which decides what becomes of it.
///
/// > Source: posix_spawn(3), waitpid(2).
/// > Runs on: any thread.
public final class ChildProcess: Sendable {
  /// How a process ended.
  public enum End: Equatable, Sendable, CustomStringConvertible {
    case exit(Int32)
    case signal(Int32)

    /// For people.
    public var description: String {
      switch self {
      case .exit(let code): "exit code \(code)"
      case .signal(let number): "signal \(number)"
      }
    }
  }

  /// Its number.
  public let id: Int32
  private let ended = Mutex<End?>(nil)

  /// Starts a program; stdin is empty.
  ///
  /// - Parameters:
  ///   - arguments: with the name of the program first.
  ///   - output: what becomes its stdout; `nil` is /dev/null.
  ///   - errors: what becomes its stderr; `nil` is /dev/null.
  ///   - inherited: descriptors that it gets as 3, 4 and so on.
  public init(
    program: String, arguments: [String], environment: [String], output: Int32? = nil,
    errors: Int32? = nil, inherited: [Int32] = []
  ) throws(SystemError) {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (place, given) in [(Int32(1), output), (2, errors)] {
      if let given {
        unsafe posix_spawn_file_actions_adddup2(&actions, given, place)
      } else {
        unsafe posix_spawn_file_actions_addopen(&actions, place, "/dev/null", O_WRONLY, 0)
      }
    }
    for (index, descriptor) in inherited.enumerated() {
      unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(3 + index))
    }
    var attributes = Self.attributes()
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var number: pid_t = 0
    let code = unsafe Self.withCStrings(arguments) { arguments in
      unsafe Self.withCStrings(environment) { environment in
        unsafe posix_spawn(&number, program, &actions, &attributes, arguments, environment)
      }
    }
    if code != 0 { throw SystemError(code: code, operation: "start \(program)") }
    id = number
  }

  /// Its own group, and no signal ignored or blocked because its parent's is.
  private static func attributes() -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { unsafe sigaddset(&signals, number) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    return attributes
  }

  private static func withCStrings<R>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    var pointers = unsafe texts.map { unsafe strdup($0) } + [nil]
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { list in
      // Never empty: it ends with nil.
      guard let base = list.baseAddress else { fatalError("fanfare: an array without memory") }
      return unsafe body(base)
    }
  }

  /// Sends a signal, if it runs.
  public func send(_ signal: Int32) {
    ended.withLock { if $0 == nil { _ = kill(id, signal) } }
  }

  /// How it ended; `nil` while it runs.
  public func end() -> End? {
    ended.withLock { ended in
      if ended == nil { ended = wait(WNOHANG) }
      return ended
    }
  }

  /// Asks it to stop by SIGTERM, and kills it when it has not after `milliseconds`.
  @discardableResult
  public func stop(within milliseconds: Int) -> End? {
    send(SIGTERM)
    for _ in 0..<max(1, milliseconds / 5) {
      if let end = end() { return end }
      usleep(5_000)
    }
    send(SIGKILL)
    return ended.withLock { ended in
      if ended == nil { ended = wait(0) }
      return ended
    }
  }

  private func wait(_ options: Int32) -> End? {
    var status: Int32 = 0
    let (result, _) = retrying { unsafe Int(waitpid(id, &status, options)) }
    guard result == Int(id) else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
  }
}
