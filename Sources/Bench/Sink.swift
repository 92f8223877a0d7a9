internal import Base
internal import Glibc
package import Platform
package import TLS

/// The endpoints of a benchmark: one thread that takes every delivery, answers 204 and remembers
/// what came and how late, at a cost far below that of sending it.
///
/// > Runs on: one thread, for the life of its process.
package final class Sink {
  private static let listenerTag: UInt64 = 0
  private static let connectionsMax = 100_000

  private let network = Network()
  private let poller = Poller()
  private let listener: Socket
  private let server: TLSServer?
  private let fanOut: FanOut
  private let board: Board
  private var connections = Slab<SinkConnection>(capacity: connectionsMax)
  /// Where it listens.
  package let port: UInt16

  /// Listens on a free port of 127.0.0.1.
  /// - Parameter server: the certificate for TLS; `nil` for clear text.
  package init(fanOut: FanOut, board: Board, server: TLSServer?) throws(SystemError) {
    (listener, port) = try Network.listen(on: SocketAddress(ipv4: 0x7F00_0001, port: 0))
    self.fanOut = fanOut
    self.board = board
    self.server = server
    poller.add(listener, tag: Self.listenerTag)
  }

  /// Serves until the process ends.
  package func run() -> Never {
    while true {
      for ready in poller.wait(now: Instant(nanoseconds: 0), until: .distantFuture) {
        if ready.tag == Self.listenerTag { accept() } else { serve(ready) }
      }
    }
  }

  private func accept() {
    while let socket = network.accept(listener) {
      guard let id = insert(socket) else {
        board.add(1, to: .faults)
        network.close(socket)
        continue
      }
      Network.setNoDelay(socket)
      board.add(1, to: .connections)
      poller.add(socket, tag: id.packed)
    }
  }

  private func insert(_ socket: Socket) -> SlotID? {
    do throws(TLSError) {
      if let server {
        let tls = try TLSServerConnection(server, fd: socket.descriptor)
        return connections.insert(SinkConnection(socket: socket, tls: tls))
      }
      return connections.insert(SinkConnection(socket: socket, tls: nil))
    } catch { return nil }
  }

  private func serve(_ ready: Readiness) {
    let id = SlotID(packed: ready.tag)
    guard ready.readable, let connection = unsafe connections.pointer(id) else { return }
    if unsafe !turn(&connection.pointee, untilDrained: ready.hangup) {
      network.close(unsafe connection.pointee.socket)
      _ = connections.remove(id)
    }
  }

  /// Reads, and answers every request that came whole.
  /// - Parameter untilDrained: reads on after the last request: there may be an end to be seen.
  /// - Returns: `false` when the connection is over.
  private func turn(_ connection: inout SinkConnection, untilDrained: Bool) -> Bool {
    while true {
      switch connection.read(network) {
      case .bytes(let count):
        board.add(UInt64(count), to: .bytes)
        guard answer(&connection) else {
          board.add(1, to: .faults)
          return false
        }
        // A client that waits for its answer sends nothing; what it sends later is a new edge.
        if connection.isBetweenRequests, !untilDrained { return true }
      case .wantRead, .wantWrite: return true
      case .closed: return false
      case .failed:
        board.add(1, to: .faults)
        return false
      }
    }
  }

  /// - Returns: `false` when what came is no request, or its answer could not be sent.
  private func answer(_ connection: inout SinkConnection) -> Bool {
    while true {
      switch connection.next() {
      case .incomplete: return true
      case .invalid: return false
      case .whole(let request):
        let now = RealClock.monotonic
        unsafe connection.withBody(of: request) { unsafe note(request.endpoint, $0, now) }
        connection.finish(request)
        guard connection.respond(network) else { return false }
      }
    }
  }

  @inline(__always)
  private func note(_ endpoint: Int, _ body: UnsafeRawBufferPointer, _ now: Instant) {
    guard let marker = unsafe Marker(in: body) else { return board.add(1, to: .strange) }
    let number = marker.number & ~Marker.warmUpBit
    guard endpoint >= 0, endpoint < fanOut.endpoints,
      let place = fanOut.place(of: endpoint, inGroup: fanOut.group(of: number))
    else { return board.add(1, to: .strange) }
    if number != marker.number { return board.add(1, to: .warmUp) }
    let (delivery, overflow) = number.multipliedReportingOverflow(by: UInt64(fanOut.fanOut))
    guard !overflow else { return board.add(1, to: .strange) }
    let lag = now.since(Instant(nanoseconds: marker.time)).count
    board.note(delivery: delivery &+ UInt64(place), lag: lag, at: now)
  }
}
