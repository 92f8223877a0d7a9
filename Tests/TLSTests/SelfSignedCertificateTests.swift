import COpenSSL
import Glibc
import TLS
import Testing

// Goal: a certificate that we make is one that others accept for exactly its hosts.
// Method: OpenSSL reads and checks it, as library and, where there is one, as program.
@Suite struct SelfSignedCertificateTests {
  private func read(_ pem: String) throws -> OpaquePointer {
    let bytes = Array(pem.utf8)
    let source = unsafe BIO_new(BIO_s_mem())
    defer { unsafe BIO_free(source) }
    _ = unsafe BIO_write(source, bytes, Int32(bytes.count))
    return try unsafe #require(PEM_read_bio_X509(source, nil, nil, nil))
  }

  @Test func `the certificate is for its hosts and no other`() throws {
    let made = try SelfSignedCertificate.make(
      hosts: ["localhost", "*.example.com", "127.0.0.1", "::1"])
    let certificate = try unsafe read(made.certificatePEM)
    defer { unsafe X509_free(certificate) }
    for host in ["localhost", "a.example.com"] {
      #expect(unsafe X509_check_host(certificate, host, 0, 0, nil) == 1)
    }
    #expect(unsafe X509_check_host(certificate, "other", 0, 0, nil) == 0)
    for address in ["127.0.0.1", "::1"] {
      #expect(unsafe X509_check_ip_asc(certificate, address, 0) == 1)
    }
    #expect(unsafe X509_check_ip_asc(certificate, "127.0.0.2", 0) == 0)
    #expect(unsafe X509_self_signed(certificate, 1) == 1)
    #expect(made.keyPEM.hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
  }

  @Test func `it is good now and for a year`() throws {
    let certificate = try unsafe read(SelfSignedCertificate.make(hosts: ["a"]).certificatePEM)
    defer { unsafe X509_free(certificate) }
    #expect(unsafe X509_cmp_current_time(X509_get0_notBefore(certificate)) == -1)
    #expect(unsafe X509_cmp_current_time(X509_get0_notAfter(certificate)) == 1)
    var (days, seconds): (Int32, Int32) = (0, 0)
    unsafe ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(certificate))
    #expect((364...365).contains(days))
  }

  @Test func `two certificates of one host differ in serial and key`() throws {
    let one = try SelfSignedCertificate.make(hosts: ["a"])
    let two = try SelfSignedCertificate.make(hosts: ["a"])
    #expect(one.keyPEM != two.keyPEM)
    let (first, second) = unsafe (try read(one.certificatePEM), try read(two.certificatePEM))
    defer {
      unsafe X509_free(first)
      unsafe X509_free(second)
    }
    #expect(
      unsafe ASN1_INTEGER_cmp(X509_get_serialNumber(first), X509_get_serialNumber(second)) != 0)
  }

  @Test(arguments: ["", "a,DNS:evil.example", "a b", "http://a", "a..b", ".a", "*", "a\nb", "ä"])
  func `what is no host is refused`(host: String) {
    #expect(throws: TLSError.hostInvalid(host)) {
      try SelfSignedCertificate.make(hosts: ["good.example", host])
    }
  }

  @Test func `no host at all is refused and a long name is taken`() throws {
    #expect(throws: TLSError.hostInvalid("")) { try SelfSignedCertificate.make(hosts: []) }
    let label = String(repeating: "a", count: 63)
    _ = try SelfSignedCertificate.make(hosts: ["\(label).\(label).example"])
  }

  @Test(.enabled(if: unsafe access("/usr/bin/openssl", X_OK) == 0))
  func `the program openssl verifies it strictly`() throws {
    let made = try SelfSignedCertificate.make(hosts: ["hooks.example.com"])
    let path = "/tmp/fanfare-certificate-\(SecureRandom.word()).pem"
    let fd = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    let bytes = Array(made.certificatePEM.utf8)
    _ = unsafe write(fd, bytes, bytes.count)
    close(fd)
    defer { _ = unsafe unlink(path) }
    #expect(
      openssl(
        "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", path,
        "-verify_hostname", "hooks.example.com", path) == 0)
    #expect(
      openssl("verify", "-CAfile", path, "-verify_hostname", "other.example.com", path) != 0)
  }

  /// Runs the program with its output thrown away; its exit status.
  private func openssl(_ arguments: String...) -> Int32 {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for fd in 1...2 as ClosedRange<Int32> {
      unsafe posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0)
    }
    var words: [UnsafeMutablePointer<CChar>?] = unsafe (["openssl"] + arguments).map {
      unsafe strdup($0)
    }
    unsafe words.append(nil)
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var pid: pid_t = 0
    guard unsafe posix_spawn(&pid, "/usr/bin/openssl", &actions, nil, words, environ) == 0 else {
      return -1
    }
    var status: Int32 = 0
    while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }
}
