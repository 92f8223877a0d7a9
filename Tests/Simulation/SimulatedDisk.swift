internal import Base
public import Platform

/// A disk in memory that keeps what was synced, and after `crash` only some of the rest.
///
/// Contents and names are apart, as on a real file system: a file's bytes are durable after a sync
/// of the file, its name after a sync of the directory.
public final class SimulatedDisk: Disk, @unchecked Sendable {
  struct Handle {
    var file: SimulatedFile
    var path: String
    var mode: OpenMode
    /// What a direct read sees, taken when the file was opened.
    var direct: FileMemory?
  }

  /// Bytes that fit; then writes fail with ENOSPC.
  public var capacityBytes = 1 << 40
  /// What is to fail.
  public var faults: [DiskFault] = []
  /// After so many more changes the process counts as dead: it changes nothing any more.
  public var changesLeft = Int.max
  /// Calls made, by kind, since the beginning.
  public private(set) var calls: [DiskOperation: Int] = [:]
  /// What failed so far.
  public private(set) var strikes: [FaultStrike] = []
  /// What a program must never do: take a failed sync for one that can be made good.
  public private(set) var misuses: [String] = []
  private let trace: Trace
  private var random: SeededRandom
  private var names = NameSpace()
  private var handles: [Int32: Handle] = [:]
  private var nextDescriptor: Int32 = 100_000
  private var nextFile = 1

  init(trace: Trace, seed: UInt64) {
    self.trace = trace
    random = SeededRandom(seed: seed)
  }

  // MARK: The end of the process, or of the power

  /// The process died: its files are closed, the page cache stays.
  public func processDied() {
    handles = [:]
    for file in names.files { file.processDied() }
    names.collect()
    changesLeft = .max
  }

  /// The power failed: besides, what was not synced survives in parts only.
  public func crash() {
    handles = [:]
    for file in names.files {
      if file.hasUnsynced { file.crash(&random) }
    }
    names.crash(&random)
    names.collect()
    changesLeft = .max
  }

  /// Makes later power cuts leave something else than the world's seed says.
  public func reseed(_ seed: UInt64) { random = SeededRandom(seed: seed) }

  /// Bytes of all files.
  public var byteCount: Int { names.byteCount }

  /// A path's content as a read would see it; `nil` when there is no such file.
  public func content(_ path: String) -> [UInt8]? {
    guard let file = names.file(path) else { return nil }
    return unsafe Array(file.cached.view(0, file.cached.count))
  }

  // MARK: Faults

  /// - Returns: how many bytes a write may take at most.
  private func check(_ operation: DiskOperation, _ path: String) throws(SystemError) -> Int {
    calls[operation, default: 0] += 1
    for index in faults.indices {
      let fault = faults[index]
      guard fault.operation == operation, fault.countdown > 0 || fault.isForEver,
        fault.path.map({ path.contains($0) }) ?? true
      else { continue }
      faults[index].countdown -= 1
      if faults[index].countdown > 0 { continue }
      trace.note("fault", UInt64(truncatingIfNeeded: index))
      strikes.append(
        FaultStrike(
          operation: operation, path: path, wasShort: fault.shortBytes != nil,
          isRepeat: fault.countdown <= 0))
      if let short = fault.shortBytes { return short }
      throw SystemError(code: fault.code, operation: "\(operation.rawValue) \(path)")
    }
    return .max
  }

  /// Counts a change that is about to be made.
  private func change(_ path: String) throws(SystemError) {
    if changesLeft <= 0 { throw SystemError(code: 5, operation: "after the end: \(path)") }
    if changesLeft != .max { changesLeft -= 1 }
  }

  private func handle(_ file: FileHandle) throws(SystemError) -> Handle {
    guard let handle = handles[file.descriptor] else {
      throw SystemError(code: 9, operation: "bad file descriptor")
    }
    return handle
  }

  // MARK: Files

  public func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> FileHandle {
    _ = try check(.open, path)
    var file = names.file(path)
    if case .create = mode {
      try change(path)
      if names.exists(path) { throw SystemError(code: 17, operation: "open \(path)") }
      if !names.isDirectory(NameSpace.parent(path)) {
        throw SystemError(code: 2, operation: "open \(path)")
      }
      let made = SimulatedFile(number: nextFile)
      nextFile += 1
      names.link(path, made)
      file = made
    }
    guard let file else { throw SystemError(code: 2, operation: "open \(path)") }
    var direct: FileMemory?
    if case .readDirect = mode { direct = file.directContent() }
    let descriptor = nextDescriptor
    nextDescriptor += 1
    handles[descriptor] = Handle(file: file, path: path, mode: mode, direct: direct)
    return FileHandle(descriptor: descriptor)
  }

  public func close(_ file: FileHandle) { handles[file.descriptor] = nil }

  public func write(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  {
    let handle = try handle(file)
    switch handle.mode {
    case .read, .readDirect: throw SystemError(code: 9, operation: "pwrite \(handle.path)")
    case .readWrite, .create: break
    }
    let limit = try check(.write, handle.path)
    try change(handle.path)
    let count = min(bytes.count, limit)
    let growth = max(0, Int(offset) + count - handle.file.cached.count)
    if growth > 0, names.byteCount + growth > capacityBytes {
      throw SystemError(code: 28, operation: "pwrite \(handle.path)")
    }
    unsafe handle.file.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: Int(offset))
    trace.note("write", UInt64(handle.file.number), offset, UInt64(count))
    return count
  }

  public func read(_ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  {
    let handle = try handle(file)
    _ = try check(.read, handle.path)
    let source = unsafe (handle.direct ?? handle.file.cached).view(Int(offset), bytes.count)
    unsafe bytes.copyMemory(from: source)
    return source.count
  }

  public func size(_ file: FileHandle) throws(SystemError) -> UInt64 {
    let handle = try handle(file)
    _ = try check(.size, handle.path)
    return UInt64(handle.file.cached.count)
  }

  public func truncate(_ file: FileHandle, to size: UInt64) throws(SystemError) {
    let handle = try handle(file)
    _ = try check(.truncate, handle.path)
    try change(handle.path)
    handle.file.truncate(to: Int(size))
    trace.note("truncate", UInt64(handle.file.number), size)
  }

  // MARK: Syncs

  public func syncData(_ file: FileHandle) throws(SystemError) {
    try endSync(try beginSync(file))
  }

  /// A sync between its submission and its end.
  struct SyncUnderWay {
    var path: String
    var file: SimulatedFile
    var sync: SimulatedFile.Snapshot
  }

  func beginSync(_ file: FileHandle) throws(SystemError) -> SyncUnderWay {
    let handle = try handle(file)
    noteMisuse("a sync", of: handle.file, handle.path)
    return SyncUnderWay(path: handle.path, file: handle.file, sync: handle.file.beginSync())
  }

  func endSync(_ sync: SyncUnderWay) throws(SystemError) {
    do throws(SystemError) {
      _ = try check(.sync, sync.path)
    } catch {
      sync.file.failSync(sync.sync)
      throw error
    }
    // A process that died meanwhile never learns how far it came.
    try change(sync.path)
    sync.file.endSync(sync.sync)
    trace.note("sync", UInt64(sync.file.number))
  }

  private func noteMisuse(_ what: String, of file: SimulatedFile, _ path: String) {
    if file.syncFailed { misuses.append("\(what) of \(path) after a sync of it failed") }
  }

  // MARK: Names

  public func rename(_ from: String, to: String) throws(SystemError) {
    _ = try check(.rename, from)
    try change(from)
    guard let file = names.file(from), names.isDirectory(NameSpace.parent(to)) else {
      throw SystemError(code: 2, operation: "rename \(from) to \(to)")
    }
    noteMisuse("a rename", of: file, from)
    names.rename(from, to: to, file)
    trace.note("rename", UInt64(file.number))
  }

  public func remove(_ path: String) throws(SystemError) {
    _ = try check(.remove, path)
    try change(path)
    guard let file = names.file(path) else {
      throw SystemError(code: 2, operation: "unlink \(path)")
    }
    names.unlink(path)
    trace.note("remove", UInt64(file.number))
  }

  public func makeDirectory(_ path: String) throws(SystemError) {
    _ = try check(.makeDirectory, path)
    if names.isDirectory(path) { return }
    try change(path)
    if names.exists(path) { throw SystemError(code: 20, operation: "mkdir \(path)") }
    if !names.isDirectory(NameSpace.parent(path)) {
      throw SystemError(code: 2, operation: "mkdir \(path)")
    }
    names.makeDirectory(path)
    trace.note("mkdir")
  }

  public func list(_ directory: String) throws(SystemError) -> [String] {
    _ = try check(.list, directory)
    guard names.isDirectory(directory) else {
      throw SystemError(code: 2, operation: "opendir \(directory)")
    }
    return names.list(directory)
  }

  public func syncDirectory(_ path: String) throws(SystemError) {
    do throws(SystemError) {
      _ = try check(.syncDirectory, path)
    } catch {
      names.failSync(path)
      throw error
    }
    try change(path)
    guard names.isDirectory(path) else {
      throw SystemError(code: 2, operation: "open directory \(path)")
    }
    names.sync(path)
    names.collect()
    trace.note("sync directory")
  }

  public func space(_ path: String) throws(SystemError) -> (free: UInt64, total: UInt64) {
    (UInt64(max(0, capacityBytes - names.byteCount)), UInt64(capacityBytes))
  }
}
