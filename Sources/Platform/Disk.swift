public import Base

/// An open file.
public struct FileHandle: Hashable, BitwiseCopyable, Sendable {
  /// The descriptor, or a simulated disk's number.
  public var descriptor: Int32
  /// Wraps a descriptor.
  public init(descriptor: Int32) { self.descriptor = descriptor }
}

/// How a file is opened.
public enum OpenMode: Sendable {
  /// Must exist; reading only.
  case read
  /// Must exist; reading only, around the page cache: buffers, offsets and lengths are multiples of
  /// 4096. Falls back to a cached read with the cache dropped where the file system refuses.
  case readDirect
  /// Must exist; reading and writing.
  case readWrite
  /// Must not exist; mode 0600.
  case create
}

/// The disk as storage sees it: the machine's, or a simulated one that tears, drops and fails.
///
/// Called per batch, never per event, so a protocol call costs nothing that can be measured beside
/// the system call. Any thread may call; one file is used by one thread at a time.
public protocol Disk: AnyObject, Sendable {
  /// open(2).
  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> FileHandle
  /// close(2).
  func close(_ file: FileHandle)
  /// pwrite(2): may write less than asked.
  /// - Returns: bytes written.
  func write(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  /// pread(2): may read less than asked; 0 at the end of the file.
  func read(_ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  /// fdatasync(2). After a failure the file's unsynced pages are worth nothing: never call again.
  func syncData(_ file: FileHandle) throws(SystemError)
  /// The file's length in bytes.
  func size(_ file: FileHandle) throws(SystemError) -> UInt64
  /// ftruncate(2).
  func truncate(_ file: FileHandle, to size: UInt64) throws(SystemError)
  /// rename(2); durable after `syncDirectory`.
  func rename(_ from: String, to: String) throws(SystemError)
  /// unlink(2); durable after `syncDirectory`.
  func remove(_ path: String) throws(SystemError)
  /// mkdir(2) with mode 0700; an existing directory is no error.
  func makeDirectory(_ path: String) throws(SystemError)
  /// The names in a directory, sorted.
  func list(_ directory: String) throws(SystemError) -> [String]
  /// fsync(2) on a directory.
  func syncDirectory(_ path: String) throws(SystemError)
  /// Free (to an ordinary user) and total bytes of the file system that holds `path`.
  func space(_ path: String) throws(SystemError) -> (free: UInt64, total: UInt64)
}

extension Disk {
  /// Writes all bytes, going on after short writes.
  public func writeAll(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
    throws(SystemError)
  {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
      let written = try unsafe write(file, rest, at: offset + UInt64(done))
      // A disk that takes nothing and reports nothing would hold the thread for ever.
      if written <= 0 { throw SystemError(code: 28, operation: "write took no bytes") }
      done += written
    }
  }

  /// Reads until the buffer is full or the file ends.
  /// - Returns: bytes read.
  public func readAll(
    _ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(SystemError) -> Int {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
      let count = try unsafe read(file, into: rest, at: offset + UInt64(done))
      if count == 0 { break }
      done += count
    }
    return done
  }
}

/// The end of one submitted sync.
public struct SyncCompletion: BitwiseCopyable, Sendable {
  /// What the submitter gave.
  public var token: UInt64
  /// 0, or the errno.
  public var code: Int32
  /// Makes a completion.
  public init(token: UInt64, code: Int32) {
    self.token = token
    self.code = code
  }
}

/// fdatasync as submit and complete, so that the stage that waits for it goes on turning.
///
/// One submitter thread; at most `depth` syncs under way.
public protocol SyncQueue: AnyObject, Sendable {
  /// Starts a sync of what was written to `file` so far.
  /// - Returns: `false` when the queue is full.
  func submit(_ file: FileHandle, token: UInt64) -> Bool
  /// The next sync that ended, in order of submission.
  func completion() -> SyncCompletion?
  /// Syncs on the calling thread, for whoever has nothing else to do: that spares two wake-ups.
  /// - Returns: `nil` when this queue only works beside its submitter, or has something under way;
  ///   else 0 or an errno, and how long it took.
  func syncNow(_ file: FileHandle) -> (code: Int32, time: Nanoseconds)?
  /// Whether a sync has ended that `completion` has not given yet.
  var hasCompletion: Bool { get }
}

extension SyncQueue {
  /// Only beside its submitter.
  public func syncNow(_ file: FileHandle) -> (code: Int32, time: Nanoseconds)? { nil }
}
