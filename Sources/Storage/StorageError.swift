public import Flow
public import Platform

/// What can go wrong with the data directory, in words for an operator.
public enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A system call failed on `path`.
  case system(path: String, SystemError)
  /// `path` was written by a newer Fanfare; nothing was changed.
  case newerFormat(path: String, found: Int, supported: Int)
  /// Another process uses the directory.
  case locked(path: String)
  /// The newest checkpoint knows a later log than there is: an older copy of the segments.
  case checkpointAhead(path: String, checkpoint: UInt64, log: UInt64)
  /// A block can't be read: its place, and which check failed.
  case damaged(path: String, offset: UInt64, reason: String)
  /// The log has no such event any more, or never had.
  case eventNotFound(Position)
  /// What must be copied to a fresh segment does not fit into one.
  case tailTooLarge(path: String, bytes: UInt64)

  /// A stable name for logs and metrics.
  public var code: String {
    switch self {
    case .system: "storage.system"
    case .newerFormat: "storage.newer_format"
    case .locked: "storage.locked"
    case .checkpointAhead: "storage.checkpoint_ahead"
    case .damaged: "storage.damaged"
    case .eventNotFound: "storage.event_not_found"
    case .tailTooLarge: "storage.tail_too_large"
    }
  }

  /// The sentence an operator reads.
  public var description: String {
    switch self {
    case .system(let path, let error): "\(path): \(error)"
    case .newerFormat(let path, let found, let supported):
      "\(path): written in format \(found), this Fanfare reads up to \(supported); "
        + "nothing was changed. Use the newer version."
    case .locked(let path):
      "\(path): another fanfare process uses this data directory; stop it, or choose another "
        + "directory by --data"
    case .checkpointAhead(let path, let checkpoint, let log):
      "\(path): the checkpoint covers block \(checkpoint), the log ends at block \(log). "
        + "Segments are missing or come from an older backup. Put them back, or run "
        + "'fanfare journal repair --data DIR'."
    case .damaged(let path, let offset, let reason): "\(path): offset \(offset): \(reason)"
    case .eventNotFound(let position):
      "no event at block \(position.sequence), index \(position.index)"
    case .tailTooLarge(let path, let bytes):
      "\(path): \(bytes) unsynced bytes do not fit into one segment; raise journal.segment-bytes"
    }
  }
}

/// Runs `body` and says on which path a system call failed.
func onPath<R: ~Copyable>(_ path: String, _ body: () throws(SystemError) -> R)
  throws(StorageError) -> R
{
  do throws(SystemError) { return try body() } catch {
    throw StorageError.system(path: path, error)
  }
}
