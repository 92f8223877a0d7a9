public import Base
internal import CLinux
internal import Glibc

/// What epoll said of one descriptor.
public struct Readiness: BitwiseCopyable, Sendable {
  /// What the descriptor was added with.
  public var tag: UInt64
  /// Bytes, a connection, or the end of the stream can be read.
  public var readable: Bool
  /// Bytes can be written, or a connect has ended.
  public var writable: Bool
  /// The peer closed or the socket failed; reading says which.
  public var hangup: Bool
  /// Makes a readiness.
  public init(tag: UInt64, readable: Bool, writable: Bool, hangup: Bool) {
    self.tag = tag
    self.readable = readable
    self.writable = writable
    self.hangup = hangup
  }
}

/// A simulated world's sockets and readiness, behind `Poller` and `Network`.
///
/// Levels are as epoll's edge-triggered ones: a readiness is told once per change.
public protocol NetworkSimulation: AnyObject, Sendable {
  func listen(path: String) throws(SystemError) -> Socket
  func accept(_ listener: Socket) -> Socket?
  func connect(_ address: SocketAddress) -> ConnectResult
  func connectError(_ socket: Socket) -> Int32
  func read(_ socket: Socket, into bytes: UnsafeMutableRawBufferPointer) -> IOResult
  func write(_ socket: Socket, _ bytes: UnsafeRawBufferPointer) -> IOResult
  func close(_ socket: Socket)
  func add(_ socket: Socket, tag: UInt64, poller: ObjectIdentifier)
  /// Pops a readiness of `poller`'s sockets, if one is pending now.
  func readiness(poller: ObjectIdentifier) -> Readiness?
}

/// One thread's epoll: edge-triggered, so a descriptor is added once and never re-armed.
///
/// > Source: epoll(7), epoll_pwait2(2).
/// > Runs on: its owner's thread; only `wakeup` is for others.
@safe
public final class Poller: @unchecked Sendable {
  /// Wakes the owner out of `wait`.
  public let wakeup: Wakeup
  private static let batch = 512
  private let epoll: Int32
  private let events: UnsafeMutableRawPointer
  private let simulation: (any NetworkSimulation)?
  private var ready: [Readiness] = []
  private var hasPreciseWait = true

  /// Opens an epoll, or attaches to a simulated world.
  public init(simulation: (any NetworkSimulation)? = nil) {
    self.simulation = simulation
    wakeup = Wakeup()
    unsafe events = .allocate(byteCount: Self.batch * 16, alignment: 16)
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    ready.reserveCapacity(Self.batch)
    if simulation == nil {
      _ = fanfare_epoll_ctl(
        epoll, EPOLL_CTL_ADD, wakeup.descriptor, fanfare_EPOLLIN | fanfare_EPOLLET, .max)
    }
  }

  deinit {
    _ = close(epoll)
    unsafe events.deallocate()
  }

  /// Watches a socket for reading and writing, edge-triggered.
  /// - Parameter tag: comes back in `Readiness`; not `UInt64.max`.
  public func add(_ socket: Socket, tag: UInt64) {
    if let simulation {
      simulation.add(socket, tag: tag, poller: ObjectIdentifier(self))
      return
    }
    let bits = fanfare_EPOLLIN | fanfare_EPOLLOUT | fanfare_EPOLLRDHUP | fanfare_EPOLLET
    _ = fanfare_epoll_ctl(epoll, EPOLL_CTL_ADD, socket.descriptor, bits, tag)
  }

  /// Watches a descriptor that a library owns, level-triggered; neither flag set stops watching.
  public func watch(descriptor: Int32, tag: UInt64, reading: Bool, writing: Bool) {
    let bits = (reading ? fanfare_EPOLLIN : 0) | (writing ? fanfare_EPOLLOUT : 0)
    if bits == 0 {
      _ = fanfare_epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
    } else if fanfare_epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, bits, tag) != 0 {
      _ = fanfare_epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, bits, tag)
    }
  }

  /// Collects what is ready, waiting until `deadline` at most; then read `ready`.
  /// - Parameter now: the clock before the wait; a `deadline` at or before it does not wait.
  public func wait(now: Instant, until deadline: Instant) -> [Readiness] {
    ready.removeAll(keepingCapacity: true)
    if let simulation {
      while ready.count < Self.batch,
        let one = simulation.readiness(poller: ObjectIdentifier(self))
      { ready.append(one) }
      return ready
    }
    let count = waitForEvents(deadline == .distantFuture ? nil : deadline.since(now))
    wakeup.awake()
    for index in 0..<max(0, Int(count)) {
      let tag = unsafe fanfare_event_tag(events, Int32(index))
      if tag == .max {
        wakeup.drain()
        continue
      }
      let bits = unsafe fanfare_event_bits(events, Int32(index))
      let hangup = bits & (fanfare_EPOLLERR | fanfare_EPOLLHUP | fanfare_EPOLLRDHUP) != 0
      ready.append(
        Readiness(
          tag: tag, readable: bits & fanfare_EPOLLIN != 0 || hangup,
          writable: bits & fanfare_EPOLLOUT != 0, hangup: hangup))
    }
    return ready
  }

  private func waitForEvents(_ timeout: Nanoseconds?) -> Int32 {
    if let timeout, hasPreciseWait, timeout.count > 0 {
      var time = timespec(
        tv_sec: Int(timeout.count / 1_000_000_000), tv_nsec: Int(timeout.count % 1_000_000_000))
      let count = unsafe fanfare_epoll_pwait2(epoll, events, Int32(Self.batch), &time)
      // ENOSYS on an old kernel, EPERM where a sandbox does not know the call.
      if count >= 0 || errno == EINTR { return count }
      hasPreciseWait = false
    }
    var milliseconds: Int32 = -1
    if let timeout {
      milliseconds = Int32(clamping: (timeout.count + 999_999) / 1_000_000)
    }
    return unsafe fanfare_epoll_wait(epoll, events, Int32(Self.batch), milliseconds)
  }
}
