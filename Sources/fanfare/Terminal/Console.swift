internal import Glibc

/// The terminal: data on stdout, talk on stderr, colour only where a person looks.
enum Console {
  enum Stream: Int32, Sendable {
    case standardOutput = 1
    case standardError = 2

    /// Whether a person looks at it.
    var isTerminal: Bool { isatty(rawValue) == 1 }
  }

  enum Style: String, Sendable {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
  }

  /// Writes a line of data.
  static func print(_ line: String) { write(line + "\n", to: .standardOutput) }

  /// Writes a line of talk.
  static func talk(_ line: String) { write(line + "\n", to: .standardError) }

  /// Writes a line of talk that should not be missed.
  static func warn(_ line: String) { talk(styled("warning: \(line)", .yellow, on: .standardError)) }

  /// Writes bytes as they are; a reader that went away ends the program quietly.
  static func write(_ bytes: [UInt8], to stream: Stream) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(stream.rawValue, $0.baseAddress, $0.count)
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EPIPE { _exit(0) }
        return
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Writes text as it is.
  static func write(_ text: String, to stream: Stream) { write(Array(text.utf8), to: stream) }

  /// `text` in a style, where `stream` is a terminal and `NO_COLOR` is not set.
  static func styled(_ text: String, _ style: Style, on stream: Stream = .standardOutput) -> String
  {
    guard usesColour(stream) else { return text }
    return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
  }

  /// Whether styles are shown on `stream`.
  static func usesColour(_ stream: Stream) -> Bool {
    guard stream.isTerminal else { return false }
    return (Environment.value("NO_COLOR") ?? "").isEmpty && Environment.value("TERM") != "dumb"
  }

  /// Empties the screen before the next picture of a live view.
  static func clearScreen() { write("\u{1B}[H\u{1B}[2J", to: .standardOutput) }

  /// Text from elsewhere, with what a terminal would obey made visible.
  ///
  /// - Parameter keepingLines: leaves line ends and tabs as they are.
  static func clean(_ text: String, keepingLines: Bool = false) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let isLine = scalar == "\n" || scalar == "\t"
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      result.append(isControl && !(isLine && keepingLines) ? "\u{FFFD}" : scalar)
    }
    return String(result)
  }

  /// Asks a yes-or-no question on the terminal.
  ///
  /// - Returns: `nil` when there is nobody to ask.
  static func ask(_ question: String) -> Bool? {
    guard isatty(0) == 1, Stream.standardError.isTerminal else { return nil }
    write("\(question) [y/N] ", to: .standardError)
    let answer = readLine()?.lowercased() ?? ""
    return answer == "y" || answer == "yes"
  }
}

/// The environment of the process.
enum Environment {
  /// A variable's value; `nil` when it is not set.
  static func value(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
