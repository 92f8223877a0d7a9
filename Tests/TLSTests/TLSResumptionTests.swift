import COpenSSL
import Glibc
import TLS
import Testing

// Goal: a second connection resumes, never to another host, port, setting or for too long.
// Method: as above; the server says nothing about it, the client's own word counts.
@Suite struct TLSResumptionTests {
  private let context: TLSContext
  private let server: TestServer

  init() throws {
    context = try TLSContext(roots: .pem(testAuthority.pem))
    server = TestServer(Self.certificate(endsIn: 3_600))
  }

  private static func certificate(endsIn: Int) -> TestCertificate {
    TestCertificate(
      "x", alternatives: "DNS:hooks.example.com,DNS:other.example.com", issuer: testAuthority,
      endsIn: endsIn)
  }

  /// One connection with an answer, which brings the tickets; whether it was resumed.
  private func connect(
    _ context: TLSContext, _ server: TestServer, host: String = "hooks.example.com",
    port: UInt16 = 443
  ) throws -> Bool {
    let pair = try Pair(context, server, host: host, port: port)
    #expect(pair.shakeHands() == .done)
    pair.server.write([1])
    #expect(pair.read().result == .bytes(1))
    return pair.wasResumed
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `the second connection to a host is resumed, and the tenth`(version: Int32) throws {
    let server = TestServer(Self.certificate(endsIn: 3_600), versionMax: version)
    #expect(try !connect(context, server))
    for _ in 0..<9 { #expect(try connect(context, server)) }
  }

  @Test func `connections that are open together each have a ticket`() throws {
    #expect(try !connect(context, server))
    let first = try Pair(context, server)
    let second = try Pair(context, server)
    #expect(first.shakeHands() == .done)
    #expect(second.shakeHands() == .done)
    #expect(first.wasResumed && second.wasResumed)
    // Two tickets came with the first connection; each is good once.
    let third = try Pair(context, server)
    #expect(third.shakeHands() == .done)
    #expect(!third.wasResumed)
  }

  @Test func `another host, port or setting is not resumed`() throws {
    #expect(try !connect(context, server))
    #expect(try !connect(context, server, host: "other.example.com"))
    #expect(try !connect(context, server, port: 8_443))
    #expect(try !connect(TLSContext(roots: .pem(testAuthority.pem)), server))
  }

  @Test func `a session is not offered after its certificate's time`() throws {
    #expect(try !connect(context, TestServer(Self.certificate(endsIn: 1_000))))
    #expect(offers(after: 900))
    #expect(!offers(after: 1_100))
  }

  @Test func `a session is not offered after an hour`() throws {
    #expect(try !connect(context, TestServer(Self.certificate(endsIn: 100_000))))
    #expect(offers(after: 3_500))
    #expect(!offers(after: 3_700))
  }

  /// Whether a session of the host would be offered so many seconds from now; uses it up.
  private func offers(after seconds: Int64) -> Bool {
    let place = context.sessions.place(host: "hooks.example.com", port: 443)
    let now = Int64(time(nil)) + seconds
    guard let session = unsafe context.sessions.take(place, now: now) else { return false }
    unsafe SSL_SESSION_free(session)
    return true
  }

  @Test func `a server that lost its ticket keys gets a full handshake`() throws {
    #expect(try !connect(context, server))
    #expect(try !connect(context, TestServer(Self.certificate(endsIn: 3_600))))
  }

  @Test func `the cache keeps to its bound and forgets who was not used`() throws {
    let small = try TLSContext(
      TLSSettings(roots: .pem(testAuthority.pem)), sessionHostsMax: 2)
    #expect(try !connect(small, server, port: 1))
    #expect(try !connect(small, server, port: 2))
    #expect(try !connect(small, server, port: 3))
    #expect(try connect(small, server, port: 3))
    let resumed = [try connect(small, server, port: 1), try connect(small, server, port: 2)]
    #expect(resumed.contains(false))
  }
}
