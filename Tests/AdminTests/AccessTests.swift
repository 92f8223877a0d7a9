import Admin
import Base
import Testing

/// Goal: who may not come in does not: no token, a foreign host name, guessing.
/// Method: the rules behind the middlewares, by table.
struct AccessTests {
  @Test(
    arguments: [
      ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER  abc", "abc"), ("Basic abc", nil),
      ("Bearer", nil), ("Bearer ", nil), ("abc", nil), ("", nil), (nil, nil),
    ] as [(String?, String?)])
  func `a bearer token is read`(header: String?, token: String?) {
    #expect(BearerToken.of(header) == token)
  }

  @Test(arguments: [
    "localhost", "localhost:8071", "LOCALHOST", "127.0.0.1:8071", "127.0.0.2", "[::1]:80",
    "hooks.example.com", "hooks.example.com:443",
  ])
  func `own names are taken`(host: String) {
    let rule = HostRule(listenHost: "127.0.0.1", publicURL: "https://hooks.example.com/x")
    #expect(rule.allows(host))
  }

  @Test(arguments: [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5",
    "example.com", "", "localhost/x", "localhost@evil.example", "2130706433", "0x7f.1",
    "localhost:99999",
  ])
  func `foreign names are refused`(host: String) {
    let rule = HostRule(listenHost: "127.0.0.1", publicURL: "https://hooks.example.com")
    #expect(!rule.allows(host))
  }

  @Test func `a wildcard address takes any address, but no foreign name`() {
    let rule = HostRule(listenHost: "0.0.0.0", publicURL: "")
    #expect(rule.allows("192.168.1.5:8071"))
    #expect(rule.allows("[fd00::5]"))
    #expect(!rule.allows("evil.example"))
    #expect(HostRule(listenHost: "10.0.0.5", publicURL: "").allows("10.0.0.5:8071"))
  }

  @Test(
    arguments: [
      ("http://127.0.0.1:8071", "127.0.0.1:8071", true),
      ("https://127.0.0.1:8071", "127.0.0.1:8071", true),
      ("https://hooks.example.com", "127.0.0.1:8071", true),
      ("https://hooks.example.com", "hooks.example.com:443", true),
      ("https://hooks.example.com:8443", "127.0.0.1:8071", false),
      ("http://hooks.example.com", "127.0.0.1:8071", false),
      ("http://localhost:3000", "localhost:8071", false),
      ("http://127.0.0.1:8072", "127.0.0.1:8071", false),
      ("https://evil.example", "127.0.0.1:8071", false), ("null", "127.0.0.1:8071", false),
      ("http://127.0.0.1:8071/x", "127.0.0.1:8071", false), ("", "127.0.0.1:8071", false),
      ("file://", "127.0.0.1:8071", false),
    ] as [(String, String, Bool)])
  func `only pages of its own may use it from a browser`(
    origin: String, host: String, isAllowed: Bool
  ) {
    let rule = HostRule(listenHost: "127.0.0.1", publicURL: "https://hooks.example.com/fanfare")
    #expect(rule.allows(origin: origin, at: host) == isAllowed)
  }

  @Test func `failures count by peer and window`() {
    let failures = AuthFailures()
    let start = UnixMilliseconds(6_000_000)
    for expected in 1...30 { #expect(failures.record("a", now: start) == expected) }
    #expect(failures.record("b", now: start) == 1)
    let next = UnixMilliseconds(6_000_000 + AuthFailures.windowSeconds * 1000)
    #expect(failures.record("a", now: next) == 1)
    #expect(AuthFailures.secondsLeft(now: UnixMilliseconds(6_059_000)) == 1)
  }

  @Test func `many peers take bounded memory`() {
    let failures = AuthFailures()
    let now = UnixMilliseconds(0)
    _ = failures.record("first", now: now)
    for peer in 0..<AuthFailures.peersMax { _ = failures.record("p\(peer)", now: now) }
    #expect(failures.record("first", now: now) == 1)
  }

  @Test(arguments: [
    ("/healthz", true), ("/metrics", true), ("/api/v1/health", true), ("/", true),
    ("/api/v1/app", false), ("/api/v1/healthx", false), ("/api/", false),
  ])
  func `only health and metrics need no token`(path: String, isOpen: Bool) {
    #expect(AdminRoutes.isOpen(path) == isOpen)
  }
}
