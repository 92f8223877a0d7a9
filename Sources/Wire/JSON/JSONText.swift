public import Base

/// Lays down JSON text at the end of a buffer.
public enum JSONText {
  /// Appends the bytes as a JSON string with its quotes; only what must be escaped is.
  ///
  /// - Precondition: `bytes` is UTF-8 (``UTF8Check``); other bytes would give invalid JSON.
  /// - Complexity: O(n), eight bytes a step while nothing is to be escaped.
  public static func appendString(_ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
    let view = unsafe ByteView(bytes)
    buffer.reserve(view.count + 2)
    buffer.append(ASCII.quote)
    var start = 0
    var index = 0
    while true {
      index = plainEnd(view, from: index)
      if index == view.count { break }
      unsafe buffer.append(contentsOf: view.slice(start, index).raw)
      appendEscape(view[index], to: &buffer)
      index += 1
      start = index
    }
    unsafe buffer.append(contentsOf: view.slice(start, index).raw)
    buffer.append(ASCII.quote)
  }

  /// The same for a string; for cold paths.
  public static func appendString(_ text: String, to buffer: inout ByteBuffer) {
    var text = text
    text.withUTF8 { utf8 in
      unsafe appendString(UnsafeRawBufferPointer(utf8), to: &buffer)
    }
  }

  /// Index of the first byte at or after `start` that must be escaped, or the count.
  @inline(__always)
  private static func plainEnd(_ view: ByteView, from start: Int) -> Int {
    var index = start
    while index < view.count {
      if view.count - index >= 8 {
        // The test also stops at bytes that are not ASCII; those pass one by one below.
        let found = SWAR.stringSpecials(view.word(at: index))
        if found == 0 {
          index += 8
          continue
        }
        index += SWAR.firstIndex(found)
      }
      let byte = view[index]
      if byte < ASCII.space || byte == ASCII.quote || byte == ASCII.backslash { return index }
      index += 1
    }
    return index
  }

  @inline(never)
  private static func appendEscape(_ byte: UInt8, to buffer: inout ByteBuffer) {
    switch byte {
    case ASCII.quote: buffer.append("\\\"")
    case ASCII.backslash: buffer.append("\\\\")
    case 0x08: buffer.append("\\b")
    case ASCII.tab: buffer.append("\\t")
    case ASCII.lineFeed: buffer.append("\\n")
    case 0x0C: buffer.append("\\f")
    case ASCII.carriageReturn: buffer.append("\\r")
    default:
      buffer.append("\\u00")
      buffer.append(hexDigit(byte >> 4))
      buffer.append(hexDigit(byte & 15))
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? value + 0x30 : value - 10 + 0x61
  }
}
