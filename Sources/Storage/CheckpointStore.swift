internal import Flow
internal import Platform

/// The checkpoint files of a directory: written whole or not at all, the newest two kept.
struct CheckpointStore {
  let layout: DirectoryLayout
  let disk: any Disk

  /// Makes `checkpoint` durable, then removes all but the newest two.
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
    for ordinal in try ordinals().dropLast(2) { try? disk.remove(layout.checkpoint(ordinal)) }
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
