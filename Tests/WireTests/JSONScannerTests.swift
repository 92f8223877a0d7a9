// Goal: exactly the texts of RFC 8259 pass, and the offset names the first byte that cannot be.
// Method: tables after JSONTestSuite; then random texts, whole and damaged, against a second
// parser written the plain recursive way.
import Base
import Testing
import Wire

private func scan(_ bytes: [UInt8]) -> JSONScanResult {
  unsafe lend(bytes) { unsafe JSONScanner.scan($0) }
}

private func scan(_ text: String) -> JSONScanResult { scan(Array(text.utf8)) }

@Suite struct JSONScannerTests {
  @Test(arguments: [
    "{}", "[]", "null", "true", "false", "0", "-0", "42", "-1.5e+10", "1E5", "1e-2", "0.1",
    "\"\"", "\"a\"", " \t\r\n[ 1 , 2 ] \n", "{\"a\":1}", "{ \"a\" : [ { } , \"b\" ] }",
    "[[[[[[]]]]]]", "{\"a\":{\"b\":{\"c\":[]}},\"d\":null}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\\uD834\\uDd1e\"", "\"\\uD800\"", "\"\u{7F}\"", "\"\u{20AC}\u{1D11E}\u{E9}\"",
    "\"plain text that is longer than eight bytes\"", "{\"a\":1,\"a\":2}", "{\"\":0}",
    "123456789012345678901234567890", "1e999999", "[\n        1,\n        2\n]",
    "[true,false,null]", "{\"\u{E9}t\u{E9}\":\"1234567\u{E9}\"}",
  ]) func `valid text passes`(text: String) {
    #expect(scan(text) == .valid)
  }

  @Test(arguments: [
    ("", 0), ("   ", 3), ("{", 1), ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1),
    ("[1 2]", 3), ("{\"a\"", 4), ("{\"a\":", 5), ("{\"a\":1", 6), ("{\"a\":1,}", 7),
    ("{a:1}", 1), ("{\"a\" 1}", 5), ("{1:2}", 1), ("[}", 1), ("{]", 1), ("[1}", 2),
    ("{\"a\":1]", 6), ("]", 0), ("1 2", 2), ("[]]", 2), ("nul", 3), ("nulL", 3), ("True", 0),
    ("NaN", 0), ("Infinity", 0), ("-", 1), ("-a", 1), ("+1", 0), (".5", 0), ("1.", 2),
    ("1.e5", 2), ("1e", 2), ("1e+", 3), ("01", 1), ("-01", 2), ("0x1", 1), ("1_000", 1),
    ("'a'", 0), ("\"", 1), ("\"abc", 4), ("\"\\", 2), ("\"\\x\"", 2), ("\"\\u12\"", 5),
    ("\"\\u12G4\"", 5), ("\"\\uD83", 6), ("\"a\tb\"", 2), ("\"long enough\n\"", 12),
    ("\"\0\"", 1), ("\u{FEFF}{}", 0), ("// c\n1", 0), ("[1] x", 4), ("\u{A0}1", 0), ("{}{}", 2),
    ("\u{C}1", 0), ("\"a\" \"b\"", 4),
  ]) func `invalid text is refused at its first wrong byte`(text: String, offset: Int) {
    #expect(scan(text) == .invalid(offset: offset))
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3],
      [0xE2, 0x82], [0xF0, 0x9D, 0x84], [0xC3, 0x22], [0xFF], [0xFE],
    ] as [[UInt8]]) func `malformed UTF-8 in a string is refused where it begins`(bytes: [UInt8])
  {
    for padding in 0...17 {
      let plain = [UInt8](repeating: 0x61, count: padding)
      #expect(scan([0x22] + plain + bytes + [0x22]) == .invalid(offset: 1 + padding))
      #expect(scan([0x22] + plain + bytes) == .invalid(offset: 1 + padding))
    }
  }

  @Test func `a special byte is seen at every place of a word`() {
    for padding in 0...24 {
      let plain = String(repeating: "a", count: padding)
      #expect(scan("\"\(plain)\"") == .valid)
      #expect(scan("\"\(plain)\\n\(plain)\"") == .valid)
      #expect(scan("\"\(plain)\u{E9}\(plain)\"") == .valid)
      #expect(scan("\"\(plain)\u{1F}\(plain)\"") == .invalid(offset: 1 + padding))
      #expect(scan("\"\(plain)") == .invalid(offset: 1 + padding))
    }
  }

  @Test func `nesting of 512 passes and of 513 does not`() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(scan(nested(512)) == .valid)
    #expect(scan(nested(513)) == .invalid(offset: 512))
    #expect(scan(String(repeating: "[", count: 1_000_000)) == .invalid(offset: 512))
    let objects =
      String(repeating: "{\"a\":[", count: 256) + "1"
      + String(repeating: "]}", count: 256)
    #expect(scan(objects) == .valid)
  }

  @Test func `random texts, whole and damaged, are judged as by a plain parser`() {
    var random = SeededRandom(seed: 20_261_121)
    var refused = 0
    for _ in 0..<4000 {
      var bytes: [UInt8] = []
      appendRandomValue(&bytes, depth: 0, &random)
      #expect(scan(bytes) == .valid)
      let alphabet = Array("{}[]\",:\\ \n0123e-.tnu\u{E9}".utf8) + [0x00, 0x80, 0xFF]
      for _ in 0..<4 {
        var damaged = bytes
        let index = Int(random.below(UInt64(bytes.count)))
        damaged[index] = alphabet[Int(random.below(UInt64(alphabet.count)))]
        if random.oneIn(4) { damaged.removeLast(Int(random.below(UInt64(bytes.count)))) }
        let isValid = PlainJSON.accepts(damaged)
        if !isValid { refused += 1 }
        #expect((scan(damaged) == .valid) == isValid, "\(damaged)")
      }
    }
    #expect(refused > 4000)
  }

  private func appendRandomValue(
    _ bytes: inout [UInt8], depth: Int, _ random: inout SeededRandom
  ) {
    switch random.below(depth > 4 ? 5 : 9) {
    case 0: bytes += Array("null".utf8)
    case 1: bytes += Array("\(Int64(truncatingIfNeeded: random.next()))".utf8)
    case 2: bytes += Array("-0.5e+\(random.below(99))".utf8)
    case 3, 4: appendRandomString(&bytes, &random)
    case 5, 6:
      bytes.append(0x5B)
      for index in 0..<random.below(5) {
        if index > 0 { bytes += [0x2C, 0x20] }
        appendRandomValue(&bytes, depth: depth + 1, &random)
      }
      bytes.append(0x5D)
    default:
      bytes.append(0x7B)
      for index in 0..<random.below(5) {
        if index > 0 { bytes += Array(",\n          ".utf8) }
        appendRandomString(&bytes, &random)
        bytes.append(0x3A)
        appendRandomValue(&bytes, depth: depth + 1, &random)
      }
      bytes.append(0x7D)
    }
  }

  private func appendRandomString(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
    bytes.append(0x22)
    for _ in 0..<random.below(20) {
      switch random.below(12) {
      case 0: bytes += Array("\\n".utf8)
      case 1: bytes += Array("\\u00e9".utf8)
      case 2: bytes += Array("\u{E9}\u{20AC}".utf8)
      case 3: bytes += Array("\u{1D11E}".utf8)
      default: bytes.append(UInt8(0x61 + random.below(26)))
      }
    }
    bytes.append(0x22)
  }
}

/// The grammar, written down as plainly as can be.
private struct PlainJSON {
  var rest: ArraySlice<UInt8>

  static func accepts(_ bytes: [UInt8]) -> Bool {
    guard String(validating: bytes, as: UTF8.self) != nil else { return false }
    var parser = PlainJSON(rest: bytes[...])
    return parser.value() && parser.rest.isEmpty
  }

  mutating func space() { rest = rest.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) } }

  mutating func take(_ text: String) -> Bool {
    guard rest.starts(with: text.utf8) else { return false }
    rest = rest.dropFirst(text.utf8.count)
    return true
  }

  mutating func value() -> Bool {
    space()
    defer { space() }
    if take("{") { return list("}") { $0.member() } }
    if take("[") { return list("]") { $0.value() } }
    if take("true") || take("false") || take("null") { return true }
    return rest.first == 0x22 ? string() : number()
  }

  mutating func list(_ closer: String, _ element: (inout PlainJSON) -> Bool) -> Bool {
    space()
    if take(closer) { return true }
    while element(&self) {
      if take(closer) { return true }
      if !take(",") { return false }
    }
    return false
  }

  mutating func member() -> Bool {
    space()
    guard string() else { return false }
    space()
    return take(":") && value()
  }

  mutating func string() -> Bool {
    guard take("\"") else { return false }
    while let byte = rest.popFirst() {
      if byte == 0x22 { return true }
      if byte < 0x20 { return false }
      if byte != 0x5C { continue }
      guard let escaped = rest.popFirst() else { return false }
      if escaped == UInt8(ascii: "u") {
        let digits = rest.prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit })
        else { return false }
        rest = rest.dropFirst(4)
      } else if !"\"\\/bfnrt".utf8.contains(escaped) {
        return false
      }
    }
    return false
  }

  mutating func number() -> Bool {
    _ = take("-")
    if !take("0") && !digits() { return false }
    if take(".") && !digits() { return false }
    if take("e") || take("E") {
      _ = take("+") || take("-")
      return digits()
    }
    return true
  }

  mutating func digits() -> Bool {
    let before = rest.count
    rest = rest.drop { (0x30...0x39).contains($0) }
    return rest.count < before
  }
}
