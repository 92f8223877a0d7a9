/// What a scan of JSON text found.
public enum JSONScanResult: Equatable, Sendable, BitwiseCopyable {
  /// One complete JSON value, spaces around it allowed.
  case valid
  /// Not JSON: the offset, in bytes, of the first byte that cannot be there; the count when the
  /// text ends too early.
  case invalid(offset: Int)
}

/// Checks that bytes are one JSON value, without building it.
///
/// Strict, because what passes is laid verbatim into the body of a request: no comments, no
/// trailing commas, no byte order mark, no `NaN`, UTF-8 checked. Lone `\uD800` escapes are within
/// the grammar and pass.
///
/// > Source: RFC 8259.
public enum JSONScanner {
  /// Deepest nesting of arrays and objects that is accepted.
  public static let depthMax = 512

  /// Scans once from start to end.
  ///
  /// - Complexity: O(n), eight bytes a step inside strings; no allocation, no recursion.
  public static func scan(_ bytes: UnsafeRawBufferPointer) -> JSONScanResult {
    var machine = unsafe JSONMachine(ByteView(bytes))
    return machine.run() ? .valid : .invalid(offset: machine.position)
  }
}

/// The state of one scan: where it is, and which of the open containers are objects.
private struct JSONMachine {
  let bytes: ByteView
  var position = 0
  private var depth = 0
  private var topIsObject = false
  // One bit an open container, set for an object.
  private var kinds: [8 of UInt64] = [0, 0, 0, 0, 0, 0, 0, 0]

  init(_ bytes: ByteView) { self.bytes = bytes }

  /// Whether the whole text is one value; if not, `position` is at the offending byte.
  @inline(__always)
  mutating func run() -> Bool {
    while true {
      skipSpace()
      guard position < bytes.count else { return false }
      let byte = bytes[position]
      if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        guard open(isObject: byte == UInt8(ascii: "{")) else { return false }
        skipSpace()
        guard position < bytes.count else { return false }
        if bytes[position] != closer {
          if topIsObject && !key() { return false }
          continue
        }
        close()
      } else {
        guard scalar(byte) else { return false }
      }
      switch afterValue() {
      case .another: continue
      case .end: return true
      case .failure: return false
      }
    }
  }

  private enum Next { case another, end, failure }

  /// Closes what ends after a value, and says whether another value follows.
  @inline(__always)
  private mutating func afterValue() -> Next {
    while true {
      skipSpace()
      if depth == 0 { return position == bytes.count ? .end : .failure }
      guard position < bytes.count else { return .failure }
      let byte = bytes[position]
      if byte == ASCII.comma {
        position += 1
        if topIsObject {
          skipSpace()
          return key() ? .another : .failure
        }
        return .another
      }
      if byte != closer { return .failure }
      close()
    }
  }

  // MARK: Containers

  private var closer: UInt8 { topIsObject ? UInt8(ascii: "}") : UInt8(ascii: "]") }

  @inline(__always)
  private mutating func open(isObject: Bool) -> Bool {
    if depth == JSONScanner.depthMax { return false }
    let bit: UInt64 = 1 << UInt64(depth & 63)
    if isObject { kinds[depth >> 6] |= bit } else { kinds[depth >> 6] &= ~bit }
    depth += 1
    topIsObject = isObject
    position += 1
    return true
  }

  @inline(__always)
  private mutating func close() {
    position += 1
    depth -= 1
    if depth > 0 {
      let top = depth - 1
      topIsObject = (kinds[top >> 6] >> UInt64(top & 63)) & 1 == 1
    }
  }

  /// A member's name and the colon after it.
  @inline(__always)
  private mutating func key() -> Bool {
    guard position < bytes.count, bytes[position] == ASCII.quote, string() else { return false }
    skipSpace()
    guard position < bytes.count, bytes[position] == ASCII.colon else { return false }
    position += 1
    return true
  }

  // MARK: Scalars

  @inline(__always)
  private mutating func scalar(_ byte: UInt8) -> Bool {
    switch byte {
    case ASCII.quote: return string()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
    case UInt8(ascii: "t"): return literal("true")
    case UInt8(ascii: "f"): return literal("false")
    case UInt8(ascii: "n"): return literal("null")
    default: return false
    }
  }

  private mutating func literal(_ text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount {
      let expected = unsafe text.utf8Start[index]
      guard position < bytes.count, bytes[position] == expected else { return false }
      position += 1
    }
    return true
  }

  @inline(__always)
  private mutating func number() -> Bool {
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    guard position < bytes.count else { return false }
    if bytes[position] == UInt8(ascii: "0") {
      position += 1
    } else if !digits() {
      return false
    }
    if position < bytes.count && bytes[position] == ASCII.dot {
      position += 1
      if !digits() { return false }
    }
    if position < bytes.count && bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      return exponent()
    }
    return true
  }

  private mutating func exponent() -> Bool {
    if position < bytes.count {
      let sign = bytes[position]
      if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
    }
    return digits()
  }

  /// One digit or more.
  @inline(__always)
  private mutating func digits() -> Bool {
    let start = position
    while position < bytes.count && ASCII.isDigit(bytes[position]) { position += 1 }
    return position > start
  }

  // MARK: Strings

  /// A string whose opening quote is at `position`.
  @inline(__always)
  private mutating func string() -> Bool {
    position += 1
    while true {
      skipPlain()
      guard position < bytes.count else { return false }
      let byte = bytes[position]
      if byte == ASCII.quote {
        position += 1
        return true
      }
      if byte >= 0x80 {
        guard wide() else { return false }
      } else if byte == ASCII.backslash {
        guard escape() else { return false }
      } else if byte < 0x20 {
        return false
      } else {
        // Fewer than eight bytes are left: the plain run is walked byte by byte.
        position += 1
      }
    }
  }

  /// Moves to the first byte that is not plain, or to the last seven bytes.
  @inline(__always)
  private mutating func skipPlain() {
    while bytes.count - position >= 8 {
      let found = SWAR.stringSpecials(bytes.word(at: position))
      if found != 0 {
        position += SWAR.firstIndex(found)
        return
      }
      position += 8
    }
  }

  /// A run of characters that are not ASCII.
  private mutating func wide() -> Bool {
    while position < bytes.count && bytes[position] >= 0x80 {
      let length = UTF8Check.sequenceLength(bytes, at: position)
      if length == 0 { return false }
      position += length
    }
    return true
  }

  private mutating func escape() -> Bool {
    position += 1
    guard position < bytes.count else { return false }
    switch bytes[position] {
    case ASCII.quote, ASCII.backslash, UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
      return true
    case UInt8(ascii: "u"):
      position += 1
      return fourHexDigits()
    default:
      return false
    }
  }

  private mutating func fourHexDigits() -> Bool {
    for _ in 0..<4 {
      guard position < bytes.count, ASCII.hexValue(bytes[position]) != nil else { return false }
      position += 1
    }
    return true
  }

  // MARK: Space

  @inline(__always)
  private mutating func skipSpace() {
    while position < bytes.count {
      let byte = bytes[position]
      if byte > 0x20 { return }
      // Indentation comes in runs.
      if byte == ASCII.space && bytes.count - position >= 8
        && bytes.word(at: position) == SWAR.eightSpaces
      {
        position += 8
        continue
      }
      guard
        byte == ASCII.space || byte == ASCII.lineFeed || byte == ASCII.carriageReturn
          || byte == ASCII.tab
      else { return }
      position += 1
    }
  }
}
