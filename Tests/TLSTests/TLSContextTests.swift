import TLS
import Testing

// Goal: settings that cannot work are refused when they are made, with the reason.
// Method: damaged PEM text of every kind.
@Suite struct TLSContextTests {
  private static let damaged = """
    -----BEGIN CERTIFICATE-----
    bm90IGEgY2VydGlmaWNhdGU=
    -----END CERTIFICATE-----

    """

  @Test(arguments: ["", "no PEM at all", damaged, testAuthority.pem + damaged])
  func `roots that cannot be read are refused`(pem: String) {
    #expect {
      _ = try TLSContext(roots: .pem(pem))
    } throws: {
      guard case .rootsUnreadable = $0 as? TLSError else { return false }
      return true
    }
  }

  @Test func `several roots in one text are all trusted`() throws {
    let other = TestCertificate("Other", isAuthority: true)
    _ = try TLSContext(roots: .pem("a comment\n" + other.pem + testAuthority.pem))
  }

  @Test func `a client certificate with another's key is refused`() {
    let one = TestCertificate("one")
    let two = TestCertificate("two")
    for (pem, key) in [(one.pem, two.keyPEM), (one.pem, ""), ("", one.keyPEM)] {
      #expect {
        _ = try TLSContext(roots: .pem(testAuthority.pem), clientCertificate: (pem, key))
      } throws: {
        guard case .clientCertificateUnusable = $0 as? TLSError else { return false }
        return true
      }
    }
  }

  @Test func `a client certificate with its chain is taken`() throws {
    let own = TestCertificate("own", issuer: testAuthority)
    _ = try TLSContext(
      roots: .system, clientCertificate: (own.pem + testAuthority.pem, own.keyPEM))
  }
}
