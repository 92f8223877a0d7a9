// Goal: a listener on a free port and a client of a unix socket, as tools use them.
// Method: both against the sockets of this process.
import Base
import Glibc
import Platform
import Testing

@Suite struct MachineNetworkTests {
  @Test func `a listener has a port of its own, which takes connections`() throws {
    let network = Network()
    let (listener, port) = try Network.listen(on: SocketAddress(ipv4: 0x7F00_0001, port: 0))
    defer { network.close(listener) }
    #expect(port > 0)
    let address = SocketAddress(ipv4: 0x7F00_0001, port: port)
    guard case .inProgress(let client) = network.connect(address) else {
      Issue.record("a TCP connect is under way at first")
      return
    }
    defer { network.close(client) }
    let poller = Poller()
    poller.add(listener, tag: 1)
    let deadline = RealClock.monotonic + .seconds(10)
    var accepted: Socket?
    while accepted == nil, RealClock.monotonic < deadline {
      _ = poller.wait(now: RealClock.monotonic, until: deadline)
      accepted = network.accept(listener)
    }
    let socket = try #require(accepted)
    Network.setNoDelay(socket)
    network.close(socket)
    #expect(throws: SystemError.self) { try Network.listen(on: address) }
  }

  @Test func `a unix client knows who listens; nobody there is an error with the path`() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/s"
    let network = Network()
    let listener = try network.listen(path: path)
    let client = try Network.connect(path: path)
    #expect(Network.peerProcess(of: client) == getpid())
    network.close(client)
    network.close(listener)
    #expect { try Network.connect(path: path) } throws: { "\($0)".contains(path) }
  }
}
