internal import Glibc

/// The file that gives the command line its token; nobody but its owner may read it.
enum TokenFile {
  private static let countMax = 4096

  /// - Returns: the token; `nil` when there is no file, or others may read it.
  static func read(_ path: String) -> String? {
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var status = stat()
    guard unsafe fstat(fd, &status) == 0, status.st_mode & 0o077 == 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: countMax)
    let count = unsafe Glibc.read(fd, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).first.map(String.init)
  }

  /// Writes beside the place and renames, so that readers find the old token or the new one.
  static func write(_ token: String, to path: String) throws(CatalogError) {
    let draft = path + ".new"
    unsafe unlink(draft)
    let fd = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw failure(path) }
    let bytes = Array((token + "\n").utf8)
    let isWritten = unsafe Glibc.write(fd, bytes, bytes.count) == bytes.count && fsync(fd) == 0
    close(fd)
    guard isWritten, unsafe rename(draft, path) == 0 else { throw failure(path) }
  }

  private static func failure(_ path: String) -> CatalogError {
    .failure(unsafe "token file \(path): \(String(cString: strerror(errno)))")
  }
}
