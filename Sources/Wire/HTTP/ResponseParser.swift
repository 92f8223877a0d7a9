public import Base

/// Reads one HTTP/1.1 answer, in pieces of any size.
///
/// It keeps nothing of the caller's bytes but the start of a line that a read cut in two, so one
/// read buffer serves all connections of a reactor. An answer that arrives in one read is parsed
/// in place, in one pass. Fed whole or byte by byte, the result is the same.
///
/// Only what decides the attempt is looked at: status, framing, `Connection`, `Retry-After` and
/// whether the body is plain text. Nothing else of an answer has any effect.
///
/// > Source: RFC 9112 (framing: §6.3; line ends: §2.2, a bare LF is taken for CRLF).
public struct ResponseParser: BitwiseCopyable, Sendable {
  enum Phase: UInt8, BitwiseCopyable {
    case statusLine, headers
    case fixedBody, bodyUntilClose, chunkSize, chunkData, chunkEnd, trailers
    case complete, failed
  }

  /// Bytes of a line that are looked at; what decides is never longer.
  static let lineKeptMax = 256

  /// The bounds that this answer is read under.
  public let limits: ResponseLimits
  /// The status, 100–999; 0 before the status line.
  public internal(set) var status = 0
  /// Whether the connection may carry another request; meaningful once complete.
  public internal(set) var keepAlive = false
  /// When the receiver wants to be asked again.
  public internal(set) var retryAfter = RetryAfter.none
  /// Bytes of header lines, line ends included, that were handed over before the body.
  public internal(set) var headKept = 0
  /// Whether the body's media type is `text/plain`.
  public internal(set) var bodyIsPlainText = false
  /// Whether the body was longer than ``ResponseLimits/bodyBytesMax`` and its rest given up.
  public internal(set) var bodyWasCut = false
  /// Whether bytes came after the end of the answer; the connection must not be used again.
  public internal(set) var hasExtraBytes = false
  /// Whether status line and headers were read to their end, so that ``status`` is final.
  public internal(set) var headersAreComplete = false
  /// Whether any byte was seen: before that, a reused connection may be replaced and the request
  /// sent again.
  public internal(set) var hasStarted = false

  var phase = Phase.statusLine
  /// What ended it in ``Phase/failed``.
  var failure = ResponseError.invalidStatusLine
  var headerBytes = 0
  var bodyBytes = 0
  var bodyKept = 0
  var interimCount = 0
  var framing = ResponseFraming()
  /// Bytes left of the fixed body or of the chunk.
  var bodyLeft = 0

  // A line that a read cut: what is kept of its start, and its length so far.
  var carry: [256 of UInt8] = .init(repeating: 0)
  var carryLength = 0

  /// Waits for a status line.
  public init(limits: ResponseLimits = ResponseLimits()) { self.limits = limits }

  /// Gets ready for the next answer on the same connection.
  public mutating func reset() { self = ResponseParser(limits: limits) }

  /// Whether the answer is complete.
  public var isComplete: Bool { phase == .complete }

  /// Takes the next bytes of the connection.
  ///
  /// - Parameters:
  ///   - bytes: What was read; not needed afterwards.
  ///   - body: Gets the body's first ``ResponseLimits/keptBytesMax`` bytes appended, unchunked; of a
  ///     failing answer the header lines before them, ``headKept`` bytes.
  /// - Returns: After ``ResponseProgress/complete(consumed:)``, bytes beyond `consumed` show in
  ///   ``hasExtraBytes`` and end ``keepAlive``.
  /// - Complexity: O(n); allocates only if `body` must grow.
  public mutating func feed(
    _ bytes: UnsafeRawBufferPointer, keeping body: inout ByteBuffer
  ) -> ResponseProgress {
    let view = unsafe ByteView(bytes)
    var position = 0
    if view.count > 0 { hasStarted = true }
    while phase != .complete {
      if let error = step(view, &position, &body) {
        phase = .failed
        failure = error
        keepAlive = false
        return .failed(error)
      }
      if position == view.count && phase != .complete && !isDueWithoutBytes { return .needMore }
    }
    if position < view.count {
      hasExtraBytes = true
      keepAlive = false
    }
    return .complete(consumed: position)
  }

  /// Takes the end of the stream.
  ///
  /// - Returns: Complete for a body that only the end delimits; else how the answer fell short.
  public mutating func connectionClosed() -> ResponseProgress {
    keepAlive = false
    switch phase {
    case .complete: return .complete(consumed: 0)
    case .bodyUntilClose:
      phase = .complete
      return .complete(consumed: 0)
    case .statusLine, .headers:
      return .failed(hasStarted ? .closedInHeaders : .closedBeforeResponse)
    default: return .failed(.truncatedBody)
    }
  }

  /// Whether the next step must run although no byte is there: the body's end or cap is reached.
  private var isDueWithoutBytes: Bool {
    phase.rawValue >= Phase.fixedBody.rawValue && bodyBytes == limits.bodyBytesMax
  }

  /// One line, or one run of body bytes.
  @inline(__always)
  private mutating func step(
    _ view: ByteView, _ position: inout Int, _ body: inout ByteBuffer
  ) -> ResponseError? {
    switch phase {
    case .statusLine, .headers: return headerStep(view, &position, &body)
    case .complete: return nil
    case .failed: return failure
    default:
      if bodyBytes == limits.bodyBytesMax {
        cutBody()
        return nil
      }
      // The cap falls at the same byte however the bytes were cut up.
      let room = limits.bodyBytesMax - bodyBytes
      let capped = view.slice(0, min(view.count, position + room))
      let start = position
      let error = bodyStep(capped, &position, &body)
      bodyBytes += position - start
      return error
    }
  }

  private mutating func cutBody() {
    bodyWasCut = true
    keepAlive = false
    phase = .complete
  }

  // MARK: Lines

  /// One line without its end; `view` holds its start when it is longer than what is kept.
  struct Line {
    var view: ByteView
    var isCut: Bool
  }

  /// Takes bytes up to the next LF; nil when there is none, and the line is then carried over.
  @inline(__always)
  mutating func lineLength(_ view: ByteView, _ position: inout Int) -> Int? {
    guard let end = view.firstIndex(of: ASCII.lineFeed, from: position) else {
      keep(view, from: position, to: view.count)
      position = view.count
      return nil
    }
    if carryLength > 0 { keep(view, from: position, to: end) }
    let length = end - position
    position = end + 1
    return length
  }

  private mutating func keep(_ view: ByteView, from start: Int, to end: Int) {
    var index = start
    var kept = min(carryLength, Self.lineKeptMax)
    while index < end && kept < Self.lineKeptMax {
      carry[kept] = view[index]
      kept += 1
      index += 1
    }
    carryLength += end - start
  }

  /// The line of `length` bytes before its LF, cut to what is kept, without its CR.
  @inline(__always)
  static func line(_ bytes: ByteView, _ length: Int) -> Line {
    let isCut = length > lineKeptMax
    var end = min(length, lineKeptMax)
    if !isCut && end > 0 && bytes[end - 1] == ASCII.carriageReturn { end -= 1 }
    return Line(view: bytes.slice(0, end), isCut: isCut)
  }

  /// Reads the next whole line with `read`, from the bytes or from what was carried over.
  ///
  /// - Returns: Nil when the line is not whole yet, else what `read` found wrong.
  @inline(__always)
  mutating func withLine(
    _ view: ByteView, _ position: inout Int,
    _ read: (inout ResponseParser, Line) -> ResponseError?
  ) -> LineOutcome {
    let start = position
    guard let length = lineLength(view, &position) else { return .partial }
    if carryLength == 0 {
      return outcome(read(&self, Self.line(view.slice(start, start + length), length)))
    }
    // A copy, so that the line stays put while the parser changes; only for lines that were cut.
    let whole = carryLength
    let copy = carry
    carryLength = 0
    let error = unsafe copy.span.withUnsafeBytes { bytes in
      unsafe read(&self, Self.line(ByteView(bytes), whole))
    }
    return outcome(error)
  }

  enum LineOutcome { case partial, done, failed(ResponseError) }

  @inline(__always)
  private func outcome(_ error: ResponseError?) -> LineOutcome {
    if let error { return .failed(error) }
    return .done
  }
}
