internal import Base
internal import Platform
internal import Wire

/// From bytes to commands: reading and the parse loop.
extension IngestCore {
  // MARK: One connection's share of a turn

  /// Parses what is held, reads once, sends what may go.
  mutating func run(_ session: Session) {
    session.connection.isQueued = false
    sessions.touch(session)
    if session.connection.hasUnparsed && session.connection.blockage.isEmpty { parseHeld(session) }
    if session.connection.isReadable && session.connection.blockage.isEmpty { read(session) }
    settle(session)
  }

  private mutating func read(_ session: Session) {
    if session.connection.input.isEmpty {
      readIntoScratch(session)
    } else {
      readIntoInput(session)
    }
  }

  /// The ordinary case: whole commands are parsed where they were read, and only what is left of
  /// the last one is copied to the connection.
  private mutating func readIntoScratch(_ session: Session) {
    let result = unsafe network.read(session.connection.socket, into: scratch)
    guard let count = note(result, offered: unsafe scratch.count, session) else { return }
    let bytes = unsafe FrameBytes(
      UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[0..<count]))
    let consumed = process(session, bytes)
    if consumed < count {
      unsafe session.connection.input.append(
        contentsOf: UnsafeRawBufferPointer(rebasing: bytes.raw[consumed..<count]))
    }
  }

  private mutating func readIntoInput(_ session: Session) {
    var result = IOResult.wouldBlock
    var offered = 0
    let network = network
    let socket = session.connection.socket
    _ = unsafe session.connection.input.fill(minimum: Self.readBytesPerTurn) { room in
      offered = min(room.count, Self.readBytesPerTurn * 4)
      result = unsafe network.read(
        socket, into: UnsafeMutableRawBufferPointer(rebasing: room[0..<offered]))
      if case .bytes(let count) = result { return count }
      return 0
    }
    if note(result, offered: offered, session) != nil { parseHeld(session) }
  }

  /// Draws the conclusions from a read.
  /// - Returns: `nil` when no bytes came.
  private func note(_ result: IOResult, offered: Int, _ session: Session) -> Int? {
    switch result {
    case .bytes(let count):
      counters.bytesIn.add(UInt64(count))
      // A short read found the socket empty; after a hang-up the end is still to come.
      session.connection.isReadable = count == offered || session.connection.isHungUp
      return count
    case .wouldBlock:
      session.connection.isReadable = false
    case .closed, .failed:
      session.connection.isReadable = false
      session.connection.hasEnded = true
    }
    return nil
  }

  private mutating func parseHeld(_ session: Session) {
    let consumed = unsafe session.connection.input.withBytes { bytes in
      process(session, unsafe FrameBytes(bytes))
    }
    session.connection.input.consume(consumed)
    session.connection.input.shrink(above: Self.readBytesPerTurn)
  }

  // MARK: The parse loop

  /// Executes the commands at the start of `bytes` until none is whole, or it is blocked.
  /// - Returns: Bytes to drop.
  private mutating func process(_ session: Session, _ bytes: FrameBytes) -> Int {
    var offset = 0
    var hasProgress = false
    var isWhole = true
    while isWhole && session.connection.blockage.isEmpty && offset < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes.raw[offset...])
      switch unsafe session.connection.parser.parse(rest) {
      case .incomplete:
        isWhole = false
      case .discarded(let consumed):
        offset += consumed
      case .failure(let error, let consumed):
        fail(session, error)
        offset += consumed
        hasProgress = true
      case .command(let consumed, let count):
        let frame = unsafe Frame(
          session: session,
          bytes: FrameBytes(UnsafeRawBufferPointer(rebasing: rest[0..<consumed])), count: count)
        guard step(session, frame) else { break }
        offset += consumed
        hasProgress = true
      }
    }
    notePartial(session, isPartial: offset < bytes.count, hasProgress: hasProgress)
    return offset
  }

  /// Executes one command and enters its answer.
  /// - Returns: `false` when it has to be tried again later; nothing was done.
  private mutating func step(_ session: Session, _ frame: Frame) -> Bool {
    let before = session.connection.output.count
    switch execute(session, frame) {
    case .answered(let ordinal):
      enter(session, from: before, waitingFor: ordinal, replies: 1)
    case .parked:
      session.connection.blockage.insert(.parked)
    case .noRoom:
      session.connection.blockage.insert(.room)
      stalled.append(session.id)
      return false
    }
    return true
  }

  /// Enters what was laid into the output since it held `before` bytes.
  mutating func enter(
    _ session: Session, from before: Int, waitingFor ordinal: UInt64, replies: Int
  ) {
    let bytes = session.connection.output.count - before
    if session.connection.ledger.add(
      bytes: bytes, waitingFor: ordinal, replies: replies, now: now.instant)
    { writer.await(ordinal, session: session.id) }
    if session.connection.ledger.waiting >= configuration.repliesMax {
      session.connection.blockage.insert(.replies)
    }
    if session.connection.output.count >= configuration.outputBytesMax {
      session.connection.blockage.insert(.output)
    }
  }

  private mutating func fail(_ session: Session, _ error: RESPError) {
    let before = session.connection.output.count
    error.write(to: &session.connection.output)
    enter(session, from: before, waitingFor: 0, replies: 1)
    if session.connection.batch.isOpen { session.connection.batch.isBroken = true }
    switch error {
    case .tooLarge, .commandTooLarge: counters.errorsTooLarge.add()
    default: counters.errorsInvalid.add()
    }
    if error.isFatal { session.connection.blockage.insert(.closing) }
  }
}

/// One command of a connection, and where its arguments lie.
struct Frame: BitwiseCopyable {
  let session: Session
  /// The command with its framing.
  let bytes: FrameBytes
  /// Arguments, the name included; at least 1.
  let count: Int

  subscript(index: Int) -> FrameBytes {
    require(index >= 0 && index < count, "an argument that was not sent was read")
    return unsafe FrameBytes(
      session.connection.parser.arguments[index].bytes(in: bytes.raw))
  }
}

/// What became of a command.
enum Disposition {
  /// Its answer stands in the output and waits for the block with this ordinal; 0 for none.
  case answered(waitingFor: UInt64)
  /// A hook will answer.
  case parked
  /// Nothing was done; try again when there is room.
  case noRoom
}
