import Base
import Synchronization
import Platform

/// The machine's disk until a number of changes were made to it; then it takes none any more, as
/// for a process that is dead, or fails them with an errno of choice.
final class FailingDisk: Disk, Sendable {
  private struct State {
    var changes = 0
    var changesMax = Int.max
    var code: Int32 = 5
    var paths: [Int32: String] = [:]
    var trace: [(operation: String, path: String)] = []
    var only: String?
    var operation: String?
    var timesMax = Int.max
    var freeBytes: UInt64?
  }
  private let real = RealDisk()
  private let state = Mutex(State())

  /// Changes made or tried so far.
  var changes: Int { state.withLock { $0.changes } }

  /// Every change so far, in order.
  var trace: [(operation: String, path: String)] { state.withLock { $0.trace } }

  /// Lets so many changes pass from now on.
  /// - Parameters:
  ///   - only: fail just those on paths that contain this.
  ///   - operation: fail just those of this name.
  ///   - times: so many fail; then everything works again.
  func fail(
    after count: Int, code: Int32 = 5, only: String? = nil, operation: String? = nil,
    times: Int = .max
  ) {
    state.withLock { state in
      state.changesMax = state.changes + count
      state.code = code
      state.only = only
      state.operation = operation
      state.timesMax = times
    }
  }

  /// Everything works again.
  func heal() { state.withLock { $0.changesMax = .max } }

  /// What `space` says is free.
  func setFree(_ bytes: UInt64?) { state.withLock { $0.freeBytes = bytes } }

  private func check(_ operation: String, _ path: String) throws(SystemError) {
    let failure: SystemError? = state.withLock { state in
      state.trace.append((operation, path))
      if let only = state.only, state.changesMax != .max, !path.contains(only) { return nil }
      if let name = state.operation, state.changesMax != .max, name != operation { return nil }
      state.changes += 1
      guard state.changes > state.changesMax, state.timesMax > 0 else { return nil }
      state.timesMax -= 1
      return SystemError(code: state.code, operation: "\(operation) \(path)")
    }
    if let failure { throw failure }
  }

  private func path(_ file: FileHandle) -> String {
    state.withLock { $0.paths[file.descriptor] ?? "" }
  }

  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> FileHandle {
    if case .create = mode { try check("create", path) }
    let file = try real.open(path, mode)
    state.withLock { $0.paths[file.descriptor] = path }
    return file
  }
  func close(_ file: FileHandle) { real.close(file) }
  func write(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  {
    try check("write", path(file))
    return try unsafe real.write(file, bytes, at: offset)
  }
  func read(_ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  { try unsafe real.read(file, into: bytes, at: offset) }
  func syncData(_ file: FileHandle) throws(SystemError) {
    try check("sync", path(file))
    try real.syncData(file)
  }
  func size(_ file: FileHandle) throws(SystemError) -> UInt64 { try real.size(file) }
  func truncate(_ file: FileHandle, to size: UInt64) throws(SystemError) {
    try check("truncate", path(file))
    try real.truncate(file, to: size)
  }
  func rename(_ from: String, to: String) throws(SystemError) {
    try check("rename", from)
    try real.rename(from, to: to)
  }
  func remove(_ path: String) throws(SystemError) {
    try check("remove", path)
    try real.remove(path)
  }
  func makeDirectory(_ path: String) throws(SystemError) {
    try check("mkdir", path)
    try real.makeDirectory(path)
  }
  func list(_ directory: String) throws(SystemError) -> [String] { try real.list(directory) }
  func syncDirectory(_ path: String) throws(SystemError) {
    try check("sync directory", path)
    try real.syncDirectory(path)
  }
  func space(_ path: String) throws(SystemError) -> (free: UInt64, total: UInt64) {
    let space = try real.space(path)
    return (state.withLock { $0.freeBytes } ?? space.free, space.total)
  }
}
