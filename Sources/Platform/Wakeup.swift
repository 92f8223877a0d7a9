public import Base
internal import CLinux
internal import Glibc
internal import Synchronization

/// Wakes one sleeping thread: an eventfd that is written only while its owner sleeps.
///
/// The owner sets sleeping, looks at its rings again, and only then sleeps; a producer pushes first
/// and looks at `sleeping` second. Whatever the interleaving, one of the two sees the other. So a
/// busy pair exchanges no system call.
///
/// An owner that will look soon anyway *dozes*: `wake` ends that too, `nudge` does not.
///
/// > Source: eventfd(2).
public final class Wakeup: Sendable {
  /// The eventfd; a `Poller` adds it.
  public let descriptor: Int32
  private let state = Atomic<UInt8>(State.awake)

  private enum State {
    static let awake: UInt8 = 0
    static let asleep: UInt8 = 1
    static let dozing: UInt8 = 2
  }

  /// Opens the eventfd.
  public init() {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    if descriptor < 0 { fatalError("fanfare: eventfd: out of file descriptors") }
  }

  deinit { _ = close(descriptor) }

  /// Wakes the owner if it sleeps or dozes.
  /// - Complexity: one sequentially consistent exchange; a `write` only if the owner sleeps.
  /// > Runs on: any thread.
  public func wake() {
    // The fence of an exchange: the ring's store must be seen before `state` is read.
    if state.exchange(State.awake, ordering: .sequentiallyConsistent) != State.awake {
      var one: UInt64 = 1
      _ = unsafe write(descriptor, &one, 8)
    }
  }

  /// Wakes the owner if it sleeps, and lets it doze: for what can wait until it looks by itself.
  /// - Complexity: one fence; a `write` only if the owner sleeps.
  /// > Runs on: any thread.
  public func nudge() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if state.load(ordering: .relaxed) == State.asleep { wake() }
  }

  /// Says that the owner is about to sleep; look at every ring again after this.
  /// - Parameter isDozing: whether it looks by itself soon enough for what it is nudged for.
  public func prepareToSleep(isDozing: Bool = false) {
    _ = state.exchange(
      isDozing ? State.dozing : State.asleep, ordering: .sequentiallyConsistent)
  }

  /// Says that the owner is awake.
  public func awake() { state.store(State.awake, ordering: .relaxed) }

  /// Empties the eventfd after epoll reported it.
  public func drain() {
    var count: UInt64 = 0
    _ = unsafe read(descriptor, &count, 8)
  }

  /// Sleeps on the eventfd alone: for threads without a poller.
  public func waitBlocking(timeoutMilliseconds: Int32 = -1) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&entry, 1, timeoutMilliseconds)
    drain()
  }

  /// Sleeps on the eventfd alone until `deadline` at most.
  public func waitBlocking(until deadline: Instant, now: Instant) {
    let wait = deadline.since(now).count
    waitBlocking(
      timeoutMilliseconds: deadline == .distantFuture
        ? -1 : Int32(clamping: (wait + 999_999) / 1_000_000))
  }
}

/// Starts a named thread that runs until the process ends.
public enum Thread {
  private final class Body {
    let name: String
    let run: @Sendable () -> Void
    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// Starts `body` on a thread of its own, with all signals blocked.
  /// - Parameter name: at most 15 bytes; shown by `top -H` and `perf`.
  public static func start(name: String, _ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
    let code = unsafe pthread_create(
      &thread, nil,
      { pointer in
        guard let pointer = unsafe pointer else { return nil }
        let body = unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue()
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
        unsafe fanfare_name_thread(body.name)
        body.run()
        return nil
      }, box)
    if code != 0 { fatalError("fanfare: pthread_create: errno \(code)") }
    pthread_detach(thread)
  }
}
