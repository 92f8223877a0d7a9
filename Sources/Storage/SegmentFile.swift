internal import Base
internal import Flow
internal import Platform

/// Makes segment files: fixed size, zeros all through, synced before use.
///
/// An append into written space needs no metadata, so its fdatasync costs a tenth of one on a
/// growing file. Zeros also mean that nothing of an earlier use can be taken for a block.
enum SegmentFile {
  private static let chunkBytes = 1 << 20

  /// Fills a file with zeros at a temporary name and moves it to its place, all durable: a crash in
  /// the middle never leaves half a segment under a segment's name.
  /// - Returns: the open file.
  static func prepare(
    number: UInt64, bytes: Int, layout: DirectoryLayout, disk: any Disk
  ) throws(StorageError) -> FileHandle {
    let temporary = layout.segmentTemporary(number)
    let file = try zeroed(temporary, bytes: bytes, disk: disk)
    try publish(file, number: number, layout: layout, disk: disk)
    return file
  }

  /// A zeroed, synced file at `temporary`.
  static func zeroed(_ temporary: String, bytes: Int, disk: any Disk)
    throws(StorageError) -> FileHandle
  {
    let file = try onPath(temporary) { () throws(SystemError) in try disk.createAnew(temporary) }
    do throws(StorageError) {
      try onPath(temporary) { () throws(SystemError) in
        try fillZeros(file, bytes: bytes, disk: disk)
        try disk.syncData(file)
      }
    } catch {
      disk.close(file)
      // Gives its space back at once; what stays is removed by the next try, or at the next start.
      try? disk.remove(temporary)
      throw error
    }
    return file
  }

  /// Gives a finished temporary segment its name, durably.
  static func publish(
    _ file: FileHandle, number: UInt64, layout: DirectoryLayout, disk: any Disk
  ) throws(StorageError) {
    try onPath(layout.segment(number)) { () throws(SystemError) in
      do throws(SystemError) {
        try disk.rename(layout.segmentTemporary(number), to: layout.segment(number))
        try disk.syncDirectory(layout.journal)
      } catch {
        disk.close(file)
        throw error
      }
    }
  }

  /// Writes the first bytes of a temporary segment and gives it its name, durably and in this
  /// order: from then on it supersedes what stood behind its first sequence.
  static func publish(
    _ file: FileHandle, beginning bytes: RawView, number: UInt64, layout: DirectoryLayout,
    disk: any Disk
  ) throws(StorageError) {
    try onPath(layout.segmentTemporary(number)) { () throws(SystemError) in
      do throws(SystemError) {
        try unsafe disk.writeAll(file, bytes.bytes, at: 0)
        try disk.syncData(file)
      } catch {
        disk.close(file)
        throw error
      }
    }
    try publish(file, number: number, layout: layout, disk: disk)
  }

  private static func fillZeros(_ file: FileHandle, bytes: Int, disk: any Disk)
    throws(SystemError)
  {
    let zeros = GatherBuffer(capacity: min(chunkBytes, bytes))
    zeros.appendZeros(min(chunkBytes, bytes))
    var offset = 0
    while offset < bytes {
      let length = min(chunkBytes, bytes - offset)
      guard let chunk = zeros.view.slice(0, length) else { break }
      try unsafe disk.writeAll(file, chunk.bytes, at: UInt64(offset))
      offset += length
    }
    try disk.truncate(file, to: UInt64(bytes))
  }
}
