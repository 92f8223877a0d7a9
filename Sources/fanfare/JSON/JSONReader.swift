internal import Wire

/// Reads JSON text into a ``JSONValue``; `nil` for anything that RFC 8259 does not allow.
struct JSONReader {
  private let bytes: [UInt8]
  private var position = 0

  /// Parses the whole of `bytes`.
  static func value(of bytes: [UInt8]) -> JSONValue? {
    // The scanner checks grammar, UTF-8 and depth, so that what follows may trust the text.
    let isValid = unsafe bytes.withUnsafeBytes { unsafe JSONScanner.scan($0) == .valid }
    guard isValid else { return nil }
    var reader = JSONReader(bytes: bytes)
    return reader.value()
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func value() -> JSONValue {
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return object()
    case UInt8(ascii: "["): return array()
    case UInt8(ascii: "\""): return .string(string())
    case UInt8(ascii: "t"):
      position += 4
      return .bool(true)
    case UInt8(ascii: "f"):
      position += 5
      return .bool(false)
    case UInt8(ascii: "n"):
      position += 4
      return .null
    default: return number()
    }
  }

  private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func skipSpace() {
    while [0x20, 0x09, 0x0A, 0x0D].contains(current) { position += 1 }
  }

  /// Skips space, then `byte` if it is there.
  private mutating func take(_ byte: Character) -> Bool {
    skipSpace()
    guard current == byte.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func object() -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    while !take("}"), position < bytes.count {
      _ = take(",")
      skipSpace()
      let key = string()
      _ = take(":")
      members.append(JSONValue.Member(key: key, value: value()))
    }
    return .object(members)
  }

  private mutating func array() -> JSONValue {
    position += 1
    var elements: [JSONValue] = []
    while !take("]"), position < bytes.count {
      _ = take(",")
      elements.append(value())
    }
    return .array(elements)
  }

  private mutating func number() -> JSONValue {
    let start = position
    while position < bytes.count, "+-.eE0123456789".utf8.contains(bytes[position]) { position += 1 }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func string() -> String {
    position += 1
    var text: [UInt8] = []
    while position < bytes.count, current != UInt8(ascii: "\"") {
      if current == UInt8(ascii: "\\") {
        escape(into: &text)
      } else {
        text.append(current)
        position += 1
      }
    }
    position += 1
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func escape(into text: inout [UInt8]) {
    position += 1
    let kind = current
    position += 1
    switch kind {
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text += Array(String(Character(scalar())).utf8)
    default: text.append(kind)
    }
  }

  /// The scalar of `\uXXXX`, or of a surrogate pair of them; a lone surrogate is replaced.
  private mutating func scalar() -> Unicode.Scalar {
    let first = unit()
    guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
    guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { return "\u{FFFD}" }
    let start = position
    position += 2
    let second = unit()
    guard (0xDC00...0xDFFF).contains(second) else {
      position = start
      return "\u{FFFD}"
    }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
  }

  private mutating func unit() -> UInt32 {
    let end = min(position + 4, bytes.count)
    let digits = String(decoding: bytes[position..<end], as: UTF8.self)
    position = end
    return UInt32(digits, radix: 16) ?? 0xFFFD
  }
}
