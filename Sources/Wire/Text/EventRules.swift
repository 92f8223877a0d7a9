/// The grammar of what publishers and users name.
///
/// All checks are O(n) without allocation; the lengths are in bytes.
public enum EventRules {
  /// Longest event type.
  public static let typeBytesMax = 128
  /// Longest id that a publisher may give.
  public static let idBytesMax = 128
  /// Longest channel.
  public static let channelBytesMax = 128
  /// Longest name of an endpoint, application or credential.
  public static let nameBytesMax = 128
  /// Longest source or subject.
  public static let attributeBytesMax = 512
  /// Longest content type.
  public static let contentTypeBytesMax = 255

  /// `job.completed`: letters, digits, `_` and `-`, joined by single dots, at most 128 bytes.
  public static func isValidType(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    guard view.count > 0, view.count <= typeBytesMax else { return false }
    var afterDot = true
    for index in 0..<view.count {
      let byte = view[index]
      if byte == ASCII.dot {
        if afterDot { return false }
        afterDot = true
      } else {
        if !isWord(byte) { return false }
        afterDot = false
      }
    }
    return !afterDot
  }

  /// 1–128 of `[A-Za-z0-9_-]`, not beginning `msg_`, which is Fanfare's own.
  public static func isValidID(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    guard view.count > 0, view.count <= idBytesMax else { return false }
    for index in 0..<view.count where !isWord(view[index]) { return false }
    let own: [4 of UInt8] = [0x6D, 0x73, 0x67, 0x5F]
    guard view.count >= own.count else { return true }
    for index in 0..<own.count where view[index] != own[index] { return true }
    return false
  }

  /// 1–128 of `[A-Za-z0-9._:-]`.
  public static func isValidChannel(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    guard view.count > 0, view.count <= channelBytesMax else { return false }
    for index in 0..<view.count {
      let byte = view[index]
      if !isWord(byte) && byte != ASCII.dot && byte != ASCII.colon { return false }
    }
    return true
  }

  /// Names of endpoints, applications, credentials: 1–128 of `[A-Za-z0-9._-]`.
  public static func isValidName(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    guard view.count > 0, view.count <= nameBytesMax else { return false }
    for index in 0..<view.count where !isWord(view[index]) && view[index] != ASCII.dot {
      return false
    }
    return true
  }

  /// Source or subject: 1–512 bytes of UTF-8 without control characters.
  public static func isValidAttribute(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    guard view.count > 0, view.count <= attributeBytesMax else { return false }
    for index in 0..<view.count where view[index] < ASCII.space || view[index] == 0x7F {
      return false
    }
    return unsafe UTF8Check.isValid(bytes)
  }

  /// `type/subtype` with parameters, printable ASCII, at most 255 bytes.
  ///
  /// It becomes a header of a request, so nothing that could end a line may pass.
  public static func isValidContentType(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    guard view.count <= contentTypeBytesMax else { return false }
    var index = 0
    while index < view.count && ASCII.isToken(view[index]) { index += 1 }
    guard index > 0, index < view.count, view[index] == UInt8(ascii: "/") else { return false }
    let subtype = index + 1
    index = subtype
    while index < view.count && ASCII.isToken(view[index]) { index += 1 }
    if index == subtype { return false }
    if index < view.count && view[index] != UInt8(ascii: ";") && view[index] != ASCII.space {
      return false
    }
    while index < view.count {
      if view[index] < ASCII.space || view[index] > 0x7E { return false }
      index += 1
    }
    return view[view.count - 1] != ASCII.space
  }

  /// Whether a content type says that the data is JSON: `application/json`, or `…+json`.
  public static func isJSONContentType(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let view = unsafe ByteView(bytes)
    let end = view.firstIndex(of: UInt8(ascii: ";"), from: 0) ?? view.count
    let media = view.slice(0, end).trimmed()
    if media.equalsIgnoringCase("application/json") || media.equalsIgnoringCase("text/json") {
      return true
    }
    return media.count > 5
      && media.slice(media.count - 5, media.count).equalsIgnoringCase("+json")
  }

  /// ``isValidType(_:)-(UnsafeRawBufferPointer)`` for strings; cold paths.
  public static func isValidType(_ text: String) -> Bool {
    unsafe withBytes(text) { unsafe isValidType($0) }
  }

  /// ``isValidID(_:)-(UnsafeRawBufferPointer)`` for strings.
  public static func isValidID(_ text: String) -> Bool {
    unsafe withBytes(text) { unsafe isValidID($0) }
  }

  /// ``isValidChannel(_:)-(UnsafeRawBufferPointer)`` for strings.
  public static func isValidChannel(_ text: String) -> Bool {
    unsafe withBytes(text) { unsafe isValidChannel($0) }
  }

  /// ``isValidName(_:)-(UnsafeRawBufferPointer)`` for strings.
  public static func isValidName(_ text: String) -> Bool {
    unsafe withBytes(text) { unsafe isValidName($0) }
  }

  /// ``isValidAttribute(_:)-(UnsafeRawBufferPointer)`` for strings.
  public static func isValidAttribute(_ text: String) -> Bool {
    unsafe withBytes(text) { unsafe isValidAttribute($0) }
  }

  /// ``isValidContentType(_:)-(UnsafeRawBufferPointer)`` for strings.
  public static func isValidContentType(_ text: String) -> Bool {
    unsafe withBytes(text) { unsafe isValidContentType($0) }
  }

  @inline(__always)
  private static func isWord(_ byte: UInt8) -> Bool {
    ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
  }

  private static func withBytes(
    _ text: String, _ check: (UnsafeRawBufferPointer) -> Bool
  ) -> Bool {
    TextReader.read(text) { reader in unsafe check(reader.bytes.raw) }
  }
}
