internal import Base
internal import Platform

/// One connection of the publisher: commands go out in a pipeline, answers come in their order.
struct PublisherConnection: ~Copyable {
  /// What is laid down ahead of the socket, at most, bytes; one event may go past it.
  private static let unsentBytesMax = 256 * 1024
  private static let readBytes = 16_384

  private let socket: Socket
  private let network = Network()
  private var unsent = ByteBuffer(capacity: 65_536)
  private var received = ByteBuffer(capacity: readBytes)
  /// Numbers and times of what was not answered, as a ring.
  private var waiting: [Marker]
  private var first = 0
  /// Events sent and not answered.
  private(set) var inFlight = 0

  /// One answer, and what it is to.
  enum Answer {
    /// The broker took it for so many endpoints.
    case accepted(UInt64)
    /// It did not, in its words.
    case refused(String)
  }

  /// - Parameter pipeline: unanswered events at most.
  init(path: String, pipeline: Int, poller: Poller, tag: UInt64) throws(SystemError) {
    socket = try Network.connect(path: path)
    waiting = [Marker](repeating: Marker(number: 0, time: 0), count: pipeline)
    poller.add(socket, tag: tag)
  }

  deinit { network.close(socket) }

  /// Whether one more event may be laid down.
  var hasRoom: Bool { inFlight < waiting.count && unsent.count < Self.unsentBytesMax }

  /// Lays an event down.
  @inline(__always)
  mutating func add(_ marker: Marker, from supply: EventSupply) {
    supply.append(marker, to: &unsent)
    var place = first + inFlight
    if place >= waiting.count { place -= waiting.count }
    waiting[place] = marker
    inFlight += 1
  }

  /// Sends what the socket takes.
  /// - Returns: `false` when the connection broke.
  mutating func flush() -> Bool {
    while !unsent.isEmpty {
      let network = network
      let socket = socket
      switch unsafe unsent.withBytes({ unsafe network.write(socket, $0) }) {
      case .bytes(let count): unsent.consume(count)
      case .wouldBlock: return true
      case .closed, .failed: return false
      }
    }
    return true
  }

  /// Takes what has come, and gives each answer with its event.
  /// - Returns: `false` when the connection ended, or the answer is none of the Redis protocol.
  mutating func receive(_ body: (Marker, Answer) -> Void) -> Bool {
    while true {
      var room = 0
      var result = IOResult.wouldBlock
      let network = network
      let socket = socket
      _ = unsafe received.fill(minimum: Self.readBytes) { buffer in
        room = buffer.count
        result = unsafe network.read(socket, into: buffer)
        if case .bytes(let count) = result { return count }
        return 0
      }
      switch result {
      case .bytes(let count):
        guard takeLines(body) else { return false }
        if count < room { return true }
      case .wouldBlock: return true
      case .closed, .failed: return false
      }
    }
  }

  private mutating func takeLines(_ body: (Marker, Answer) -> Void) -> Bool {
    var used = 0
    var isGood = true
    // What the answers are to must not be borrowed while they are read.
    var answers: [Answer] = []
    unsafe received.withBytes { bytes in
      while let line = unsafe Self.line(bytes, from: used) {
        used = unsafe line.end
        guard let answer = unsafe Self.answer(line.bytes) else {
          isGood = false
          break
        }
        answers.append(answer)
      }
    }
    received.consume(used)
    for answer in answers {
      guard inFlight > 0 else { return false }
      body(waiting[first], answer)
      first = first + 1 == waiting.count ? 0 : first + 1
      inFlight -= 1
    }
    return isGood
  }

  private static func line(
    _ bytes: UnsafeRawBufferPointer, from start: Int
  ) -> (bytes: UnsafeRawBufferPointer, end: Int)? {
    var index = start
    while index + 1 < bytes.count {
      if unsafe bytes[index + 1] == 0x0A {
        return unsafe (UnsafeRawBufferPointer(rebasing: bytes[start..<index]), index + 2)
      }
      index += 1
    }
    return nil
  }

  /// `:16` or `-CODE text`.
  private static func answer(_ line: UnsafeRawBufferPointer) -> Answer? {
    guard let kind = unsafe line.first else { return nil }
    let rest = unsafe line.dropFirst()
    if kind == UInt8(ascii: "-") { return unsafe .refused(String(decoding: rest, as: UTF8.self)) }
    guard kind == UInt8(ascii: ":"), unsafe !rest.isEmpty else { return nil }
    var value: UInt64 = 0
    for index in unsafe rest.indices {
      let digit = unsafe rest[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    return .accepted(value)
  }

  /// The events that were not answered.
  var unanswered: [UInt64] {
    (0..<inFlight).map { waiting[(first + $0) % waiting.count].number & ~Marker.warmUpBit }
  }
}
