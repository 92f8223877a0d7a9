/// Any JSON, with the order of keys and the spelling of numbers kept.
///
/// The API's objects pass through the command line as they come, so that a field this version does
/// not know is shown all the same.
indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// The number as it was written.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  struct Member: Equatable, Sendable {
    var key: String
    var value: JSONValue
  }

  /// The value of a key; `nil` when there is none, when it is `null`, or this is no object.
  subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self,
      let value = members.last(where: { $0.key == key })?.value, value != .null
    else { return nil }
    return value
  }

  /// The text of a string.
  var text: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The value of a number that is whole.
  var integer: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text) ?? Double(text).flatMap { Int(exactly: $0.rounded()) }
  }

  /// The value of a number.
  var double: Double? {
    guard case .number(let text) = self else { return nil }
    return Double(text)
  }

  /// Whether it is `true`.
  var isTrue: Bool { self == .bool(true) }

  /// The elements of an array; none for anything else.
  var elements: [JSONValue] {
    if case .array(let elements) = self { return elements }
    return []
  }

  /// The strings of an array.
  var texts: [String] { elements.compactMap(\.text) }

  /// The text of a string or of a number, for a table.
  var shown: String? {
    switch self {
    case .string(let text), .number(let text): text
    case .bool(let value): value ? "true" : "false"
    case .null: nil
    case .array, .object: compact
    }
  }

  /// Makes an object of what is there.
  static func members(_ pairs: [(String, JSONValue?)]) -> JSONValue {
    .object(pairs.compactMap { key, value in value.map { Member(key: key, value: $0) } })
  }

  /// A whole number.
  static func integer(_ value: some BinaryInteger) -> JSONValue { .number("\(value)") }

  /// An array of strings.
  static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

  /// Prints it: indented for a person, on one line in a pipe.
  func print() {
    Console.print(Console.Stream.standardOutput.isTerminal ? pretty() : compact)
  }

  // MARK: Text

  /// On one line, without spaces.
  var compact: String {
    var text = ""
    write(to: &text, indent: nil, level: 0)
    return text
  }

  /// Over several lines, indented by two spaces.
  func pretty(level: Int = 0) -> String {
    var text = ""
    write(to: &text, indent: 2, level: level)
    return text
  }

  private func write(to text: inout String, indent: Int?, level: Int) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let number): text += number
    case .string(let string): Self.quote(string, to: &text)
    case .array(let elements):
      Self.list("[", "]", elements, to: &text, indent, level) { element, text in
        element.write(to: &text, indent: indent, level: level + 1)
      }
    case .object(let members):
      Self.list("{", "}", members, to: &text, indent, level) { member, text in
        Self.quote(member.key, to: &text)
        text += indent == nil ? ":" : ": "
        member.value.write(to: &text, indent: indent, level: level + 1)
      }
    }
  }

  private static func list<Item>(
    _ open: String, _ close: String, _ items: [Item], to text: inout String, _ indent: Int?,
    _ level: Int, _ write: (Item, inout String) -> Void
  ) {
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += "," }
      if let indent { text += "\n" + String(repeating: " ", count: indent * (level + 1)) }
      write(item, &text)
    }
    if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent * level) }
    text += close
  }

  private static func quote(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      // The C1 controls too: some terminals obey them.
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
