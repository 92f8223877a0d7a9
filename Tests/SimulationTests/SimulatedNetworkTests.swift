// Goal: simulated sockets tell their readiness once per change, keep order, and end as real ones do.
// Method: one poller, peers that echo, close or reset, over many seeds.
internal import Base
internal import Platform
internal import Simulation
internal import Testing

@Suite struct SimulatedNetworkTests {
  final class Peer: SimulatedPeer {
    var bytes: [UInt8] = []
    var hasEnded = false
    func received(_ bytes: [UInt8], on line: SimulatedLine) { self.bytes += bytes }
    func ended(_ line: SimulatedLine) { hasEnded = true }
  }

  final class Host: SimulatedHost {
    let answer: ConnectAnswer
    var line: SimulatedLine?
    init(_ answer: ConnectAnswer) { self.answer = answer }
    func connect(_ line: SimulatedLine) -> ConnectAnswer {
      self.line = line
      return answer
    }
  }

  let address = SocketAddress(ipv4: 0x0A00_0001, port: 80)

  func read(_ network: Network, _ socket: Socket) -> (IOResult, [UInt8]) {
    var room = [UInt8](repeating: 0, count: 100_000)
    let result = unsafe room.withUnsafeMutableBytes { unsafe network.read(socket, into: $0) }
    if case .bytes(let count) = result { return (result, Array(room[..<count])) }
    return (result, [])
  }

  func events(_ world: World, _ poller: Poller) -> [Readiness] {
    poller.wait(now: world.now.instant, until: world.now.instant)
  }

  /// A socket that is connecting to a host that answers so, and its poller.
  private struct Line {
    let world: World
    let network: Network
    let poller: Poller
    let host: Host
    let socket: Socket

    init(seed: UInt64, _ answer: ConnectAnswer) throws {
      world = World(seed: seed)
      network = Network(simulation: world.network)
      poller = Poller(simulation: world.network)
      host = Host(answer)
      let address = SocketAddress(ipv4: 0x0A00_0001, port: 80)
      world.network.add(host, name: "a.test", address: address)
      let result = network.connect(address)
      guard case .inProgress(let socket) = result else {
        throw SystemError(code: 0, operation: "connect: \(result)")
      }
      self.socket = socket
      poller.add(socket, tag: 1)
    }

    /// A second later, with what happened in it told.
    func connected() -> Line {
      world.advance(to: world.now.instant + .seconds(1))
      _ = poller.wait(now: world.now.instant, until: world.now.instant)
      return self
    }
  }

  @Test func `connects end accepted, refused, unanswered, or without a route`() throws {
    for (answer, code, tells) in [
      (ConnectAnswer.accept(Peer()), 0, true), (.refuse, 111, true), (.ignore, 0, false),
    ] as [(ConnectAnswer, Int32, Bool)] {
      let line = try Line(seed: 3, answer)
      let (world, network, poller, socket) = (line.world, line.network, line.poller, line.socket)
      #expect(events(world, poller).isEmpty)
      world.advance(to: world.now.instant + .seconds(1))
      let told = events(world, poller)
      #expect(told.contains { $0.writable } == tells)
      #expect(network.connectError(socket) == code)
      #expect(events(world, poller).isEmpty)
    }
    let world = World(seed: 3)
    let network = Network(simulation: world.network)
    #expect(network.connect(address) == .failed(113))
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `bytes arrive in order, in pieces, each change told once`(seed: UInt64) throws {
    let peer = Peer()
    let line = try Line(seed: seed, .accept(peer)).connected()
    let (world, network, poller, socket) = (line.world, line.network, line.poller, line.socket)
    let sent = (0..<3_000).map { UInt8(truncatingIfNeeded: $0) }
    line.host.line?.send(sent)
    line.host.line?.finish()
    var received: [UInt8] = []
    var isClosed = false
    while !isClosed {
      #expect(world.nextTime < .distantFuture)
      world.advance(to: world.nextTime)
      for event in events(world, poller) where event.readable {
        while true {
          let (result, bytes) = read(network, socket)
          received += bytes
          if result == .closed { isClosed = true }
          if bytes.isEmpty { break }
        }
      }
    }
    #expect(received == sent)
    network.close(socket)
    #expect(read(network, socket).0 == .failed(9))
    world.advance(to: world.now.instant + .seconds(1))
    #expect(peer.hasEnded)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `a full line would block and tells when there is room again`(seed: UInt64) throws {
    let peer = Peer()
    let line = try Line(seed: seed, .accept(peer)).connected()
    let (world, network, poller, socket) = (line.world, line.network, line.poller, line.socket)
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
    var done = 0
    while done < bytes.count {
      let result = unsafe bytes[done...].withUnsafeBytes { unsafe network.write(socket, $0) }
      if case .bytes(let count) = result {
        done += count
        continue
      }
      #expect(result == .wouldBlock)
      var told = false
      while !told {
        guard world.nextTime < .distantFuture else {
          Issue.record("never writable")
          return
        }
        world.advance(to: world.nextTime)
        told = events(world, poller).contains { $0.writable }
      }
    }
    world.advance(to: world.now.instant + .seconds(1))
    #expect(peer.bytes == bytes)
  }

  @Test func `a reset comes after what was sent before it`() throws {
    let line = try Line(seed: 4, .accept(Peer())).connected()
    let (world, network, socket) = (line.world, line.network, line.socket)
    line.host.line?.send([1, 2, 3])
    line.host.line?.reset()
    world.advance(to: world.now.instant + .seconds(1))
    #expect(read(network, socket).1 == [1, 2, 3])
    #expect(read(network, socket).0 == .failed(104))
    let written = unsafe [UInt8(1)].withUnsafeBytes { unsafe network.write(socket, $0) }
    #expect(written == .failed(32))
  }

  @Test func `a unix listener is told of a connection, and its death ends them all`() throws {
    let world = World(seed: 5)
    let network = Network(simulation: world.network)
    let poller = Poller(simulation: world.network)
    #expect(world.network.connect(path: "/s", peer: Peer()) == nil)
    let listener = try network.listen(path: "/s")
    #expect(throws: SystemError(code: 98, operation: "bind /s")) { try network.listen(path: "/s") }
    poller.add(listener, tag: 7)
    let first = Peer()
    let second = Peer()
    let line = world.network.connect(path: "/s", peer: first)
    _ = world.network.connect(path: "/s", peer: second)
    #expect(events(world, poller).map(\.tag) == [7])
    let accepted = network.accept(listener)
    #expect(accepted != nil)
    line?.send([9])
    world.advance(to: world.now.instant + .seconds(1))
    #expect(read(network, accepted ?? .none).1 == [9])
    world.network.processDied()
    world.advance(to: world.now.instant + .seconds(1))
    #expect(first.hasEnded && second.hasEnded)
    #expect(world.network.connect(path: "/s", peer: Peer()) == nil)
  }
}
