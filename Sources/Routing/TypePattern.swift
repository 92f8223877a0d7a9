/// Why a type pattern was refused.
public enum TypePatternError: Error, Equatable, Sendable {
  /// There is nothing in it.
  case empty
  /// It is longer than a type may be.
  case tooLong(String)
  /// It is neither a type, nor a type followed by `.*`, nor `*`.
  case malformed(String)

  /// For people.
  public var text: String {
    switch self {
    case .empty: "a type pattern is empty; write a type, a prefix such as 'job.*', or '*'"
    case .tooLong(let pattern):
      "type pattern '\(pattern.prefix(40))…' is longer than \(TypePattern.typeBytesMax) bytes"
    case .malformed(let pattern):
      "'\(pattern)' is no type pattern: write a type such as 'job.completed', a prefix such as "
        + "'job.*' (the star only at the end, after a dot), or '*' for every type"
    }
  }
}

/// What an endpoint or a tail subscribes to: one type, every type with a prefix, or every type.
public struct TypePattern: Hashable, Sendable, CustomStringConvertible {
  /// The three forms there are.
  public enum Form: UInt8, Sendable {
    /// `job.completed`: this type alone.
    case exact
    /// `job.*`: every type that begins with `job.`.
    case prefix
    /// `*`: every type.
    case all
  }

  /// Longest type, in bytes.
  public static let typeBytesMax = 128

  /// Which form it has.
  public let form: Form
  /// The type; for a prefix what stands before the star, with its dot; empty for `*`.
  public let stem: [UInt8]

  /// Every type.
  public static let all = TypePattern(form: .all, stem: [])

  private init(form: Form, stem: [UInt8]) {
    self.form = form
    self.stem = stem
  }

  /// Reads a pattern.
  /// - Throws: what is wrong with it, to be shown to whoever wrote it.
  public init(parsing text: String) throws(TypePatternError) {
    var bytes = Array(text.utf8)
    if bytes.isEmpty { throw .empty }
    if bytes == Array("*".utf8) {
      self = .all
      return
    }
    let isPrefix = bytes.count > 2 && bytes.suffix(2) == Array(".*".utf8)[...]
    if isPrefix { bytes.removeLast(2) }
    if bytes.count > Self.typeBytesMax { throw .tooLong(text) }
    guard Self.isType(bytes) else { throw .malformed(text) }
    form = isPrefix ? .prefix : .exact
    stem = isPrefix ? bytes + [UInt8(ascii: ".")] : bytes
  }

  /// Letters, digits, `_` and `-`, joined by single dots.
  private static func isType(_ bytes: [UInt8]) -> Bool {
    var afterDot = true
    for byte in bytes {
      if byte == UInt8(ascii: ".") {
        if afterDot { return false }
        afterDot = true
        continue
      }
      let isLetter = (byte | 0x20) &- 0x61 < 26
      guard isLetter || byte &- 0x30 < 10 || byte == 0x5F || byte == 0x2D else { return false }
      afterDot = false
    }
    return !afterDot
  }

  /// As it was written.
  public var description: String {
    switch form {
    case .exact: String(decoding: stem, as: UTF8.self)
    case .prefix: String(decoding: stem, as: UTF8.self) + "*"
    case .all: "*"
    }
  }

  /// Whether a type belongs to it.
  /// - Complexity: O(bytes of the stem); no allocation.
  public func matches(_ type: UnsafeRawBufferPointer) -> Bool {
    switch form {
    case .all: return true
    case .exact: if type.count != stem.count { return false }
    case .prefix: if type.count <= stem.count { return false }
    }
    for index in stem.indices where unsafe type[index] != stem[index] { return false }
    return true
  }
}
