// Goal: no URL passes that two parsers could take for different hosts.
// Method: tables of what passes, with its parts, and of what is refused, with the reason.
import Testing
import Wire

@Suite struct URLTargetTests {
  private func refusal(_ text: String) -> URLTargetError? {
    do {
      _ = try URLTarget(parsing: text)
      return nil
    } catch { return error }
  }

  @Test(arguments: [
    ("https://example.com", "https://example.com/"),
    ("HTTPS://Example.COM:443/Path?q=1", "https://example.com/Path?q=1"),
    ("http://example.com:80", "http://example.com/"),
    ("https://example.com:8443?x", "https://example.com:8443/?x"),
    ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ("https://my_service/hook", "https://my_service/hook"),
    ("https://192.0.2.1:9000/a%20b", "https://192.0.2.1:9000/a%20b"),
    ("https://[2001:DB8:0:0:0:0:0:1]:8443/", "https://[2001:db8::1]:8443/"),
    ("https://[::ffff:192.0.2.1]", "https://[::ffff:192.0.2.1]/"),
    (
      "https://a.b-c.d1/x//y/../z?u=http://e/#f".replacing("#f", with: ""),
      "https://a.b-c.d1/x//y/../z?u=http://e/"
    ),
  ]) func `a plain URL passes in its normal form`(text: String, normal: String) throws {
    #expect(try URLTarget(parsing: text).text == normal)
  }

  @Test func `the parts are those that a connection needs`() throws {
    let target = try URLTarget(parsing: "https://[2001:db8::1]/hook?token=secret")
    #expect(target.scheme == .https)
    #expect(target.usesTLS)
    #expect(target.host == "2001:db8::1")
    #expect(target.port == 443)
    #expect(target.isIPLiteral)
    #expect(target.authority == "[2001:db8::1]")
    #expect(target.pathAndQuery == "/hook?token=secret")
    #expect(target.textWithoutQuery == "https://[2001:db8::1]/hook")
    let name = try URLTarget(parsing: "http://LOCALHOST:8080")
    #expect(name.host == "localhost")
    #expect(!name.isIPLiteral)
    #expect(name.authority == "localhost:8080")
  }

  @Test(arguments: [
    ("", URLTargetError.unsupportedScheme), ("example.com", .unsupportedScheme),
    ("ftp://example.com", .unsupportedScheme), ("https:/example.com", .unsupportedScheme),
    ("https:\\\\example.com", .unsupportedScheme), (" https://example.com", .unsupportedScheme),
    ("https://", .emptyHost), ("https:///path", .emptyHost), ("https://:443/", .emptyHost),
    ("https://user@example.com/", .userInfo), ("https://u:p@example.com/", .userInfo),
    ("https://example.com/#top", .fragment), ("https://example.com#", .fragment),
    ("https://example.com/a b", .invalidCharacter(offset: 21)),
    ("https://example.com/\r\nX: y", .invalidCharacter(offset: 20)),
    ("https://example.com/\\x", .invalidCharacter(offset: 20)),
    ("https://example.com/\u{E9}", .invalidCharacter(offset: 20)),
    ("https://example.com/%", .invalidPercentEncoding(offset: 20)),
    ("https://example.com/%4g", .invalidPercentEncoding(offset: 20)),
    ("https://example.com/%00", .invalidPercentEncoding(offset: 20)),
    ("https://exa%6dple.com/", .invalidHost), ("https://example.com%00/", .invalidHost),
    ("https://exa mple.com/", .invalidHost), ("https://example..com/", .invalidHost),
    ("https://example.com./", .invalidHost), ("https://-a.com/", .invalidHost),
    ("https://a-.com/", .invalidHost), ("https://a\\b.com/", .invalidHost),
    ("https://b\u{FC}cher.example/", .nonASCIIHost), ("https://127\u{FF0E}0.0.1/", .nonASCIIHost),
    ("https://2130706433/", .ambiguousAddress), ("https://0x7f000001/", .ambiguousAddress),
    ("https://0x7f.0.0.1/", .ambiguousAddress), ("https://0177.0.0.1/", .ambiguousAddress),
    ("https://127.1/", .ambiguousAddress), ("https://256.0.0.1/", .ambiguousAddress),
    ("https://1.2.3.4.5/", .ambiguousAddress), ("https://example.123/", .ambiguousAddress),
    ("https://1.2.3.0x4/", .ambiguousAddress), ("https://a.0x/", .ambiguousAddress),
    ("https://[::1/", .invalidIPv6Address), ("https://[fe80::1%25eth0]/", .invalidIPv6Address),
    ("https://[fe80::1%eth0]/", .invalidIPv6Address), ("https://[1.2.3.4]/", .invalidIPv6Address),
    ("https://[]/", .invalidIPv6Address), ("https://[v1.a]/", .invalidIPv6Address),
    ("https://[::1]x/", .invalidHost), ("https://::1/", .emptyHost),
    ("https://example.com:/", .invalidPort), ("https://example.com:0/", .invalidPort),
    ("https://example.com:65536/", .invalidPort), ("https://example.com:+80/", .invalidPort),
    ("https://example.com:80:80/", .invalidPort),
  ]) func `an ambiguous or broken URL is refused`(text: String, error: URLTargetError) {
    #expect(refusal(text) == error, "\(text)")
    #expect(!error.text.isEmpty)
  }

  @Test func `URL, host and label have their longest`() {
    let label = String(repeating: "a", count: 63)
    #expect(refusal("https://\(label).com/") == nil)
    #expect(refusal("https://\(label)a.com/") == .invalidHost)
    let name = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
    #expect(refusal("https://\(name)/") == nil)
    #expect(refusal("https://\(name)a/") == .invalidHost)
    let path = String(repeating: "p", count: 2048 - "https://a.b/".count)
    #expect(refusal("https://a.b/\(path)") == nil)
    #expect(refusal("https://a.b/\(path)p") == .tooLong)
  }
}
