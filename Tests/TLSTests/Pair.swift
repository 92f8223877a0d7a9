import TLS

/// Both ends of a connection over a pair of sockets, each driven in turn.
final class Pair {
  let sockets: SocketPair
  let server: TestServerConnection
  var client: TLSConnection
  let host: String

  init(
    _ context: TLSContext, _ server: TestServer, host: String = "hooks.example.com",
    port: UInt16 = 443
  ) throws {
    sockets = SocketPair()
    self.server = TestServerConnection(server, fd: sockets.server)
    self.host = host
    client = try TLSConnection(
      context: context, fd: sockets.client, host: host, port: port)
  }

  var hasPending: Bool { client.hasPending }
  var wasResumed: Bool { client.wasResumed }
  var versionText: String { client.versionText }
  var cipherText: String { client.cipherText }
  var certificateExpirySeconds: Int64? { client.certificateExpirySeconds }

  /// One step of the client's handshake.
  func handshake() -> TLSProgress { client.handshake() }

  /// Drives both ends until the client's handshake is done or failed.
  func shakeHands() -> TLSProgress {
    for _ in 0..<20 {
      let progress = client.handshake()
      switch progress {
      case .done:
        while !server.step() {}
        return .done
      case .failed: return progress
      case .wantRead, .wantWrite: _ = server.step()
      }
    }
    return .wantRead
  }

  func write(_ text: String) -> TLSRead {
    var bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeMutableBytes {
      unsafe client.write(UnsafeRawBufferPointer($0))
    }
  }

  func read() -> (result: TLSRead, text: String) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let result = unsafe bytes.withUnsafeMutableBytes { unsafe client.read(into: $0) }
    guard case .bytes(let count) = result else { return (result, "") }
    return (result, String(decoding: bytes.prefix(count), as: UTF8.self))
  }

  /// The failure's kind and text.
  func failure(of progress: TLSProgress) -> (reason: TLSFailure.Reason, text: String)? {
    guard case .failed(let failure) = progress else { return nil }
    return (failure.reason, client.text(of: failure, host: host))
  }
}
