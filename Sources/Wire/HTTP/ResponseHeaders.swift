internal import Base

/// What the headers say about where the body ends and what becomes of the connection.
struct ResponseFraming: BitwiseCopyable, Sendable {
  var isHTTP10 = false
  var contentLength = -1
  var hasTransferEncoding = false
  var isChunked = false
  var saysClose = false
  var saysKeepAlive = false
  /// The last header line decided something, so nothing may be folded onto it.
  var lastDecides = false
}

extension ResponseParser {
  /// Takes one line of the head.
  mutating func headerStep(
    _ view: ByteView, _ position: inout Int, _ body: inout ByteBuffer
  ) -> ResponseError? {
    let start = position
    let isStatusLine = phase == .statusLine
    let room = limits.headerBytesMax - headerBytes
    let capped = view.slice(0, min(view.count, position + room))
    let outcome = withLine(capped, &position) { parser, line in
      isStatusLine ? parser.readStatusLine(line) : parser.readHeader(line)
    }
    headerBytes += position - start
    if status >= 300, !isStatusLine, headKept < limits.headKeptBytesMax {
      keepHead(view.slice(start, position), &body)
    }
    switch outcome {
    case .failed(let error): return error
    case .partial: return position < view.count ? .headersTooLarge : nil
    case .done: return nil
    }
  }

  /// Keeps header bytes as they came: a line that a read cut comes in parts.
  private mutating func keepHead(_ bytes: ByteView, _ body: inout ByteBuffer) {
    let kept = bytes.slice(0, min(bytes.count, limits.headKeptBytesMax - headKept))
    unsafe body.append(contentsOf: kept.raw)
    headKept += kept.count
  }

  // MARK: Status line

  /// `HTTP/1.1 200 Reason`; the reason is ignored.
  private mutating func readStatusLine(_ line: Line) -> ResponseError? {
    let bytes = line.view
    guard bytes.count >= 12, bytes.slice(0, 7).equalsIgnoringCase("http/1.") else {
      return .invalidStatusLine
    }
    guard ASCII.isDigit(bytes[7]), bytes[8] == ASCII.space else { return .invalidStatusLine }
    var value = 0
    for index in 9..<12 {
      guard ASCII.isDigit(bytes[index]) else { return .invalidStatusLine }
      value = value * 10 + Int(bytes[index] &- 0x30)
    }
    if value < 100 || (bytes.count > 12 && bytes[12] != ASCII.space) { return .invalidStatusLine }
    if value == 101 { return .unexpectedUpgrade }
    framing = ResponseFraming()
    framing.isHTTP10 = bytes[7] == UInt8(ascii: "0")
    retryAfter = .none
    bodyIsPlainText = false
    status = value
    phase = .headers
    return nil
  }

  // MARK: Header lines

  private mutating func readHeader(_ line: Line) -> ResponseError? {
    let bytes = line.view
    if bytes.count == 0 { return endOfHeaders() }
    if ASCII.isBlank(bytes[0]) { return framing.lastDecides ? .invalidHeader : nil }
    let colon = Self.nameEnd(bytes)
    guard colon > 0, colon < bytes.count, bytes[colon] == ASCII.colon else {
      return .invalidHeader
    }
    framing.lastDecides = false
    let name = bytes.slice(0, colon)
    // The names that matter differ in length; most headers end here.
    switch colon {
    case 10 where name.equalsIgnoringCase("connection"):
      readConnection(Self.value(bytes, colon))
    case 11 where name.equalsIgnoringCase("retry-after"):
      retryAfter = line.isCut ? .none : RetryAfter(Self.value(bytes, colon))
    case 12 where name.equalsIgnoringCase("content-type"):
      bodyIsPlainText = Self.isPlainText(Self.value(bytes, colon))
    case 14 where name.equalsIgnoringCase("content-length"):
      framing.lastDecides = true
      return line.isCut ? .invalidContentLength : readLength(Self.value(bytes, colon))
    case 17 where name.equalsIgnoringCase("transfer-encoding"):
      framing.lastDecides = true
      return line.isCut ? .invalidTransferEncoding : readCodings(Self.value(bytes, colon))
    default: break
    }
    return nil
  }

  /// Index of the first byte that ends a name: a colon, a blank, a control, or not ASCII.
  ///
  /// Laxer than a token, which costs a look at each byte: names that we do not know mean nothing.
  @inline(__always)
  private static func nameEnd(_ bytes: ByteView) -> Int {
    var index = 0
    while bytes.count - index >= 8 {
      let found = SWAR.nameEnds(bytes.word(at: index))
      if found != 0 { return index + SWAR.firstIndex(found) }
      index += 8
    }
    while index < bytes.count {
      let byte = bytes[index]
      if byte <= ASCII.space || byte >= 0x80 || byte == ASCII.colon { break }
      index += 1
    }
    return index
  }

  private static func value(_ bytes: ByteView, _ colon: Int) -> ByteView {
    bytes.slice(colon + 1, bytes.count).trimmed()
  }

  private mutating func readConnection(_ value: ByteView) {
    Self.forEachItem(value) { item in
      if item.equalsIgnoringCase("close") { framing.saysClose = true }
      if item.equalsIgnoringCase("keep-alive") { framing.saysKeepAlive = true }
      return true
    }
  }

  /// A length, or the same one several times, in one line or in several.
  private mutating func readLength(_ value: ByteView) -> ResponseError? {
    let isValid = Self.forEachItem(value) { item in
      guard item.count > 0, item.count <= 18 else { return false }
      var length = 0
      for index in 0..<item.count {
        guard ASCII.isDigit(item[index]) else { return false }
        length = length * 10 + Int(item[index] &- 0x30)
      }
      if framing.contentLength >= 0 && framing.contentLength != length { return false }
      framing.contentLength = length
      return true
    }
    return isValid ? nil : .invalidContentLength
  }

  /// Transfer codings over all lines; only the last one may be `chunked`.
  private mutating func readCodings(_ value: ByteView) -> ResponseError? {
    framing.hasTransferEncoding = true
    let isValid = Self.forEachItem(value) { item in
      if item.count == 0 { return true }
      if framing.isChunked { return false }
      framing.isChunked = item.equalsIgnoringCase("chunked")
      return true
    }
    return isValid ? nil : .invalidTransferEncoding
  }

  /// Hands each part between commas to `read`, blanks trimmed, until it gives false.
  @discardableResult
  private static func forEachItem(_ value: ByteView, _ read: (ByteView) -> Bool) -> Bool {
    var start = 0
    while true {
      let end = value.firstIndex(of: ASCII.comma, from: start) ?? value.count
      if !read(value.slice(start, end).trimmed()) { return false }
      if end == value.count { return true }
      start = end + 1
    }
  }

  private static func isPlainText(_ value: ByteView) -> Bool {
    let end = value.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? value.count
    return value.slice(0, end).trimmed().equalsIgnoringCase("text/plain")
  }

  // MARK: End of the head

  private mutating func endOfHeaders() -> ResponseError? {
    if status < 200 {
      interimCount += 1
      phase = .statusLine
      return interimCount > limits.interimMax ? .tooManyInterimResponses : nil
    }
    let hasBothLengths = framing.hasTransferEncoding && framing.contentLength >= 0
    headersAreComplete = true
    keepAlive =
      !framing.saysClose && !hasBothLengths
      && (framing.isHTTP10 ? framing.saysKeepAlive && !framing.hasTransferEncoding : true)
    beginBody()
    return nil
  }

  /// > Source: RFC 9112 §6.3, in its order.
  private mutating func beginBody() {
    if status == 204 || status == 304 {
      phase = .complete
    } else if framing.isChunked {
      phase = .chunkSize
    } else if framing.hasTransferEncoding || framing.contentLength < 0 {
      phase = .bodyUntilClose
      keepAlive = false
    } else if framing.contentLength == 0 {
      phase = .complete
    } else {
      bodyLeft = framing.contentLength
      phase = .fixedBody
    }
  }
}

extension RetryAfter {
  /// Seconds, or a date; anything else is as good as no header.
  init(_ value: ByteView) {
    var seconds: UInt64 = 0
    var index = 0
    while index < value.count && ASCII.isDigit(value[index]) {
      // Beyond millions of years it means "very late"; the caller's ceiling decides.
      if seconds < 1_000_000_000_000_000 { seconds = seconds * 10 + UInt64(value[index] &- 0x30) }
      index += 1
    }
    if index > 0 && index == value.count {
      self = .seconds(seconds)
    } else if let date = HTTPDate.parse(value) {
      self = .date(date)
    } else {
      self = .none
    }
  }
}
