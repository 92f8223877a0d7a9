internal import Base
public import Platform

extension Recovery {
  /// Refuses a directory that a newer Fanfare wrote to, before anybody changes a byte of it.
  ///
  /// Reads 64 bytes of each segment, spool segment and checkpoint: those begin alike in every version, so that an
  /// older program can tell. Damaged ones are recovery's matter.
  /// - Parameter directory: the data directory; it need not exist.
  /// - Throws: `newerFormat`, or `system` when a file can't be read.
  public static func checkFormat(directory: String, disk: any Disk) throws(StorageError) {
    let layout = DirectoryLayout(root: directory)
    for part in [layout.journal, layout.spool] { try checkFormat(of: part, disk) }
  }

  private static func checkFormat(of directory: String, _ disk: any Disk) throws(StorageError) {
    let buffer = GatherBuffer(capacity: SegmentHeader.byteCount)
    for name in try disk.names(in: directory)?.sorted() ?? [] {
      let path = directory + "/" + name
      switch DirectoryLayout.entry(name) {
      case .segment: try refuseNewerSegment(path, disk, buffer)
      case .checkpoint:
        if let found = CheckpointCoding.newerVersion(try start(of: path, disk, buffer)) {
          throw .newerFormat(
            path: path, found: found, supported: Int(CheckpointCoding.version))
        }
      case .temporary, .foreign: continue
      }
    }
  }

  /// Throws `newerFormat` for a segment, of the log or of the spool, that a newer Fanfare wrote.
  /// - Parameter buffer: to read into.
  static func refuseNewerSegment(_ path: String, _ disk: any Disk, _ buffer: GatherBuffer)
    throws(StorageError)
  {
    if case .newer(let found) = SegmentHeader.read(try start(of: path, disk, buffer)) {
      throw .newerFormat(path: path, found: found, supported: Int(Format.version))
    }
  }

  /// The first bytes of a file; fewer when it is shorter. Valid until the buffer's next use.
  private static func start(of path: String, _ disk: any Disk, _ buffer: GatherBuffer)
    throws(StorageError) -> RawView
  {
    try onPath(path) { () throws(SystemError) in
      let file = try disk.open(path, .read)
      defer { disk.close(file) }
      buffer.removeAll()
      _ = try unsafe buffer.fill(SegmentHeader.byteCount) { (target) throws(SystemError) in
        try unsafe disk.readAll(file, into: target, at: 0)
      }
    }
    return buffer.view
  }
}
