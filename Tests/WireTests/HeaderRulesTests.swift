// Goal: no custom header can change how a request is framed, routed or signed.
// Method: tables.
import Testing
import Wire

@Suite struct HeaderRulesTests {
  private func refusal(_ headers: [(name: String, value: String)]) -> HeaderError? {
    do {
      try HeaderRules.validate(headers)
      return nil
    } catch { return error }
  }

  @Test func `ordinary headers pass`() {
    let headers = [
      (name: "Authorization", value: "Bearer x.y-z"), (name: "X-Tenant", value: "gr\u{FC}n\ta b"),
      (name: "x-empty", value: ""), (name: "!#$%&'*+-.^_`|~9", value: "1"),
    ]
    #expect(refusal(headers) == nil)
  }

  @Test(arguments: [
    "Host", "content-length", "Transfer-Encoding", "CONNECTION", "webhook-id",
    "Webhook-Signature", "svix-timestamp", "ce-id", "User-Agent", "Content-Type", "TE",
    "Accept-Encoding", "Expect", "Upgrade", "Proxy-Authorization",
  ]) func `a name that Fanfare sets is refused`(name: String) {
    #expect(refusal([(name: name, value: "x")]) == .reserved(name))
  }

  @Test(arguments: ["", "a b", "a:", "a\r\nb", "gr\u{FC}n", "a\0", "(a)", "a,b", "\"a\""])
  func `what is no token is refused`(name: String) {
    #expect(refusal([(name: name, value: "x")]) == .invalidName(name))
  }

  @Test(arguments: ["a\r\nX: y", "a\nb", "a\0b", "a\u{7F}", "\u{1B}[2J", " a", "a\t"])
  func `a value with control characters or blank ends is refused`(value: String) {
    #expect(refusal([(name: "x", value: value)]) == .invalidValue("x"))
  }

  @Test func `headers have their bounds`() {
    let longest = String(repeating: "v", count: HeaderRules.valueBytesMax)
    #expect(refusal([(name: "x", value: longest)]) == nil)
    #expect(refusal([(name: "x", value: longest + "v")]) == .valueTooLong("x"))
    #expect(refusal([(name: "a", value: longest), (name: "b", value: longest)]) == .tooMany)
    let many = (0...HeaderRules.countMax).map { (name: "x\($0)", value: "") }
    #expect(refusal(many) == .tooMany)
    #expect(refusal([(name: "a", value: "1"), (name: "A", value: "2")]) == .duplicate("A"))
  }

  @Test func `a refusal never shows the value`() {
    let error = refusal([(name: "authorization", value: "secret\n")])
    #expect(error?.text.contains("secret") == false)
  }
}
