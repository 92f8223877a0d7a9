import COpenSSL
import Glibc
import TLS
import Testing

// Goal: a client talks to whom it asked for, resumes, and names why it refuses anybody else.
// Method: a real server side of OpenSSL's at the other end of a socket pair, both driven in turn.
@Suite struct TLSConnectionTests {
  private let context: TLSContext
  private let good = TestCertificate(
    "hooks", alternatives: "DNS:hooks.example.com,DNS:*.wild.example,IP:127.0.0.1",
    issuer: testAuthority)

  init() throws {
    context = try TLSContext(roots: .pem(testAuthority.pem))
  }

  @Test func `after the handshake bytes go both ways`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.shakeHands() == .done)
    #expect(pair.versionText == "TLSv1.3")
    #expect(pair.cipherText == "TLS_AES_256_GCM_SHA384")
    #expect(abs(try #require(pair.certificateExpirySeconds) - Int64(time(nil)) - 3_600) < 60)
    #expect(pair.server.requestedName == "hooks.example.com")
    #expect(pair.write("ping") == .bytes(4))
    #expect(pair.server.read() == Array("ping".utf8))
    pair.server.write(Array("pong".utf8))
    let answer = pair.read()
    #expect(answer.result == .bytes(4))
    #expect(answer.text == "pong")
    #expect(pair.read().result == .wantRead)
    #expect(!pair.hasPending)
  }

  @Test(arguments: ["hooks.example.com.", "a.wild.example", "127.0.0.1"])
  func `the certificate is good for each of its names`(host: String) throws {
    let pair = try Pair(context, TestServer(good), host: host)
    #expect(pair.shakeHands() == .done)
  }

  @Test(arguments: ["other.example.com", "a.b.wild.example", "wild.example", "127.0.0.2"])
  func `a certificate for another host is refused and both are named`(host: String) throws {
    let pair = try Pair(context, TestServer(good), host: host)
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .hostMismatch)
    #expect(
      failure.text
        == "certificate is for hooks.example.com, *.wild.example, 127.0.0.1, not \(host)")
  }

  @Test func `a common name is no host name`() throws {
    let certificate = TestCertificate("hooks.example.com", issuer: testAuthority)
    let pair = try Pair(context, TestServer(certificate))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .hostMismatch)
    #expect(failure.text == "certificate names no host at all, so not hooks.example.com")
  }

  @Test func `hostile names in a certificate are cleaned and cut`() throws {
    let long = String(repeating: "x", count: 200)
    let names = "DNS:a\u{1B}[31mb,DNS:\(long),DNS:c.example,DNS:d.example,DNS:e.example"
    let certificate = TestCertificate("x", alternatives: names, issuer: testAuthority)
    let pair = try Pair(context, TestServer(certificate))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    let cut = String(repeating: "x", count: 64)
    #expect(
      failure.text
        == "certificate is for a?[31mb, \(cut), c.example and 2 more, not hooks.example.com")
  }

  @Test func `an issuer that nobody vouches for is refused`() throws {
    let stranger = TestCertificate("Stranger", isAuthority: true)
    let certificate = TestCertificate(
      "x", alternatives: "DNS:hooks.example.com", issuer: stranger)
    let pair = try Pair(context, TestServer(certificate))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .unknownIssuer)
    #expect(failure.text == "certificate is not issued by a trusted authority")
  }

  @Test func `the system's authorities do not vouch for ours`() throws {
    let pair = try Pair(TLSContext(), TestServer(good))
    #expect(pair.failure(of: pair.shakeHands())?.reason == .unknownIssuer)
  }

  @Test func `a certificate of its own making is good when it is the root`() throws {
    let made = try SelfSignedCertificate.make(hosts: ["hooks.example.com"])
    let trusting = try TLSContext(roots: .pem(made.certificatePEM))
    let own = TestCertificate("x", alternatives: "DNS:hooks.example.com")
    let other = try Pair(trusting, TestServer(own))
    #expect(other.failure(of: other.shakeHands())?.reason == .unknownIssuer)
    let pair = try Pair(TLSContext(roots: .pem(own.pem)), TestServer(own))
    #expect(pair.shakeHands() == .done)
  }

  @Test func `a certificate past its time is refused with its last day`() throws {
    let certificate = TestCertificate(
      "x", alternatives: "DNS:hooks.example.com", issuer: testAuthority,
      beginsIn: -200 * 86_400, endsIn: -100 * 86_400)
    let pair = try Pair(context, TestServer(certificate))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .certificateExpired)
    #expect(failure.text == "certificate expired on \(day(fromNow: -100))")
  }

  @Test func `a certificate before its time is refused with its first day`() throws {
    let certificate = TestCertificate(
      "x", alternatives: "DNS:hooks.example.com", issuer: testAuthority,
      beginsIn: 100 * 86_400, endsIn: 200 * 86_400)
    let pair = try Pair(context, TestServer(certificate))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .certificateNotYetValid)
    #expect(failure.text == "certificate is not valid before \(day(fromNow: 100))")
  }

  @Test func `a peer that speaks nothing newer than TLS 1_1 is refused`() throws {
    let pair = try Pair(context, TestServer(good, versionMax: TLS1_1_VERSION))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .version)
    #expect(failure.text == "peer speaks no TLS version that is accepted (1.2 or 1.3)")
  }

  @Test func `a handshake that nobody answers goes on wanting to read`() throws {
    let pair = try Pair(context, TestServer(good))
    for _ in 0..<5 { #expect(pair.handshake() == .wantRead) }
  }

  @Test func `an answer in plain HTTP is called that`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.handshake() == .wantRead)
    send("HTTP/1.1 400 Bad Request\r\n\r\n", to: pair.sockets.server)
    let failure = try #require(pair.failure(of: pair.handshake()))
    #expect(failure.reason == .notTLS)
  }

  @Test func `a peer that hangs up in the handshake is called that`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.handshake() == .wantRead)
    // Taken, so that the system does not report a reset.
    var taken = [UInt8](repeating: 0, count: 4_096)
    _ = unsafe recv(pair.sockets.server, &taken, taken.count, 0)
    pair.server.hangUp()
    let failure = try #require(pair.failure(of: pair.handshake()))
    #expect(failure.reason == .closed)
  }

  @Test func `a host that is empty or holds a NUL is refused before anything is sent`() throws {
    let sockets = SocketPair()
    for host in ["", ".", "a\0b"] {
      #expect(throws: TLSError.hostInvalid(host)) {
        _ = try TLSConnection(context: context, fd: sockets.client, host: host, port: 443)
      }
    }
  }

  @Test func `a peer that asks for our certificate gets it`() throws {
    let own = TestCertificate("sender", issuer: testAuthority)
    let known = try TLSContext(
      roots: .pem(testAuthority.pem), clientCertificate: (own.pem, own.keyPEM))
    let server = TestServer(good, clientRoot: testAuthority)
    let pair = try Pair(known, server)
    #expect(pair.shakeHands() == .done)
    pair.server.write([1])
    #expect(pair.read().result == .bytes(1))
  }

  @Test func `a peer that insists on a certificate we lack ends the connection`() throws {
    let pair = try Pair(
      context, TestServer(good, versionMax: TLS1_2_VERSION, clientRoot: testAuthority))
    let failure = try #require(pair.failure(of: pair.shakeHands()))
    #expect(failure.reason == .refusedByPeer)
    #expect(failure.text == "peer refused the TLS handshake: handshake failure")
  }

  @Test func `close notify reaches either side`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.shakeHands() == .done)
    pair.server.closeNotify()
    #expect(pair.read().result == .closed)
    let other = try Pair(context, TestServer(good))
    #expect(other.shakeHands() == .done)
    other.client.closeNotify()
    #expect(other.server.read().isEmpty)
    other.server.closeNotify()
    #expect(other.read().result == .closed)
  }

  @Test func `a connection that just ends is closed, not broken`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.shakeHands() == .done)
    pair.server.hangUp()
    #expect(pair.read().result == .closed)
  }

  @Test func `a write to a peer that is gone fails with the system's reason`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.shakeHands() == .done)
    pair.server.hangUp()
    guard case .failed(let failure) = pair.write("x") else {
      Issue.record("the write did not fail")
      return
    }
    #expect(failure.reason == .system)
    #expect(failure.systemError == EPIPE)
  }

  @Test func `a full socket takes part of a write and the rest later`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.shakeHands() == .done)
    let message = (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    var sent = 0
    var received: [UInt8] = []
    var partialWrites = 0
    while received.count < message.count {
      let rest = Array(message[sent...])
      if !rest.isEmpty {
        let result = unsafe rest.withUnsafeBytes { unsafe pair.client.write($0) }
        switch result {
        case .bytes(let count):
          sent += count
          if count < rest.count { partialWrites += 1 }
        case .wantWrite: break
        default: Issue.record("\(result)")
        }
      }
      while true {
        let bytes = pair.server.read()
        if bytes.isEmpty { break }
        received += bytes
      }
    }
    #expect(partialWrites > 0)
    #expect(received == message)
  }

  @Test func `several records that came at once are pending after the first`() throws {
    let pair = try Pair(context, TestServer(good))
    #expect(pair.shakeHands() == .done)
    pair.server.write(Array("one".utf8))
    pair.server.write(Array("two".utf8))
    #expect(pair.read().text == "one")
    #expect(pair.hasPending)
    #expect(pair.read().text == "two")
    #expect(!pair.hasPending)
  }

  private func day(fromNow days: Int) -> String {
    var now = time(nil) + days * 86_400
    var fields = unsafe tm()
    unsafe gmtime_r(&now, &fields)
    var text = [CChar](repeating: 0, count: 16)
    unsafe strftime(&text, text.count, "%Y-%m-%d", &fields)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func send(_ text: String, to fd: Int32) {
    let bytes = Array(text.utf8)
    _ = unsafe Glibc.write(fd, bytes, bytes.count)
  }
}
