internal import Glibc

/// What a command is given to read: files, stdin, and secrets that must not show in a process list.
enum Input {
  /// A file's bytes.
  ///
  /// - Throws: exit 65 when it cannot be read, 77 when it may not.
  static func file(_ path: String) throws(Failure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path) }
    defer { close(descriptor) }
    return try all(of: descriptor, name: path)
  }

  /// Everything on stdin.
  static func standardInput() throws(Failure) -> [UInt8] { try all(of: 0, name: "stdin") }

  /// A file's text without the line end that editors leave.
  static func text(of path: String) throws(Failure) -> String {
    trimmed(String(decoding: try file(path), as: UTF8.self))
  }

  /// The data of an event or a message: an argument, `-` for stdin, or a file.
  ///
  /// - Throws: exit 64 when none or two of them are given.
  static func data(argument: String?, file path: String?) throws(Failure) -> [UInt8] {
    switch (argument, path) {
    case (nil, let path?): return try file(path)
    case ("-"?, nil): return try standardInput()
    case (let text?, nil): return Array(text.utf8)
    case (.some, .some): throw Failure(.usage, "data is given twice: as an argument and by --file")
    case (nil, nil):
      throw Failure(
        .usage, "no data: give it as an argument, as '-' for stdin, or by --file PATH")
    }
  }

  /// A secret of the command line: `@FILE`, `-` for a line of stdin, or the text itself.
  static func secret(_ text: String) throws(Failure) -> String {
    if text == "-" { return trimmed(readLine() ?? "") }
    guard text.hasPrefix("@") else { return text }
    return try Input.text(of: String(text.dropFirst()))
  }

  /// An absolute path, for messages: what was tried, wherever the reader stands.
  static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let current = unsafe getcwd(nil, 0) else { return path }
    defer { unsafe free(current) }
    let folder = unsafe String(cString: current)
    let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    if relative.isEmpty || relative == "." { return folder }
    return folder == "/" ? "/" + relative : "\(folder)/\(relative)"
  }

  private static func all(of descriptor: Int32, name: String) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe read(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(name) }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  private static func unreadable(_ path: String) -> Failure {
    let isForbidden = errno == EACCES
    return Failure(
      isForbidden ? .noAccess : .badData, "cannot read \(absolute(path)): \(SystemText.last())")
  }

  private static func trimmed(_ text: String) -> String {
    var text = Substring(text)
    while let last = text.last, last.isNewline { text = text.dropLast() }
    return String(text)
  }
}

/// The system's words for an error number.
enum SystemText {
  /// The words for `errno` as it is now.
  static func last() -> String { of(errno) }

  /// The words for an error number, beginning in lower case: they end a sentence.
  static func of(_ number: Int32) -> String {
    let text = unsafe String(cString: strerror(number))
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
