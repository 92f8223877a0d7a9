/// Finds the commands in what a publisher sends, in the Redis protocol.
///
/// The caller owns the buffer and shows it from the first byte not yet consumed; the parser
/// remembers how far into a partial command it got, so a command that arrives byte by byte costs
/// no more than one that arrives whole. Arguments are places in the caller's buffer: nothing is
/// copied or allocated.
///
/// A command that is too large or has too many arguments is refused *at once* and its remaining
/// bytes are then skipped as they come (``RESPResult/discarded(consumed:)``), so one bad event
/// costs a publisher neither its connection nor memory.
///
/// > Source: redis.io/docs/reference/protocol-spec; Redis `src/networking.c`
/// > (`processMultibulkBuffer`, `processInlineBuffer`).
public struct RESPParser: BitwiseCopyable, Sendable {
  /// Most arguments a command may have.
  public static let argumentsMax = 64
  /// Longest inline command, in bytes.
  public static let inlineBytesMax = 65_536
  /// More arguments than this, or a longer one than `skipBytesMax`, are not skipped but fatal.
  static let skipArgumentsMax = 1_048_576
  static let skipBytesMax = 536_870_912

  /// Places of the arguments of the command that ``parse(_:)`` gave last.
  public var arguments: [64 of RESPArgument]
  /// Longest argument, in bytes.
  public let payloadMax: Int
  /// Longest command with its framing, in bytes.
  public let commandBytesMax: Int

  // Progress within the command at the start of the buffer.
  var position = 0
  private var argumentsExpected = 0
  private var argumentsFound = 0
  private var bulkLength = -1
  // What is left of a refused command: bytes of one argument, then whole arguments.
  private var skipBytes = 0
  private var skipArguments = 0

  /// Limits each argument to `payloadMax` bytes and each command to `commandBytesMax`.
  public init(payloadMax: Int, commandBytesMax: Int) {
    self.payloadMax = payloadMax
    self.commandBytesMax = commandBytesMax
    arguments = .init(repeating: RESPArgument(offset: 0, length: 0))
  }

  /// Whether nothing of a command has been seen: a silent publisher owes nothing.
  public var isIdle: Bool { position == 0 && skipBytes == 0 && skipArguments == 0 }

  /// Looks at the bytes from the first one not yet consumed.
  ///
  /// - Parameter bytes: All bytes held, beginning with those shown before if the last result was
  ///   ``RESPResult/incomplete``; they may have moved in memory.
  /// - Returns: What to do next, and how many bytes to drop; the places are in ``arguments``.
  /// - Complexity: O(new bytes), and O(1) within an argument; no allocation.
  public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> RESPResult {
    let view = unsafe ByteView(bytes)
    guard view.count > position else { return .incomplete }
    if skipBytes > 0 || skipArguments > 0 { return skip(view) }
    if argumentsExpected == 0 {
      let first = view[0]
      if first != UInt8(ascii: "*") { return inline(view, first) }
      if let result = arrayHeader(view) { return result }
    }
    return arrayArguments(view)
  }

  /// Forgets a partial command, as when a connection is given to somebody else.
  public mutating func reset() {
    position = 0
    argumentsExpected = 0
    argumentsFound = 0
    bulkLength = -1
    skipBytes = 0
    skipArguments = 0
  }

  // MARK: Arrays of bulk strings

  /// Reads `*<count>CRLF`; nil when arguments follow.
  @inline(__always)
  private mutating func arrayHeader(_ view: ByteView) -> RESPResult? {
    switch Self.number(view, from: 1) {
    case .incomplete: return .incomplete
    case .badEnd: return fail(.expectedLineEnd)
    case .invalid: return fail(.invalidCount)
    case .found(let count, let next):
      if count > Self.skipArgumentsMax { return fail(.invalidCount) }
      // Redis takes an empty or null array for no command at all.
      if count <= 0 { return finish(.discarded(consumed: next)) }
      if count > Self.argumentsMax {
        return refuse(.tooManyArguments, consumed: next, bytes: 0, arguments: count)
      }
      argumentsExpected = count
      position = next
      return nil
    }
  }

  @inline(__always)
  private mutating func arrayArguments(_ view: ByteView) -> RESPResult {
    while argumentsFound < argumentsExpected {
      if bulkLength < 0, let result = bulkHeader(view) { return result }
      let end = position + bulkLength
      // Compared without adding, although lengths are bounded: the count is the sender's.
      guard view.count - position >= bulkLength + 2 else { return .incomplete }
      guard view[end] == ASCII.carriageReturn, view[end + 1] == ASCII.lineFeed else {
        return fail(.expectedLineEnd)
      }
      arguments[argumentsFound] = RESPArgument(
        offset: Int32(truncatingIfNeeded: position), length: Int32(truncatingIfNeeded: bulkLength))
      argumentsFound += 1
      bulkLength = -1
      position = end + 2
    }
    return finish(.command(consumed: position, argumentCount: argumentsFound))
  }

  /// Reads `$<length>CRLF`; nil when the argument's bytes follow and are wanted.
  @inline(__always)
  private mutating func bulkHeader(_ view: ByteView) -> RESPResult? {
    guard position < view.count else { return .incomplete }
    if view[position] != UInt8(ascii: "$") { return fail(.expectedBulk(view[position])) }
    switch Self.number(view, from: position + 1) {
    case .incomplete: return .incomplete
    case .badEnd: return fail(.expectedLineEnd)
    case .invalid: return fail(.invalidLength)
    case .found(let length, let next):
      if length < 0 || length > Self.skipBytesMax { return fail(.invalidLength) }
      let left = argumentsExpected - argumentsFound - 1
      if length > payloadMax {
        return refuse(
          .tooLarge(limit: payloadMax), consumed: next, bytes: length + 2, arguments: left)
      }
      if next + length + 2 > commandBytesMax {
        return refuse(
          .commandTooLarge(limit: commandBytesMax), consumed: next, bytes: length + 2,
          arguments: left)
      }
      bulkLength = length
      position = next
      return nil
    }
  }

  // MARK: Refused commands

  /// Answers at once and remembers what is still to be skipped.
  private mutating func refuse(
    _ error: RESPError, consumed: Int, bytes: Int, arguments: Int
  ) -> RESPResult {
    reset()
    skipBytes = bytes
    skipArguments = arguments
    return .failure(error, consumed: consumed)
  }

  private mutating func skip(_ view: ByteView) -> RESPResult {
    var index = 0
    while skipBytes > 0 || skipArguments > 0 {
      if skipBytes > 0 {
        let step = min(skipBytes, view.count - index)
        if step == 0 { break }
        skipBytes -= step
        index += step
        continue
      }
      guard index < view.count else { break }
      guard view[index] == UInt8(ascii: "$") else { return fail(.expectedBulk(view[index])) }
      let header = Self.number(view, from: index + 1)
      guard case .found(let length, let next) = header else {
        if header == .incomplete { break }
        return fail(header == .badEnd ? .expectedLineEnd : .invalidLength)
      }
      if length < 0 || length > Self.skipBytesMax { return fail(.invalidLength) }
      skipBytes = length + 2
      skipArguments -= 1
      index = next
    }
    return index == 0 ? .incomplete : .discarded(consumed: index)
  }

  // MARK: Ends

  /// Starts the next command afresh; the arguments just found stay readable.
  @inline(__always)
  mutating func finish(_ result: RESPResult) -> RESPResult {
    reset()
    return result
  }

  mutating func fail(_ error: RESPError) -> RESPResult {
    reset()
    return .failure(error, consumed: 0)
  }

  // MARK: Numbers

  private enum Number: Equatable {
    case incomplete, invalid, badEnd
    case found(Int, next: Int)
  }

  /// Reads digits, with a minus sign if need be, and the CRLF after them.
  @inline(__always)
  private static func number(_ view: ByteView, from start: Int) -> Number {
    var index = start
    guard index < view.count else { return .incomplete }
    let isNegative = view[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    let digitsStart = index
    var value = 0
    while index < view.count && ASCII.isDigit(view[index]) {
      // Ten digits cannot overflow, and no bound of ours has more.
      if index - digitsStart == 10 { return .invalid }
      value = value * 10 + Int(view[index] &- 0x30)
      index += 1
    }
    guard index < view.count else { return .incomplete }
    if index == digitsStart { return .invalid }
    if view[index] != ASCII.carriageReturn { return .badEnd }
    guard index + 1 < view.count else { return .incomplete }
    if view[index + 1] != ASCII.lineFeed { return .badEnd }
    return .found(isNegative ? -value : value, next: index + 2)
  }
}
