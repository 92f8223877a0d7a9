public import Base
internal import Platform

/// What epoll sees of any descriptor: registration, and one readiness a change.
public class SimulatedSocket {
  let number: Int32
  var poller: ObjectIdentifier?
  var tag: UInt64 = 0
  var isQueued = false
  var isClosed = false

  init(number: Int32) { self.number = number }

  /// The state as epoll reports it with each event.
  var readiness: Readiness {
    Readiness(tag: tag, readable: false, writable: false, hangup: false)
  }
}

/// A listening unix socket.
final class SimulatedListener: SimulatedSocket {
  let path: String
  var backlog: [SimulatedLine] = []

  init(number: Int32, path: String) {
    self.path = path
    super.init(number: number)
  }

  override var readiness: Readiness {
    Readiness(tag: tag, readable: !backlog.isEmpty, writable: false, hangup: false)
  }
}

/// One connection between the program and a peer of the world; both its ends.
///
/// Bytes take time, arrive in pieces and in order. The program's end behaves as a non-blocking
/// socket; the peer's end is the methods here.
public final class SimulatedLine: SimulatedSocket {
  enum State: Equatable {
    case connecting, open
    case failed(Int32)
  }

  private let world: World
  private var random: SeededRandom
  /// Whoever is at the other end.
  public internal(set) var peer: (any SimulatedPeer)?
  var state: State
  private var inbox: [UInt8] = []
  private var inboxStart = 0
  private var hasEnded = false
  private var resetCode: Int32?
  private var unread = 0
  private var isFull = false
  private let capacity: Int
  private let latency: UInt64
  private var lastToProgram = Instant(nanoseconds: 0)
  private var lastToPeer = Instant(nanoseconds: 0)
  private var readTotal = 0
  private var marks: [(offset: Int, action: (Instant) -> Void)] = []
  private var heldBytes: [(bytes: [UInt8], left: Instant)] = []
  private var isReading = true
  var onChange: ((SimulatedLine) -> Void)?

  /// When what the peer received last left the program; it may be a while, and a death, ago.
  public private(set) var departure = Instant(nanoseconds: 0)
  /// Bytes that the peer has sent, ever.
  public private(set) var sentTotal = 0

  init(number: Int32, world: World, state: State) {
    self.world = world
    self.state = state
    random = world.fork()
    // A third of all lines is narrow, so that writes are often taken in part.
    capacity = random.oneIn(3) ? 200 + Int(random.below(4_000)) : 200_000
    latency = 5_000 + random.below(random.oneIn(10) ? 20_000_000 : 300_000)
    super.init(number: number)
  }

  override var readiness: Readiness {
    if case .failed = state {
      return Readiness(tag: tag, readable: true, writable: true, hangup: true)
    }
    let ended = hasEnded || resetCode != nil
    return Readiness(
      tag: tag, readable: inboxStart < inbox.count || ended,
      writable: state == .open && (unread < capacity || ended), hangup: ended)
  }

  private func changed() { onChange?(self) }

  // MARK: The program's end

  func read(into bytes: UnsafeMutableRawBufferPointer) -> IOResult {
    if case .failed(let code) = state { return .failed(code) }
    let count = min(bytes.count, inbox.count - inboxStart)
    if count == 0 {
      if let resetCode { return .failed(resetCode) }
      return hasEnded ? .closed : .wouldBlock
    }
    unsafe inbox[inboxStart..<(inboxStart + count)].withUnsafeBytes {
      unsafe bytes.copyMemory(from: $0)
    }
    inboxStart += count
    readTotal += count
    if inboxStart == inbox.count {
      inbox.removeAll(keepingCapacity: true)
      inboxStart = 0
    }
    while let mark = marks.first, mark.offset <= readTotal {
      marks.removeFirst()
      mark.action(world.clock.instant)
    }
    return .bytes(count)
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> IOResult {
    if case .failed(let code) = state { return .failed(code) }
    if resetCode != nil { return .failed(32) }
    if state == .connecting { return .wouldBlock }
    let count = min(bytes.count, capacity - unread)
    if count < bytes.count { isFull = true }
    if count <= 0 { return bytes.count == 0 ? .bytes(0) : .wouldBlock }
    unread += count
    let copy = unsafe Array(bytes[..<count])
    let left = world.clock.instant
    toPeer { line in line.arrive(copy, left) }
    return .bytes(count)
  }

  private func arrive(_ bytes: [UInt8], _ left: Instant) {
    // A peer that has closed answers what comes later with a reset.
    if hasEnded { return reset() }
    if !isReading {
      heldBytes.append((bytes, left))
      return
    }
    took(bytes, left)
  }

  private func took(_ bytes: [UInt8], _ left: Instant) {
    departure = left
    unread -= bytes.count
    if isFull, !isClosed {
      isFull = false
      changed()
    }
    peer?.received(bytes, on: self)
  }

  /// The program closed its end, or died.
  func closedByProgram() {
    isClosed = true
    toPeer { line in
      line.peer?.ended(line)
      line.peer = nil
    }
  }

  // MARK: The peer's end

  /// Sends bytes; they arrive in pieces.
  public func send(_ bytes: [UInt8]) {
    guard !isClosed else { return }
    sentTotal += bytes.count
    var start = 0
    while start < bytes.count {
      let rest = bytes.count - start
      let count = random.oneIn(4) ? 1 + Int(random.below(UInt64(rest))) : rest
      let piece = Array(bytes[start..<(start + count)])
      toProgram { line in line.inbox += piece }
      start += count
    }
  }

  /// Calls `action` when the program has read everything sent so far.
  public func whenRead(_ action: @escaping (Instant) -> Void) { marks.append((sentTotal, action)) }

  /// Closes the peer's end in good order, after what was sent.
  public func finish() { toProgram { line in line.hasEnded = true } }

  /// Breaks the connection.
  public func reset() {
    toProgram { line in if line.resetCode == nil { line.resetCode = 104 } }
  }

  /// Stops taking bytes in, or goes on.
  public func setReading(_ reading: Bool) {
    isReading = reading
    while isReading, !heldBytes.isEmpty {
      let next = heldBytes.removeFirst()
      took(next.bytes, next.left)
    }
  }

  /// The connect ended: established, or refused with an errno.
  func connectEnded(_ result: State) {
    guard !isClosed else { return }
    state = result
    changed()
  }

  // MARK: Time

  private func delay() -> Nanoseconds { Nanoseconds(latency + random.below(latency)) }

  private func toProgram(_ action: @escaping (SimulatedLine) -> Void) {
    lastToProgram = max(lastToProgram, world.clock.instant + delay())
    world.at(lastToProgram) { [self] in
      if isClosed { return }
      action(self)
      changed()
    }
  }

  private func toPeer(_ action: @escaping (SimulatedLine) -> Void) {
    lastToPeer = max(lastToPeer, world.clock.instant + delay())
    world.at(lastToPeer) { [self] in action(self) }
  }

  /// How long a first packet takes.
  var connectDelay: Nanoseconds { delay() }
}
