internal import Base
internal import Glibc
internal import Wire

/// A connection to the local socket: commands go out, answers come back in the same order.
struct EventSocket: ~Copyable {
  /// Written out at most this far ahead of the broker's reading, in bytes.
  static let unsentBytesMax = 1 << 20

  private let socket: BlockingSocket
  private let path: String
  private var unsent = ByteBuffer(capacity: 65_536)
  private var received = ByteBuffer(capacity: 65_536)

  /// Connects.
  ///
  /// - Throws: exit 69 when no broker listens there, 77 when the socket may not be opened.
  init(path: String, advice: [String]) throws(Failure) {
    self.path = path
    socket = try Self.connect(path, advice)
    socket.makeNonBlocking()
  }

  private static func connect(_ path: String, _ advice: [String]) throws(Failure)
    -> BlockingSocket
  {
    do throws(BlockingSocket.ConnectError) {
      return try BlockingSocket(path: path)
    } catch {
      if error.text == SystemText.of(EACCES) {
        throw Failure(
          .noAccess, "no permission to open \(path)",
          next: ["join the socket's group (serve --socket-group), or use --url and --token"])
      }
      throw Failure(.unreachable, "no broker listens at \(path): \(error.text)", next: advice)
    }
  }

  /// Puts a command into the queue of what is to be sent.
  mutating func queue(_ arguments: [[UInt8]]) {
    let writer = RESPWriter()
    writer.array(arguments.count, into: &unsent)
    for argument in arguments {
      unsafe argument.withUnsafeBytes { unsafe writer.bulk($0, into: &unsent) }
    }
  }

  /// Whether more commands may be queued before something was sent.
  var hasRoom: Bool { unsent.count < Self.unsentBytesMax }

  /// Sends and receives until something came or went, or `input` has something to read.
  ///
  /// - Parameter input: a descriptor to watch beside the socket; -1 for none.
  /// - Returns: whether `input` can be read, or is at its end.
  mutating func turn(watching input: Int32) throws(Failure) -> Bool {
    let wanted = Int16(POLLIN) | (unsent.isEmpty ? 0 : Int16(POLLOUT))
    var waits = [
      pollfd(fd: socket.descriptor, events: wanted, revents: 0),
      pollfd(fd: input, events: Int16(POLLIN), revents: 0),
    ]
    while unsafe poll(&waits, nfds_t(waits.count), -1) < 0 {
      guard errno == EINTR else { throw broken() }
    }
    if waits[0].revents & Int16(POLLOUT) != 0 { try send() }
    if waits[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { try receive() }
    return waits[1].revents != 0
  }

  /// The next answer that has come whole.
  mutating func nextReply() throws(Failure) -> RESPReply? {
    do throws(RESPReplyReader.Garbage) {
      return try RESPReplyReader.take(from: &received)
    } catch {
      throw Failure(.internalFault, "what listens at \(path) does not speak the Redis protocol")
    }
  }

  /// Sends one command and waits for its answer.
  mutating func ask(_ arguments: [[UInt8]]) throws(Failure) -> RESPReply {
    queue(arguments)
    while true {
      if let reply = try nextReply() { return reply }
      _ = try turn(watching: -1)
    }
  }

  private mutating func send() throws(Failure) {
    let count = unsafe unsent.withBytes { unsafe socket.write($0) }
    if count > 0 { return unsent.consume(count) }
    guard errno == EAGAIN || errno == EWOULDBLOCK else { throw broken() }
  }

  private mutating func receive() throws(Failure) {
    let count = unsafe received.fill(minimum: 65_536) { unsafe socket.read(into: $0) }
    if count > 0 { return }
    if count < 0, errno == EAGAIN || errno == EWOULDBLOCK { return }
    throw broken()
  }

  private func broken() -> Failure {
    Failure(
      .unreachable, "the broker at \(path) closed the connection",
      next: ["what was acknowledged is safe; publish the rest again"])
  }
}
