internal import Base
internal import Flow
internal import Platform

/// Space written ahead, for the day when the disk is full: a segment that only needs its name, so
/// that outcomes and releases go on being logged, and a file that is removed when a checkpoint or a
/// spool segment meets the end of the space.
///
/// > Runs on: the keeper's thread; recovery before it.
struct Reserve {
  let layout: DirectoryLayout
  let disk: any Disk
  /// Length of a segment of the log.
  let segmentBytes: Int
  /// Length of the file that is given up; 0: no reserve is kept at all.
  let workBytes: Int

  private var segmentPath: String { layout.reserve + "/segment" }
  private var workPath: String { layout.reserve + "/space" }
  /// Free space that must be left over when the reserve is written.
  private static let marginBytes: UInt64 = 16 << 20

  /// Bytes that are missing from a whole reserve.
  private func missing() throws(StorageError) -> UInt64 {
    if workBytes == 0 { return 0 }
    return (try isThere(segmentPath, segmentBytes) ? 0 : UInt64(segmentBytes))
      + (try isThere(workPath, workBytes) ? 0 : UInt64(workBytes))
  }

  /// Writes what is missing, if the file system has room for it and some to spare.
  /// - Returns: whether the reserve is whole now.
  func fill() throws(StorageError) -> Bool {
    let needed = try missing()
    if needed == 0 { return true }
    let free = try onPath(layout.root) { () throws(SystemError) in try disk.space(layout.root).free }
    guard free >= needed + Self.marginBytes else { return false }
    try onPath(layout.reserve) { () throws(SystemError) in
      try disk.makeDirectory(layout.reserve)
    }
    try write(segmentPath, segmentBytes)
    try write(workPath, workBytes)
    try onPath(layout.reserve) { () throws(SystemError) in
      try disk.syncDirectory(layout.root)
      try disk.syncDirectory(layout.reserve)
    }
    return true
  }

  private func write(_ path: String, _ bytes: Int) throws(StorageError) {
    if try isThere(path, bytes) { return }
    disk.close(try SegmentFile.zeroed(path, bytes: bytes, disk: disk))
  }

  private func isThere(_ path: String, _ bytes: Int) throws(StorageError) -> Bool {
    do throws(SystemError) {
      let file = try disk.open(path, .read)
      defer { disk.close(file) }
      return try disk.size(file) == UInt64(bytes)
    } catch {
      if error.isNotFound { return false }
      throw .system(path: path, error)
    }
  }

  /// Moves the reserved segment to `path`; the caller gives it its name in the log.
  /// - Returns: the open file; `nil` when there is none.
  func takeSegment(to path: String) throws(StorageError) -> FileHandle? {
    guard workBytes > 0, try isThere(segmentPath, segmentBytes) else { return nil }
    return try onPath(segmentPath) { () throws(SystemError) in
      try disk.rename(segmentPath, to: path)
      return try disk.open(path, .readWrite)
    }
  }

  /// Gives up the other file.
  /// - Returns: whether that gave space back.
  func giveSpace() throws(StorageError) -> Bool {
    guard workBytes > 0, try isThere(workPath, workBytes) else { return false }
    try onPath(workPath) { () throws(SystemError) in try disk.remove(workPath) }
    return true
  }
}

extension StorageError {
  /// Whether the file system, a quota or the process's file size limit took no more bytes.
  var isOutOfSpace: Bool {
    if case .system(_, let error) = self { error.isOutOfSpace } else { false }
  }

  /// Whether a file or directory that was to be used is not there.
  var isNotFound: Bool {
    if case .system(_, let error) = self { error.isNotFound } else { false }
  }
}
