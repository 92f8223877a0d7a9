internal import Admin
internal import Glibc
internal import NIOCore

/// Why nothing listens at an address, in words.
enum ListenFailure {
  /// The failure that ends a command whose server could not begin.
  ///
  /// - Parameter flag: the flag that chooses another address.
  static func failure(_ error: any Error, address: String, flag: String) -> Failure {
    if let error = error as? AdminServerError {
      return Failure(.configuration, error.description)
    }
    if let error = error as? IOError {
      return Failure(
        .failed, "cannot listen on \(address): \(reason(error.errnoCode))",
        next: ["choose another address: \(flag)"])
    }
    if error is SocketAddressError {
      return Failure(
        .failed, "cannot listen on \(address): there is no host of that name",
        next: ["choose another address: \(flag)"])
    }
    return Failure(.failed, "cannot listen on \(address): \(error)")
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case EADDRINUSE: "another process listens there"
    case EADDRNOTAVAIL: "this machine has no such address"
    case EACCES: "not permitted; ports below 1024 need CAP_NET_BIND_SERVICE"
    default: SystemText.of(code)
    }
  }
}
