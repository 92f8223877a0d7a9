internal import Base
internal import CLinux
internal import Glibc

/// The machine's disk.
public final class RealDisk: Disk {
  /// There is only one; instances are alike.
  public init() {}

  public func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> FileHandle {
    let flags: Int32 =
      switch mode {
      case .read: O_RDONLY
      case .readDirect: O_RDONLY | O_DIRECT_FLAG
      case .readWrite: O_RDWR
      case .create: O_RDWR | O_CREAT | O_EXCL
      }
    var (result, code) = retrying { unsafe Int(fanfare_open(path, flags | O_CLOEXEC, 0o600)) }
    if result < 0, code == EINVAL, case .readDirect = mode {
      (result, code) = retrying { unsafe Int(fanfare_open(path, O_RDONLY | O_CLOEXEC, 0o600)) }
      if result >= 0 { posix_fadvise(Int32(result), 0, 0, POSIX_FADV_DONTNEED) }
    }
    if result < 0 { throw SystemError(code: code, operation: "open \(path)") }
    return FileHandle(descriptor: Int32(result))
  }

  public func close(_ file: FileHandle) { _ = Glibc.close(file.descriptor) }

  public func write(_ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
    throws(SystemError) -> Int
  {
    let (result, code) = retrying {
      unsafe pwrite(file.descriptor, bytes.baseAddress, bytes.count, Int(offset))
    }
    if result < 0 { throw SystemError(code: code, operation: "pwrite") }
    return result
  }

  public func read(
    _ file: FileHandle, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(SystemError) -> Int {
    let (result, code) = retrying {
      unsafe pread(file.descriptor, bytes.baseAddress, bytes.count, Int(offset))
    }
    if result < 0 { throw SystemError(code: code, operation: "pread") }
    return result
  }

  public func syncData(_ file: FileHandle) throws(SystemError) {
    let (result, code) = retrying { Int(fdatasync(file.descriptor)) }
    if result < 0 { throw SystemError(code: code, operation: "fdatasync") }
  }

  public func size(_ file: FileHandle) throws(SystemError) -> UInt64 {
    var status = stat()
    let (result, code) = retrying { unsafe Int(fstat(file.descriptor, &status)) }
    if result < 0 { throw SystemError(code: code, operation: "fstat") }
    return UInt64(status.st_size)
  }

  public func truncate(_ file: FileHandle, to size: UInt64) throws(SystemError) {
    let (result, code) = retrying { Int(ftruncate(file.descriptor, Int(size))) }
    if result < 0 { throw SystemError(code: code, operation: "ftruncate") }
  }

  public func rename(_ from: String, to: String) throws(SystemError) {
    let (result, code) = retrying { unsafe Int(Glibc.rename(from, to)) }
    if result < 0 { throw SystemError(code: code, operation: "rename \(from) to \(to)") }
  }

  public func remove(_ path: String) throws(SystemError) {
    let (result, code) = retrying { unsafe Int(unlink(path)) }
    if result < 0 { throw SystemError(code: code, operation: "unlink \(path)") }
  }

  public func makeDirectory(_ path: String) throws(SystemError) {
    let (result, code) = retrying { unsafe Int(mkdir(path, 0o700)) }
    if result < 0, code != EEXIST { throw SystemError(code: code, operation: "mkdir \(path)") }
  }

  public func list(_ directory: String) throws(SystemError) -> [String] {
    guard let stream = unsafe opendir(directory) else {
      throw SystemError(code: errno, operation: "opendir \(directory)")
    }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  public func syncDirectory(_ path: String) throws(SystemError) {
    let (descriptor, code) = retrying {
      unsafe Int(fanfare_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0))
    }
    if descriptor < 0 { throw SystemError(code: code, operation: "open directory \(path)") }
    defer { _ = Glibc.close(Int32(descriptor)) }
    let (result, syncCode) = retrying { Int(fsync(Int32(descriptor))) }
    if result < 0 { throw SystemError(code: syncCode, operation: "fsync directory \(path)") }
  }

  public func space(_ path: String) throws(SystemError) -> (free: UInt64, total: UInt64) {
    var status = statvfs()
    let (result, code) = retrying { unsafe Int(statvfs(path, &status)) }
    if result < 0 { throw SystemError(code: code, operation: "statvfs \(path)") }
    return (
      UInt64(status.f_bavail) * UInt64(status.f_frsize),
      UInt64(status.f_blocks) * UInt64(status.f_frsize)
    )
  }
}

/// `O_DIRECT` is hidden behind `_GNU_SOURCE`; the value is the architecture's.
#if arch(arm64)
  private let O_DIRECT_FLAG: Int32 = 0o200000
#else
  private let O_DIRECT_FLAG: Int32 = 0o40000
#endif
