import Foundation
import Glibc

/// A service manager's end of sd_notify's protocol: a datagram socket, of which nothing is lost as
/// long as `messages` is read often enough.
final class NotifySocket {
  let path: String
  private let folder: TemporaryFolder
  private let descriptor: Int32
  private var taken: [String] = []

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("notify")
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let code = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if code != 0 { throw TimedOut(description: "cannot bind \(path): errno \(errno)") }
  }

  deinit { close(descriptor) }

  /// Everything that came so far, in order.
  var messages: [String] {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
      if count <= 0 { return taken }
      taken.append(String(decoding: bytes[..<count], as: UTF8.self))
    }
  }
}
