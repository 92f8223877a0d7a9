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
    let names: [String]
    do throws(SystemError) { names = try disk.list(directory) } catch {
      // ENOENT: a fresh directory, or nothing was ever spooled.
      if error.code == 2 { return }
      throw .system(path: directory, error)
    }
    let buffer = GatherBuffer(capacity: SegmentHeader.byteCount)
    for name in names.sorted() {
      let path = directory + "/" + name
      switch DirectoryLayout.entry(name) {
      case .segment:
        let start = try start(of: path, disk, buffer)
        if case .newer(let found) = SegmentHeader.read(start) {
          throw .newerFormat(path: path, found: found, supported: Int(Format.version))
        }
      case .checkpoint:
        if let found = CheckpointCoding.newerVersion(try start(of: path, disk, buffer)) {
          throw .newerFormat(
            path: path, found: found, supported: Int(CheckpointCoding.version))
        }
      case .temporary, .foreign: continue
      }
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
      var failure: SystemError?
      _ = unsafe buffer.fill(SegmentHeader.byteCount) { target in
        do throws(SystemError) { return try unsafe disk.readAll(file, into: target, at: 0) } catch {
          failure = error
          return 0
        }
      }
      if let failure { throw failure }
    }
    return buffer.view
  }
}
