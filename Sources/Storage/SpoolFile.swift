internal import Base
internal import Flow
internal import Platform

/// The spool segment that ranges are added to, one behind the other.
///
/// Only this process writes it: after a start, and after any failure, a fresh one is begun, for
/// what follows the last complete range of an old one proves nothing.
struct SpoolFile {
  /// A file this long takes no more ranges.
  static let bytesMax: UInt64 = 64 << 20

  let number: UInt64
  let salt: UInt64
  let path: String
  let handle: FileHandle
  /// After the last complete range.
  var end: UInt64
  /// Whether its name is durable.
  var isNamed = false

  /// Makes a spool segment with its header; nothing is durable yet.
  static func create(
    number: UInt64, now: UInt64, layout: DirectoryLayout, disk: any Disk
  ) throws(StorageError) -> SpoolFile {
    let path = layout.spoolSegment(number)
    let header = SegmentHeader(
      number: number, firstSequence: 0, createdAt: now, segmentBytes: 0, purpose: .spool)
    let buffer = GatherBuffer(capacity: 4096)
    header.append(to: buffer)
    return try onPath(path) { () throws(SystemError) in
      let handle = try disk.createAnew(path)
      do throws(SystemError) {
        try unsafe disk.writeAll(handle, buffer.view.bytes, at: 0)
      } catch {
        disk.close(handle)
        // What stays is in nobody's way: it holds no range, so the next cleaning dooms it.
        try? disk.remove(path)
        throw error
      }
      return SpoolFile(
        number: number, salt: header.salt, path: path, handle: handle, end: UInt64(buffer.count))
    }
  }

  /// Makes everything written so far durable, the name included.
  mutating func sync(layout: DirectoryLayout, disk: any Disk) throws(StorageError) {
    let (handle, needsName) = (handle, !isNamed)
    try onPath(path) { () throws(SystemError) in
      try disk.syncData(handle)
      if needsName { try disk.syncDirectory(layout.spool) }
    }
    isNamed = true
  }
}
