// Goal: the server side of TLS answers our client side, and resumes its sessions.
// Method: both ends in one thread over a pair of sockets.
import COpenSSL
import Glibc
import TLS
import Testing

@Suite struct TLSServerTests {
  /// Lets both ends go on until the client is done.
  private func greet(
    _ client: inout TLSConnection, _ server: inout TLSServerConnection
  ) -> TLSProgress {
    var room = [UInt8](repeating: 0, count: 1024)
    for _ in 0..<20 {
      let progress = client.handshake()
      // The server shakes hands as it reads.
      let read = unsafe room.withUnsafeMutableBytes { unsafe server.read(into: $0) }
      if case .failed(let failure) = read { return .failed(failure) }
      if progress == .done { return .done }
    }
    return .wantRead
  }

  private func send(_ text: String, by client: inout TLSConnection) -> TLSRead {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe client.write($0) }
  }

  @Test func `a request comes through, the answer goes back, the next handshake is shorter`()
    throws
  {
    let pair = try SelfSignedCertificate.make(hosts: ["127.0.0.1"])
    let server = try TLSServer(certificatePEM: pair.certificatePEM, keyPEM: pair.keyPEM)
    let context = try TLSContext(roots: .pem(pair.certificatePEM))
    for round in 0..<2 {
      let sockets = SocketPair()
      var theirs = try TLSServerConnection(server, fd: sockets.server)
      var ours = try TLSConnection(
        context: context, fd: sockets.client, host: "127.0.0.1", port: 1)
      #expect(greet(&ours, &theirs) == .done)
      let wasResumed = ours.wasResumed
      #expect(wasResumed == (round == 1))
      #expect(send("ping", by: &ours) == .bytes(4))
      var room = [UInt8](repeating: 0, count: 64)
      #expect(unsafe room.withUnsafeMutableBytes { unsafe theirs.read(into: $0) } == .bytes(4))
      #expect(Array(room[..<4]) == Array("ping".utf8))
      let hasPending = theirs.hasPending
      #expect(!hasPending)
      #expect(unsafe room.withUnsafeMutableBytes { unsafe theirs.read(into: $0) } == .wantRead)
      #expect(unsafe Array("pong".utf8).withUnsafeBytes { unsafe theirs.write($0) } == .bytes(4))
      // The tickets come before it.
      #expect(unsafe room.withUnsafeMutableBytes { unsafe ours.read(into: $0) } == .bytes(4))
      ours.closeNotify()
      #expect(unsafe room.withUnsafeMutableBytes { unsafe theirs.read(into: $0) } == .closed)
    }
  }

  @Test func `a key that belongs to another certificate is refused`() throws {
    let one = try SelfSignedCertificate.make(hosts: ["a.example"])
    let other = try SelfSignedCertificate.make(hosts: ["b.example"])
    #expect(throws: TLSError.self) {
      try TLSServer(certificatePEM: one.certificatePEM, keyPEM: other.keyPEM)
    }
    #expect(throws: TLSError.self) { try TLSServer(certificatePEM: "none", keyPEM: one.keyPEM) }
  }
}
