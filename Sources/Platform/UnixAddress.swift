internal import CLinux
internal import Glibc

/// Where a unix socket is, in the kernel's form.
///
/// > Source: unix(7).
public struct UnixAddress {
  /// Most bytes of a path; one of the kernel's 108 ends it.
  public static let pathBytesMax = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  private var address = sockaddr_un()
  private let length: socklen_t

  /// The socket at `path`.
  /// - Parameter mayBeAbstract: whether what begins with `@` is a name that no file has. Such a socket
  ///   is open to everybody on the machine: never one of ours.
  /// - Returns: `nil` for a path that is empty or longer than ``pathBytesMax``.
  public init?(path: String, mayBeAbstract: Bool = false) {
    var bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count <= Self.pathBytesMax else { return nil }
    let isAbstract = mayBeAbstract && bytes[0] == UInt8(ascii: "@")
    if isAbstract { bytes[0] = 0 }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    // Each byte of a name counts; a path ends with its zero.
    length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
  }

  /// connect(2).
  /// - Returns: 0 or the errno.
  public func connect(_ descriptor: Int32) -> Int32 {
    unsafe withKernelForm { unsafe Glibc.connect(descriptor, $0, length) } == 0 ? 0 : errno
  }

  /// bind(2).
  /// - Returns: 0 or the errno.
  public func bind(_ descriptor: Int32) -> Int32 {
    unsafe withKernelForm { unsafe Glibc.bind(descriptor, $0, length) } == 0 ? 0 : errno
  }

  /// Sends one datagram there.
  /// - Returns: whether all of it went.
  public func send(_ bytes: [UInt8], through descriptor: Int32) -> Bool {
    unsafe withKernelForm {
      unsafe sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
    } == bytes.count
  }

  private func withKernelForm<R>(_ body: (UnsafePointer<sockaddr>) -> R) -> R {
    unsafe withUnsafePointer(to: address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
    }
  }
}
