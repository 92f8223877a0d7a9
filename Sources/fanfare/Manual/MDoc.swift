/// Text in mdoc, the language of manual pages, line by line.
///
/// > Source: mdoc(7).
struct MDoc {
  private(set) var text = ""

  /// A macro with its arguments as they are: `Sh NAME`.
  mutating func macro(_ line: String) { text += ".\(line)\n" }

  /// A paragraph, or a part of one; each sentence on a line of its own, as readers of mdoc ask for.
  mutating func prose(_ words: String) {
    let sentences = words.replacing(/([.!?]\)?) +/) { "\($0.output.1)\n" }
    for line in sentences.split(separator: "\n") { text += Self.escaped(String(line)) + "\n" }
  }

  /// Lines as they are, in a block of their own.
  mutating func literal(_ lines: [String]) {
    macro("Bd -literal -offset indent")
    for line in lines { text += line.isEmpty ? "\\&\n" : Self.escaped(line) + "\n" }
    macro("Ed")
  }

  /// A list of terms, each with what it means.
  mutating func terms(_ items: [(term: String, meaning: String)]) {
    if items.isEmpty { return }
    macro("Bl -tag -width Ds")
    for item in items {
      macro("It \(item.term)")
      prose(item.meaning)
    }
    macro("El")
  }

  /// A word as an argument of a macro, which would take some for macros themselves.
  static func word(_ text: String) -> String {
    let escaped = escaped(text)
    let isName = text.count <= 3 && text.first?.isLetter == true
    let isMark = text.allSatisfy { ".,:;()[]?!|".contains($0) }
    let guarded = isName || isMark ? "\\&" + escaped : escaped
    return guarded.contains(" ") ? "\"\(guarded.replacing("\"", with: "\\(dq"))\"" : guarded
  }

  /// Text in which nothing is taken for a command or turned into a nicer character.
  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "`": result += "\\(ga"
      case "^": result += "\\(ha"
      case "~": result += "\\(ti"
      case "…": result += "..."
      default: result.append(character)
      }
    }
    return result.hasPrefix(".") ? "\\&" + result : result
  }
}
