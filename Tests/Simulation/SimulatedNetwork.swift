internal import Base
public import Platform

/// The sockets of the simulated world, behind `Network` and `Poller`.
///
/// Readiness is edge-triggered as epoll's: one for each change, with the whole state in it; several
/// changes before it is read are one.
public final class SimulatedNetwork: NetworkSimulation, @unchecked Sendable {
  private let world: World
  private var random: SeededRandom
  private var lines: [Int32: SimulatedLine] = [:]
  private var listeners: [Int32: SimulatedListener] = [:]
  private var queues: [ObjectIdentifier: [SimulatedSocket]] = [:]
  private var hosts: [SocketAddress: any SimulatedHost] = [:]
  private var names: [String: SocketAddress] = [:]
  private var nextNumber: Int32 = 1_000

  init(world: World, seed: UInt64) {
    self.world = world
    random = SeededRandom(seed: seed)
  }

  // MARK: The world's side

  /// Puts a host under a name and an address.
  public func add(_ host: any SimulatedHost, name: String, address: SocketAddress) {
    hosts[address] = host
    var bare = address
    bare.port = 0
    names[name] = bare
  }

  func address(ofHost name: String) -> SocketAddress? { names[name] }

  /// Connects to a unix socket of the program.
  /// - Returns: `nil` when nobody listens there.
  public func connect(path: String, peer: any SimulatedPeer) -> SimulatedLine? {
    let found = listeners.values.first { $0.path == path }
    guard let listener = found else { return nil }
    let line = makeLine(.open)
    line.peer = peer
    listener.backlog.append(line)
    queue(listener)
    return line
  }

  /// Connections open now, the program's end.
  public var openCount: Int { lines.count }

  /// The process died: all its descriptors close.
  public func processDied() {
    for number in lines.keys.sorted() { lines[number]?.closedByProgram() }
    for listener in listeners.values.sorted(by: { $0.number < $1.number }) {
      for line in listener.backlog { line.closedByProgram() }
    }
    lines = [:]
    listeners = [:]
    queues = [:]
  }

  /// Whether a readiness waits for this poller's owner.
  public func hasReadiness(_ poller: Poller) -> Bool {
    !(queues[ObjectIdentifier(poller)] ?? []).isEmpty
  }

  private func makeLine(_ state: SimulatedLine.State) -> SimulatedLine {
    let line = SimulatedLine(number: nextNumber, world: world, state: state)
    nextNumber += 1
    line.onChange = { [weak self] in self?.queue($0) }
    return line
  }

  private func queue(_ socket: SimulatedSocket) {
    guard let poller = socket.poller, !socket.isQueued, !socket.isClosed else { return }
    socket.isQueued = true
    queues[poller, default: []].append(socket)
  }

  // MARK: The program's side

  public func listen(path: String) throws(SystemError) -> Socket {
    if listeners.values.contains(where: { $0.path == path }) {
      throw SystemError(code: 98, operation: "bind \(path)")
    }
    let listener = SimulatedListener(number: nextNumber, path: path)
    nextNumber += 1
    listeners[listener.number] = listener
    return Socket(descriptor: listener.number)
  }

  public func accept(_ socket: Socket) -> Socket? {
    guard let listener = listeners[socket.descriptor], !listener.backlog.isEmpty else {
      return nil
    }
    let line = listener.backlog.removeFirst()
    lines[line.number] = line
    world.trace.note("accept", UInt64(line.number))
    return Socket(descriptor: line.number)
  }

  public func connect(_ address: SocketAddress) -> ConnectResult {
    world.trace.note("connect", address.high, UInt64(address.port))
    guard let host = hosts[address] else { return .failed(113) }
    let line = makeLine(.connecting)
    lines[line.number] = line
    world.after(line.connectDelay) {
      if line.isClosed { return }
      switch host.connect(line) {
      case .accept(let peer):
        line.peer = peer
        line.connectEnded(.open)
      case .refuse: line.connectEnded(.failed(111))
      case .ignore: break
      }
    }
    return .inProgress(Socket(descriptor: line.number))
  }

  public func connectError(_ socket: Socket) -> Int32 {
    if case .failed(let code) = lines[socket.descriptor]?.state { return code }
    return 0
  }

  public func read(_ socket: Socket, into bytes: UnsafeMutableRawBufferPointer) -> IOResult {
    guard let line = lines[socket.descriptor] else { return .failed(9) }
    let result = unsafe line.read(into: bytes)
    if case .bytes(let count) = result {
      unsafe world.trace.note(
        "read", bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count]),
        UInt64(line.number))
    }
    return result
  }

  public func write(_ socket: Socket, _ bytes: UnsafeRawBufferPointer) -> IOResult {
    guard let line = lines[socket.descriptor] else { return .failed(9) }
    let result = unsafe line.write(bytes)
    if case .bytes(let count) = result {
      unsafe world.trace.note(
        "send", bytes: UnsafeRawBufferPointer(rebasing: bytes[..<count]), UInt64(line.number))
    }
    return result
  }

  public func close(_ socket: Socket) {
    world.trace.note("close", UInt64(socket.descriptor))
    if let line = lines.removeValue(forKey: socket.descriptor) { line.closedByProgram() }
    if let listener = listeners.removeValue(forKey: socket.descriptor) {
      listener.isClosed = true
      for line in listener.backlog { line.closedByProgram() }
    }
  }

  public func add(_ socket: Socket, tag: UInt64, poller: ObjectIdentifier) {
    let found: SimulatedSocket? = lines[socket.descriptor] ?? listeners[socket.descriptor]
    guard let found else { return }
    found.poller = poller
    found.tag = tag
    let readiness = found.readiness
    if readiness.readable || readiness.writable || readiness.hangup { queue(found) }
  }

  public func readiness(poller: ObjectIdentifier) -> Readiness? {
    while var waiting = queues[poller], !waiting.isEmpty {
      let socket = waiting.removeFirst()
      queues[poller] = waiting
      socket.isQueued = false
      if socket.isClosed { continue }
      let readiness = socket.readiness
      if readiness.readable || readiness.writable || readiness.hangup { return readiness }
    }
    return nil
  }
}
