package import Platform

/// Reads one file in large aligned steps and lends pieces of it; fit for O_DIRECT.
package final class ChunkReader {
  private static let stepBytes = 1 << 20
  private static let page = 4096

  package let size: Int
  private let disk: any Disk
  private let file: FileHandle
  private let buffer: GatherBuffer
  private var windowStart = 0

  package init(disk: any Disk, file: FileHandle) throws(SystemError) {
    self.disk = disk
    self.file = file
    size = Int(try disk.size(file))
    buffer = GatherBuffer(capacity: Self.stepBytes)
  }

  /// Opens a file, lends a reader of it to `body`, and closes it.
  static func reading<R>(
    _ path: String, on disk: any Disk, as mode: OpenMode = .read,
    _ body: (ChunkReader) throws(SystemError) -> R
  ) throws(StorageError) -> R {
    try onPath(path) { () throws(SystemError) in
      let file = try disk.open(path, mode)
      defer { disk.close(file) }
      return try body(ChunkReader(disk: disk, file: file))
    }
  }

  /// The bytes at `offset`; valid until the next call.
  /// - Returns: `nil` when they reach past the end of the file.
  package func view(_ offset: Int, _ length: Int) throws(SystemError) -> RawView? {
    guard offset >= 0, length >= 0, offset <= size, length <= size - offset else { return nil }
    if offset < windowStart || offset + length > windowStart + buffer.count {
      try load(offset, length)
    }
    return buffer.view.slice(offset - windowStart, length)
  }

  private func load(_ offset: Int, _ length: Int) throws(SystemError) {
    windowStart = offset & ~(Self.page - 1)
    let end = (offset + length + Self.page - 1) & ~(Self.page - 1)
    let wanted = max(Self.stepBytes, end - windowStart)
    buffer.removeAll()
    var failure: SystemError?
    let start = windowStart
    _ = unsafe buffer.fill(wanted) { target in
      var done = 0
      while done < wanted, start + done < size {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[done...])
        do throws(SystemError) {
          let count = try unsafe disk.read(file, into: rest, at: UInt64(start + done))
          if count == 0 { break }
          done += count
          // With O_DIRECT only the end of the file gives less than whole pages.
          if count % Self.page != 0 { break }
        } catch {
          failure = error
          break
        }
      }
      return done
    }
    if let failure {
      buffer.removeAll()
      throw failure
    }
  }
}
