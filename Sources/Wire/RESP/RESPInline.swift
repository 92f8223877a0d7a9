/// Inline commands: what a person types into `nc -U`, words in one line.
extension RESPParser {
  /// Parses a line at the start of the view, or refuses what is neither line nor array.
  mutating func inline(_ view: ByteView, _ first: UInt8) -> RESPResult {
    if let error = Self.refusal(of: first) { return fail(error) }
    guard let lineEnd = view.firstIndex(of: ASCII.lineFeed, from: position) else {
      position = view.count
      return view.count > Self.inlineBytesMax ? fail(.inlineTooLong) : .incomplete
    }
    if lineEnd >= Self.inlineBytesMax { return fail(.inlineTooLong) }
    let hasReturn = lineEnd > 0 && view[lineEnd - 1] == ASCII.carriageReturn
    let line = view.slice(0, hasReturn ? lineEnd - 1 : lineEnd)
    let consumed = lineEnd + 1
    switch words(line) {
    case .success(0): return finish(.discarded(consumed: consumed))
    case .success(let count):
      return finish(.command(consumed: consumed, argumentCount: count))
    case .failure(let error):
      reset()
      return .failure(error, consumed: consumed)
    }
  }

  /// Frames that only answers begin with, and bytes that begin no text (a TLS greeting, say).
  private static func refusal(of first: UInt8) -> RESPError? {
    switch first {
    case UInt8(ascii: "$"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"),
      UInt8(ascii: "_"), UInt8(ascii: ","), UInt8(ascii: "#"), UInt8(ascii: "!"),
      UInt8(ascii: "="), UInt8(ascii: "("), UInt8(ascii: "%"), UInt8(ascii: "~"),
      UInt8(ascii: ">"), UInt8(ascii: "|"):
      return .unexpectedType(first)
    case ASCII.tab, ASCII.lineFeed, ASCII.carriageReturn: return nil
    case 0..<ASCII.space, 0x7F...: return .unexpectedType(first)
    default: return nil
    }
  }

  /// Splits at blanks; a word that begins with a quote runs to the same quote.
  private mutating func words(_ line: ByteView) -> Result<Int, RESPError> {
    var found = 0
    var index = 0
    while true {
      while index < line.count && Self.isSeparator(line[index]) { index += 1 }
      if index == line.count { return .success(found) }
      if found == Self.argumentsMax { return .failure(.tooManyArguments) }
      let isQuoted = line[index] == ASCII.quote || line[index] == ASCII.apostrophe
      let word = isQuoted ? Self.quoted(line, from: index) : Self.plain(line, from: index)
      switch word {
      case .failure(let error): return .failure(error)
      case .success(let argument):
        arguments[found] = argument
        found += 1
        index = Int(argument.offset) + Int(argument.length) + (isQuoted ? 1 : 0)
      }
    }
  }

  private static func plain(
    _ line: ByteView, from start: Int
  ) -> Result<RESPArgument, RESPError> {
    var end = start
    while end < line.count && !isSeparator(line[end]) { end += 1 }
    return .success(RESPArgument(offset: Int32(start), length: Int32(end - start)))
  }

  private static func quoted(
    _ line: ByteView, from start: Int
  ) -> Result<RESPArgument, RESPError> {
    let mark = line[start]
    var end = start + 1
    while end < line.count && line[end] != mark {
      // Redis would rewrite the word; our arguments are places in the caller's buffer. Between
      // single quotes only \' means anything to it, so JSON's own escapes pass there.
      if line[end] == ASCII.backslash
        && (mark == ASCII.quote || (end + 1 < line.count && line[end + 1] == mark))
      {
        return .failure(.inlineEscape)
      }
      end += 1
    }
    guard end < line.count else { return .failure(.unbalancedQuotes) }
    if end + 1 < line.count && !isSeparator(line[end + 1]) { return .failure(.unbalancedQuotes) }
    return .success(RESPArgument(offset: Int32(start + 1), length: Int32(end - start - 1)))
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    ASCII.isBlank(byte) || byte == ASCII.carriageReturn
  }
}
