internal import Base

extension ResponseParser {
  /// Takes one run of body bytes, or one line of chunk framing.
  @inline(__always)
  mutating func bodyStep(
    _ view: ByteView, _ position: inout Int, _ body: inout ByteBuffer
  ) -> ResponseError? {
    switch phase {
    case .fixedBody:
      take(view, &position, min(bodyLeft, view.count - position), &body)
      if bodyLeft == 0 { phase = .complete }
      return nil
    case .bodyUntilClose:
      bodyLeft = view.count - position
      take(view, &position, bodyLeft, &body)
      return nil
    case .chunkData:
      take(view, &position, min(bodyLeft, view.count - position), &body)
      if bodyLeft == 0 { phase = .chunkEnd }
      return nil
    default:
      return chunkLine(view, &position)
    }
  }

  /// Keeps what still fits of `count` body bytes, and passes over all of them.
  @inline(__always)
  private mutating func take(
    _ view: ByteView, _ position: inout Int, _ count: Int, _ body: inout ByteBuffer
  ) {
    let kept = min(count, limits.keptBytesMax - bodyKept)
    if kept > 0 {
      unsafe body.append(contentsOf: view.slice(position, position + kept).raw)
      bodyKept += kept
    }
    position += count
    bodyLeft -= count
  }

  private mutating func chunkLine(_ view: ByteView, _ position: inout Int) -> ResponseError? {
    let outcome = withLine(view, &position) { parser, line in
      switch parser.phase {
      case .chunkSize: return parser.readChunkSize(line.view)
      case .chunkEnd:
        if line.view.count > 0 { return .invalidChunk }
        parser.phase = .chunkSize
      default:
        // Trailers are read to their end and mean nothing.
        if line.view.count == 0 { parser.phase = .complete }
      }
      return nil
    }
    if case .failed(let error) = outcome { return error }
    // What follows a chunk is CRLF and nothing else: do not look a megabyte ahead for the LF.
    if case .partial = outcome, phase == .chunkEnd, carryLength > 1 { return .invalidChunk }
    return nil
  }

  /// Hexadecimal digits, then the end of the line or an extension, which is ignored.
  private mutating func readChunkSize(_ line: ByteView) -> ResponseError? {
    var size = 0
    var index = 0
    while index < line.count, let digit = ASCII.hexValue(line[index]) {
      // Fifteen digits stay below 2⁶⁰, so that sums of two never overflow.
      if index == 15 { return .invalidChunk }
      size = size << 4 | Int(digit)
      index += 1
    }
    if index == 0 { return .invalidChunk }
    while index < line.count && ASCII.isBlank(line[index]) { index += 1 }
    if index < line.count && line[index] != UInt8(ascii: ";") { return .invalidChunk }
    bodyLeft = size
    phase = size == 0 ? .trailers : .chunkData
    return nil
  }
}
