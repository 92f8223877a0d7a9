internal import CLinux
internal import Glibc

/// Memory that several processes write and read: a file without a name, mapped by each of them.
///
/// Pages exist only once they were touched, so room may be reserved generously. `@safe`: the
/// mapping lives as long as the value, and its length is the count of `bytes`.
///
/// > Source: memfd_create(2), mmap(2).
@safe
public final class SharedMemory: @unchecked Sendable {
  /// The file; closed on execve(2) unless a `ChildProcess` is given it.
  public let descriptor: Int32
  /// The whole of it, zero at first.
  public let bytes: UnsafeMutableRawBufferPointer

  /// Makes memory of its own.
  /// - Throws: `SystemError` when the kernel has no room for it.
  public convenience init(name: String, byteCount: Int) throws(SystemError) {
    let (made, code) = retrying { unsafe Int(fanfare_memory_file(name)) }
    if made < 0 { throw SystemError(code: code, operation: "memfd_create") }
    let (sized, why) = retrying { Int(ftruncate(Int32(made), byteCount)) }
    if sized < 0 {
      _ = Glibc.close(Int32(made))
      throw SystemError(code: why, operation: "ftruncate of \(byteCount) bytes of memory")
    }
    try self.init(descriptor: Int32(made), byteCount: byteCount)
  }

  /// Maps what another process made; takes the descriptor over.
  /// - Throws: `SystemError` when it is not `byteCount` bytes of memory.
  public init(descriptor: Int32, byteCount: Int) throws(SystemError) {
    let base = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let base = unsafe base, unsafe base != UnsafeMutableRawPointer(bitPattern: -1) else {
      let code = errno
      _ = Glibc.close(descriptor)
      throw SystemError(code: code, operation: "mmap of \(byteCount) bytes")
    }
    self.descriptor = descriptor
    unsafe bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
  }

  deinit {
    unsafe munmap(bytes.baseAddress, bytes.count)
    _ = Glibc.close(descriptor)
  }
}
