internal import Flow
internal import Platform

/// The checkpoint files of a directory: written whole or not at all, the newest two kept.
struct CheckpointStore {
  let layout: DirectoryLayout
  let disk: any Disk

  /// Makes `checkpoint` durable.
  func save(_ checkpoint: Checkpoint) throws(StorageError) {
    let path = layout.checkpointTemporary
    let buffer = GatherBuffer(capacity: 1 << 16)
    CheckpointCoding.encode(checkpoint, into: buffer)
    try onPath(path) { () throws(SystemError) in
      let file = try disk.createAnew(path)
      defer { disk.close(file) }
      try unsafe disk.writeAll(file, buffer.view.bytes, at: 0)
      try disk.syncData(file)
      try disk.rename(path, to: layout.checkpoint(checkpoint.ordinal))
      try disk.syncDirectory(layout.journal)
    }
  }

  /// Removes all but the newest two. A name that comes back after a power cut is removed once more.
  /// - Throws: the first failure; the others were tried all the same.
  func removeOld() throws(StorageError) {
    var failure: StorageError?
    for ordinal in try ordinals().dropLast(2) {
      let path = layout.checkpoint(ordinal)
      do throws(SystemError) { try disk.remove(path) } catch {
        failure = failure ?? .system(path: path, error)
      }
    }
    if let failure { throw failure }
  }

  /// Ordinals of the files that are there, ascending.
  func ordinals() throws(StorageError) -> [UInt64] {
    let names = try onPath(layout.journal) { () throws(SystemError) in
      try disk.list(layout.journal)
    }
    var result: [UInt64] = []
    for name in names {
      if case .checkpoint(let ordinal) = DirectoryLayout.entry(name) { result.append(ordinal) }
    }
    return result.sorted()
  }

  /// Reads one file.
  func load(_ ordinal: UInt64) throws(StorageError) -> CheckpointCoding.Reading {
    let path = layout.checkpoint(ordinal)
    let buffer = GatherBuffer(capacity: 1 << 16)
    let complete = try onPath(path) { () throws(SystemError) in
      let file = try disk.open(path, .read)
      defer { disk.close(file) }
      let size = Int(try disk.size(file))
      // The length decides what is allocated: more than this no checkpoint has.
      guard size <= 1 << 32 else { return false }
      let filled = try unsafe buffer.fill(size) { (target) throws(SystemError) in
        try unsafe disk.readAll(file, into: target, at: 0)
      }
      return filled == size
    }
    return complete ? CheckpointCoding.decode(buffer.view) : .damaged
  }
}
