// Goal: the machine's disk does what the protocol says, and its errors carry errno and operation.
// Method: a directory of its own; each call once in its good and once in its bad form.
internal import Base
internal import Glibc
internal import Platform
internal import Testing

@Suite struct RealDiskTests {
  let disk = RealDisk()

  static func write(_ disk: any Disk, _ file: FileHandle, _ bytes: [UInt8], at offset: UInt64)
    throws(SystemError)
  {
    let code = unsafe bytes.withUnsafeBytes { raw -> SystemError? in
      do throws(SystemError) { try unsafe disk.writeAll(file, raw, at: offset) } catch {
        return error
      }
      return nil
    }
    if let code { throw code }
  }

  static func read(_ disk: any Disk, _ file: FileHandle, _ count: Int, at offset: UInt64)
    throws(SystemError) -> [UInt8]
  {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
    defer { unsafe buffer.deallocate() }
    let done = try unsafe disk.readAll(file, into: buffer, at: offset)
    return unsafe Array(buffer[..<done])
  }

  @Test func `what was written is read back, at any offset, up to the end of the file`() throws {
    let directory = try TemporaryDirectory()
    let file = try disk.open(directory.path + "/a", .create)
    defer { disk.close(file) }
    try Self.write(disk, file, [1, 2, 3, 4], at: 0)
    try Self.write(disk, file, [9], at: 10)
    #expect(try disk.size(file) == 11)
    #expect(try Self.read(disk, file, 100, at: 0) == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 9])
    #expect(try Self.read(disk, file, 2, at: 2) == [3, 4])
    #expect(try Self.read(disk, file, 10, at: 11) == [])
    try disk.syncData(file)
    try disk.truncate(file, to: 2)
    #expect(try Self.read(disk, file, 100, at: 0) == [1, 2])
    try disk.truncate(file, to: 4)
    #expect(try Self.read(disk, file, 100, at: 0) == [1, 2, 0, 0])
  }

  @Test func `creating an existing file, and opening a missing one, are errors with errno`() throws {
    let directory = try TemporaryDirectory()
    disk.close(try disk.open(directory.path + "/a", .create))
    #expect(throws: SystemError(code: EEXIST, operation: "open \(directory.path)/a")) {
      try disk.open(directory.path + "/a", .create)
    }
    #expect(throws: SystemError(code: ENOENT, operation: "open \(directory.path)/b")) {
      try disk.open(directory.path + "/b", .readWrite)
    }
    #expect(SystemError(code: ENOENT, operation: "open x").description.contains("No such file"))
  }

  @Test func `a new file is for its owner only, a new directory too`() throws {
    let directory = try TemporaryDirectory()
    disk.close(try disk.open(directory.path + "/a", .create))
    try disk.makeDirectory(directory.path + "/d")
    try disk.makeDirectory(directory.path + "/d")
    for (name, mode) in [("/a", 0o600), ("/d", 0o700)] as [(String, mode_t)] {
      var status = stat()
      #expect(unsafe stat(directory.path + name, &status) == 0)
      #expect(status.st_mode & 0o777 == mode)
    }
  }

  @Test func `a file opened for reading refuses writes`() throws {
    let directory = try TemporaryDirectory()
    disk.close(try disk.open(directory.path + "/a", .create))
    let file = try disk.open(directory.path + "/a", .read)
    defer { disk.close(file) }
    #expect(throws: SystemError(code: EBADF, operation: "pwrite")) {
      try Self.write(disk, file, [1], at: 0)
    }
  }

  @Test func `a direct read sees what was synced, or falls back to a cached one`() throws {
    let directory = try TemporaryDirectory()
    let file = try disk.open(directory.path + "/a", .create)
    let bytes = (0..<8192).map { UInt8(truncatingIfNeeded: $0 / 7) }
    try Self.write(disk, file, bytes, at: 0)
    try disk.syncData(file)
    disk.close(file)
    let direct = try disk.open(directory.path + "/a", .readDirect)
    defer { disk.close(direct) }
    #expect(try Self.read(disk, direct, 4096, at: 4096) == Array(bytes[4096...]))
  }

  @Test func `names are listed in order, moved and removed`() throws {
    let directory = try TemporaryDirectory()
    for name in ["c", "a", "b"] {
      disk.close(try disk.open("\(directory.path)/\(name)", .create))
    }
    #expect(try disk.list(directory.path) == ["a", "b", "c"])
    try disk.rename("\(directory.path)/a", to: "\(directory.path)/z")
    try disk.remove("\(directory.path)/b")
    try disk.syncDirectory(directory.path)
    #expect(try disk.list(directory.path) == ["c", "z"])
    #expect(throws: SystemError.self) { try disk.remove("\(directory.path)/b") }
    #expect(throws: SystemError.self) { try disk.list("\(directory.path)/missing") }
    #expect(throws: SystemError.self) { try disk.syncDirectory("\(directory.path)/missing") }
    #expect(throws: SystemError.self) { try disk.makeDirectory("\(directory.path)/x/y") }
  }

  @Test func `space is known and free is not above total`() throws {
    let directory = try TemporaryDirectory()
    let space = try disk.space(directory.path)
    #expect(space.total > 0 && space.free <= space.total)
    #expect(throws: SystemError.self) { try disk.space(directory.path + "/missing") }
  }

  /// Takes a few bytes a call, or none.
  final class StingyDisk: Disk {
    let takes: Int
    let inner = RealDisk()
    init(takes: Int) { self.takes = takes }
    func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> FileHandle {
      try inner.open(path, mode)
    }
    func close(_ file: FileHandle) { inner.close(file) }
    func write(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
      throws(SystemError) -> Int
    {
      if takes == 0 { return 0 }
      return try unsafe inner.write(
        file, UnsafeRawBufferPointer(rebasing: bytes[..<min(takes, bytes.count)]), at: offset)
    }
    func read(_ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64)
      throws(SystemError) -> Int
    {
      try unsafe inner.read(
        file, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<min(takes, bytes.count)]),
        at: offset)
    }
    func syncData(_ file: FileHandle) throws(SystemError) { try inner.syncData(file) }
    func size(_ file: FileHandle) throws(SystemError) -> UInt64 { try inner.size(file) }
    func truncate(_ file: FileHandle, to size: UInt64) throws(SystemError) {
      try inner.truncate(file, to: size)
    }
    func rename(_ from: String, to: String) throws(SystemError) { try inner.rename(from, to: to) }
    func remove(_ path: String) throws(SystemError) { try inner.remove(path) }
    func makeDirectory(_ path: String) throws(SystemError) { try inner.makeDirectory(path) }
    func list(_ directory: String) throws(SystemError) -> [String] { try inner.list(directory) }
    func syncDirectory(_ path: String) throws(SystemError) { try inner.syncDirectory(path) }
    func space(_ path: String) throws(SystemError) -> (free: UInt64, total: UInt64) {
      try inner.space(path)
    }
  }

  @Test func `short writes and reads are gone on with; a disk that takes nothing is an error`()
    throws
  {
    let directory = try TemporaryDirectory()
    let bytes = (0..<100).map { UInt8($0) }
    let stingy = StingyDisk(takes: 7)
    let file = try stingy.open(directory.path + "/a", .create)
    defer { stingy.close(file) }
    try Self.write(stingy, file, bytes, at: 3)
    #expect(try Self.read(stingy, file, 200, at: 3) == bytes)
    #expect(throws: SystemError(code: ENOSPC, operation: "write took no bytes")) {
      try Self.write(StingyDisk(takes: 0), file, bytes, at: 0)
    }
  }
}
