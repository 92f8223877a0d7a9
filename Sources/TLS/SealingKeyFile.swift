import Glibc

/// The file that holds the keys of a ``Sealer``: one base64 text of 32 bytes a line, the newest
/// first. Nobody but its owner may read it.
struct SealingKeyFile {
  let path: String

  /// The file's keys, at least one; makes the file with a new key when there is none.
  func load() throws(SealerError) -> [[UInt8]] {
    if let text = try read() { return try parse(text) }
    try create()
    guard let text = try read() else { throw failure(ENOENT) }
    return try parse(text)
  }

  /// The file's keys, at least one.
  func loadExisting() throws(SealerError) -> [[UInt8]] {
    guard let text = try read() else { throw failure(ENOENT) }
    return try parse(text)
  }

  /// More than any number of keys that a file grows to.
  private static let countMax = 64 * 1_024

  /// - Returns: `nil` when there is no file.
  private func read() throws(SealerError) -> String? {
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else {
      if errno == ENOENT { return nil }
      throw failure(errno)
    }
    defer { close(fd) }
    try check(fd)
    var bytes = [UInt8](repeating: 0, count: Self.countMax)
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(fd, buffer.baseAddress! + count, buffer.count - count)
      }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw failure(errno) }
      if got == 0 { break }
      count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// Looks at the open file, not at its name, which could be another one by now.
  private func check(_ fd: Int32) throws(SealerError) {
    var status = stat()
    guard unsafe fstat(fd, &status) == 0 else { throw failure(errno) }
    let mode = status.st_mode
    guard mode & S_IFMT == S_IFREG else {
      throw .keyFile(path: path, reason: "not a regular file")
    }
    guard mode & 0o077 == 0 else {
      throw .keyFileExposed(path: path, mode: "0" + String(mode & 0o777, radix: 8))
    }
  }

  private func parse(_ text: String) throws(SealerError) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    // CR LF is one character, and a newline.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
      guard let key = Base64Text.decode(line), key.count == Sealer.keyCount else {
        throw .keyFileMalformed(path: path, line: index + 1)
      }
      keys.append(key)
    }
    guard !keys.isEmpty else { throw .keyFileMalformed(path: path, line: 1) }
    return keys
  }

  /// Writes a new key beside its place, then links it there: after a crash there is a whole file or
  /// none, and of two processes that start at once both use the key of the first.
  private func create() throws(SealerError) {
    let draft = try draft([SecureRandom.bytes(Sealer.keyCount)])
    defer { _ = unsafe unlink(draft) }
    guard unsafe link(draft, path) == 0 || errno == EEXIST else { throw failure(errno) }
    try syncDirectory()
  }

  /// Puts other keys in the place of those in the file: after a crash it holds the old ones or the
  /// new ones.
  func replace(with keys: [[UInt8]]) throws(SealerError) {
    let draft = try draft(keys)
    guard unsafe rename(draft, path) == 0 else {
      let error = failure(errno)
      _ = unsafe unlink(draft)
      throw error
    }
    try syncDirectory()
  }

  /// Writes keys, durably, beside the place of the file.
  /// - Returns: the path.
  private func draft(_ keys: [[UInt8]]) throws(SealerError) -> String {
    let draft = path + ".new-" + Digest.hex(SecureRandom.bytes(8))
    let fd = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw failure(errno) }
    let written = write(keys.map { Base64Text.encode($0) + "\n" }.joined(), to: fd)
    close(fd)
    guard let error = written else { return draft }
    _ = unsafe unlink(draft)
    throw failure(error)
  }

  /// - Returns: the `errno` of what failed.
  private func write(_ text: String, to fd: Int32) -> Int32? {
    let bytes = Array(text.utf8)
    // A short write of so few bytes means a full disk.
    errno = ENOSPC
    guard unsafe Glibc.write(fd, bytes, bytes.count) == bytes.count else { return errno }
    return fsync(fd) == 0 ? nil : errno
  }

  private func syncDirectory() throws(SealerError) {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let fd = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard fd >= 0 else { throw failure(errno) }
    defer { close(fd) }
    guard fsync(fd) == 0 else { throw failure(errno) }
  }

  private func failure(_ error: Int32) -> SealerError {
    .keyFile(path: path, reason: unsafe String(cString: strerror(error)))
  }
}
