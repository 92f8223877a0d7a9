internal import Base
internal import Glibc

/// `publish --lines`: lines in, commands out, answers in the order of the lines, all at once.
///
/// Reading, sending and receiving go on together, so that neither side waits for the other with
/// full buffers; what is in flight is bounded.
struct LinePublisher: ~Copyable {
  struct Summary {
    var published = 0
    var failed = 0
    /// Events that no endpoint subscribes to.
    var unheard = 0
    var firstFailure: Failure?
  }

  /// Events sent and not yet answered, at most.
  static let inFlightMax = 16_384
  /// A line longer than this is no event; the broker's own limit lies far below.
  static let lineBytesMax = 64 << 20

  private var connection: EventSocket
  private let command: EmitCommand
  private let printsJSON: Bool
  private let input: Int32
  private var inputIsOpen = true
  private var text = ByteBuffer(capacity: 131_072)
  private var output: [UInt8] = []
  private var lineNumber = 0
  /// Numbers of the lines in flight, oldest at `answered`.
  private var waiting: [Int] = []
  private var answered = 0
  private var summary = Summary()

  /// Reads `file`, or stdin.
  init(
    _ connection: consuming EventSocket, command: EmitCommand, file: String?, printsJSON: Bool
  ) throws(Failure) {
    if let file {
      input = unsafe open(file, O_RDONLY | O_CLOEXEC)
      guard input >= 0 else {
        throw Failure(.badData, "cannot read \(Input.absolute(file)): \(SystemText.last())")
      }
    } else {
      input = 0
    }
    self.connection = connection
    self.command = command
    self.printsJSON = printsJSON
  }

  deinit { if input > 0 { close(input) } }

  /// Publishes every line.
  ///
  /// - Throws: exit 69 when the broker goes away; single events that it refuses are counted.
  mutating func run() throws(Failure) -> Summary {
    while inputIsOpen || inFlight > 0 {
      let wantsInput = inputIsOpen && connection.hasRoom && inFlight < Self.inFlightMax
      let isReadable: Bool
      do throws(Failure) {
        isReadable = try connection.turn(watching: wantsInput ? input : -1)
        if isReadable { try readInput() }
        try takeReplies()
      } catch {
        flush()
        throw error
      }
      if output.count > 65_536 || inFlight == 0 { flush() }
    }
    flush()
    return summary
  }

  private var inFlight: Int { waiting.count - answered }

  private mutating func readInput() throws(Failure) {
    let count = unsafe text.fill(minimum: 65_536) { buffer in
      unsafe read(input, buffer.baseAddress, buffer.count)
    }
    if count < 0, errno == EINTR || errno == EAGAIN { return }
    guard count >= 0 else { throw Failure(.badData, "cannot read: \(SystemText.last())") }
    queueLines()
    if count == 0 {
      inputIsOpen = false
      queueLine(length: text.count)
      return
    }
    guard text.count <= Self.lineBytesMax else {
      throw Failure(.badData, "line \(lineNumber + 1) is longer than \(Self.lineBytesMax) bytes")
    }
  }

  private mutating func queueLines() {
    while let length = unsafe text.withBytes({ unsafe $0.firstIndex(of: 0x0A) }) {
      queueLine(length: length)
      text.consume(1)
    }
  }

  /// Takes `length` bytes off the text as one event; a line without anything is none.
  private mutating func queueLine(length: Int) {
    lineNumber += 1
    guard length > 0 else { return }
    var line = unsafe text.withBytes { unsafe Array($0[..<length]) }
    text.consume(length)
    if line.last == 0x0D { line.removeLast() }
    guard !line.isEmpty else { return }
    connection.queue(command.arguments(data: line))
    waiting.append(lineNumber)
  }

  private mutating func takeReplies() throws(Failure) {
    while inFlight > 0, let reply = try connection.nextReply() {
      let line = waiting[answered]
      answered += 1
      try note(reply, of: line)
    }
    if answered > Self.inFlightMax {
      waiting.removeFirst(answered)
      answered = 0
    }
  }

  private mutating func note(_ reply: RESPReply, of line: Int) throws(Failure) {
    if let failure = reply.failure {
      summary.failed += 1
      summary.firstFailure = summary.firstFailure ?? failure
      if printsJSON {
        put(
          JSONValue.members([("line", .integer(line)), ("error", .string(failure.message))]).compact
        )
      } else {
        Console.talk("line \(line): \(failure.message)")
      }
      return
    }
    let event = try PublishedEvent(reply)
    summary.published += 1
    if event.endpoints == 0, !event.isDuplicate { summary.unheard += 1 }
    put(
      printsJSON
        ? JSONValue.members([("line", .integer(line)), ("id", .string(event.id))]).compact
        : event.id)
  }

  private mutating func put(_ line: String) {
    output += line.utf8
    output.append(0x0A)
  }

  private mutating func flush() {
    Console.write(output, to: .standardOutput)
    output.removeAll(keepingCapacity: true)
  }
}
