internal import Base
internal import Flow
internal import Platform
internal import TLS
internal import Wire

/// One connection to an origin, and the attempt that it carries.
///
/// Life: resolving → connecting → (handshaking) → busy ⇄ idle → closed. It is opened for an
/// attempt; the request lies ready in `out` meanwhile.
struct Connection: ~Copyable {
  enum Phase: UInt8, BitwiseCopyable { case resolving, connecting, handshaking, busy, idle }

  let origin: SlotID
  var phase = Phase.resolving
  var socket = Socket.none
  var tls: TLSConnection?
  var attempt = Attempt()
  var parser = ResponseParser(limits: Connection.limits)
  /// Request bytes that the socket has not taken.
  var out = ByteBuffer(capacity: 16)
  /// The start of the answer's body; of a failing answer its header lines before that.
  var answer = ByteBuffer(capacity: 16)
  /// What `out` holds of the reactor's buffer budget.
  var buffered = 0
  /// The poller said that the peer has closed its side, or the socket failed.
  var isEnding = false
  /// It may not be used again after this attempt.
  var isLast = false
  /// Requests answered on it.
  var served: UInt32 = 0

  // Addresses of the name, and the one being tried.
  var addresses: [SocketAddress] = []
  var addressIndex = 0
  var connectDeadline = Instant.distantFuture
  var timer = TimerID.none

  // Links: of those that wait for a name or are idle at their origin, and of all idle ones.
  var next = noSlot
  var previous = noSlot
  var idleNext = noSlot
  var idlePrevious = noSlot
  var idleSince = Instant(nanoseconds: 0)

  private static let limits = ResponseLimits(headKeptBytesMax: 8_192)

  /// A connection that has not begun to connect.
  init(origin: SlotID) { self.origin = origin }

  /// Whether the peer has closed a connection that others had used before: nothing of this attempt
  /// was seen by it, or so one may assume, once.
  var isStale: Bool { served > 0 && !parser.hasStarted }

  /// Gets ready for an attempt.
  mutating func begin(_ attempt: Attempt) {
    self.attempt = attempt
    parser.reset()
    answer.removeAll()
  }

  /// Writes to the peer what it will take.
  mutating func write(_ bytes: UnsafeRawBufferPointer, _ network: Network) -> Transfer {
    if tls != nil {
      return Transfer(unsafe tls?.write(bytes) ?? .closed)
    }
    return Transfer(unsafe network.write(socket, bytes))
  }

  /// Reads what has come.
  mutating func read(
    into bytes: UnsafeMutableRawBufferPointer, _ network: Network
  ) -> Transfer {
    if tls != nil {
      return Transfer(unsafe tls?.read(into: bytes) ?? .closed)
    }
    return Transfer(unsafe network.read(socket, into: bytes))
  }

  /// Whether more may wait after a read of `count` bytes into a buffer of `room`: a short read has
  /// emptied a plain socket, unless its end was announced with the bytes, for epoll tells each
  /// change once; a TLS connection only says so itself.
  func mayHaveMore(after count: Int, room: Int) -> Bool {
    tls != nil || isEnding || count == room
  }
}

/// What a read or a write came to, with TLS or without.
enum Transfer: BitwiseCopyable {
  case bytes(Int)
  case wait
  case closed
  case failed(Int32)
  case failedTLS(TLSFailure)

  init(_ result: IOResult) {
    self =
      switch result {
      case .bytes(let count): .bytes(count)
      case .wouldBlock: .wait
      case .closed: .closed
      case .failed(let code): .failed(code)
      }
  }

  init(_ result: TLSRead) {
    self =
      switch result {
      case .bytes(let count): .bytes(count)
      case .wantRead, .wantWrite: .wait
      case .closed: .closed
      case .failed(let failure): .failedTLS(failure)
      }
  }
}
