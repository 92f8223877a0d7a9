import TLS
import Testing

// Goal: our signatures are those of Standard Webhooks, and what is not genuine is refused by name.
// Method: published messages and their signatures, then each thing wrong in turn.
@Suite struct WebhookSignatureTests {
  private static let key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private static let pair =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
  private static let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
  private static let seconds: Int64 = 1_614_265_330
  private static let body = Array(#"{"test": 2432232314}"#.utf8)
  private static let v1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
  private static let v1a =
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

  private func headers(_ signature: String?) -> WebhookHeaders {
    WebhookHeaders(id: Self.id, timestamp: "\(Self.seconds)", signature: signature)
  }

  @discardableResult
  private func verify(
    _ signature: String, _ secrets: [String], body: [UInt8] = Self.body, late: Int64 = 0
  ) throws -> Int {
    try WebhookSignature.verify(
      headers(signature), body: body, secrets: secrets.map { try WebhookSecret(parsing: $0) },
      nowSeconds: Self.seconds + late)
  }

  @Test func `published messages get the published signatures`() throws {
    let secrets = [try WebhookSecret(parsing: Self.key), try WebhookSecret(parsing: Self.pair)]
    #expect(
      WebhookSignature.sign(
        id: Self.id, timestampSeconds: Self.seconds, body: Self.body, secrets: secrets)
        == Self.v1 + " " + Self.v1a)
    #expect(
      WebhookSignature.sign(
        id: "msg_loFOjxBNrRLzqYUf", timestampSeconds: 1_731_705_121,
        body: Array(#"{"event_type":"ping","data":{"success":true}}"#.utf8),
        secrets: [try WebhookSecret(parsing: "whsec_plJ3nmyCDGBKInavdOK15jsl")])
        == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=")
  }

  @Test func `a genuine message is accepted by either kind of key`() throws {
    try verify(Self.v1, [Self.key])
    try verify(Self.v1a, [Self.pair])
    let publicText = try WebhookSecret(parsing: Self.pair).verifier.text
    #expect(publicText.hasPrefix("whpk_"))
    try verify(Self.v1a, [publicText])
  }

  @Test func `during a rotation old and new secret both fit, and which is told`() throws {
    let new = WebhookSignature.generateSecret()
    let secrets = [try WebhookSecret(parsing: new), try WebhookSecret(parsing: Self.key)]
    let both = WebhookSignature.sign(
      id: Self.id, timestampSeconds: Self.seconds, body: Self.body, secrets: secrets)
    #expect(both.split(separator: " ").count == 2)
    #expect(try verify(both, [new]) == 0)
    #expect(try verify(both, [Self.key]) == 0)
    #expect(try verify(Self.v1, [new, Self.key]) == 1)
  }

  @Test func `unknown versions are ignored`() throws {
    try verify("v9,AAAA v2 ,,, v1,!!! \(Self.v1) v1b,x", [Self.key])
    #expect(throws: VerifyError.noUsableVersion(found: "v9 v1a")) {
      try verify("v9,AAAA \(Self.v1a)", [Self.key])
    }
    #expect(throws: VerifyError.noUsableVersion(found: "v1")) { try verify(Self.v1, []) }
  }

  @Test func `a changed body, id, time or secret fits no signature`() throws {
    #expect(throws: VerifyError.noMatch) {
      try verify(Self.v1, [Self.key], body: Self.body + [0x20])
    }
    #expect(throws: VerifyError.noMatch) {
      try verify(Self.v1a, [Self.pair], body: Array(Self.body.dropLast()))
    }
    #expect(throws: VerifyError.noMatch) {
      try verify(Self.v1, [WebhookSignature.generateSecret()])
    }
    var changed = headers(Self.v1)
    changed.id = "msg_other"
    #expect(throws: VerifyError.noMatch) { try check(changed) }
    changed = headers(Self.v1)
    changed.timestamp = "\(Self.seconds + 1)"
    #expect(throws: VerifyError.noMatch) { try check(changed) }
  }

  @Test(arguments: ["v1,", "v1", "v1,AAAA", "v1," + String(repeating: "A", count: 44)])
  func `a signature of the wrong length is no match and no crash`(signature: String) {
    #expect(throws: VerifyError.noMatch) { try verify(signature, [Self.key]) }
  }

  @Test func `the tolerance holds in both directions, to the second`() throws {
    try verify(Self.v1, [Self.key], late: 300)
    try verify(Self.v1, [Self.key], late: -300)
    #expect(throws: VerifyError.tooOld(ageSeconds: 301, toleranceSeconds: 300)) {
      try verify(Self.v1, [Self.key], late: 301)
    }
    #expect(throws: VerifyError.tooNew(aheadSeconds: 301, toleranceSeconds: 300)) {
      try verify(Self.v1, [Self.key], late: -301)
    }
  }

  @Test(arguments: ["abc", "+1614265330", "-5", "1e9", " 1614265330", "99999999999999999999"])
  func `a timestamp that is no number is refused`(text: String) {
    var wrong = headers(Self.v1)
    wrong.timestamp = text
    #expect(throws: VerifyError.timestampUnreadable) { try check(wrong) }
  }

  @Test func `a missing header is named`() {
    for (index, name) in ["webhook-id", "webhook-timestamp", "webhook-signature"].enumerated() {
      var values: [String?] = [Self.id, "\(Self.seconds)", Self.v1]
      values[index] = nil
      let missing = WebhookHeaders(id: values[0], timestamp: values[1], signature: values[2])
      #expect(throws: VerifyError.headerMissing(name)) { try check(missing) }
    }
  }

  @Test func `headers are found by either family's names`() {
    let svix = ["svix-id": "a", "svix-timestamp": "1", "svix-signature": "v1,x"]
    #expect(
      WebhookHeaders { svix[$0] } == WebhookHeaders(id: "a", timestamp: "1", signature: "v1,x"))
    let both = svix.merging(["webhook-id": "b", "webhook-signature": "v1,y"]) { $1 }
    #expect(
      WebhookHeaders { both[$0] } == WebhookHeaders(id: "b", timestamp: nil, signature: "v1,y"))
  }

  private func check(_ headers: WebhookHeaders) throws {
    try WebhookSignature.verify(
      headers, body: Self.body, secrets: [try WebhookSecret(parsing: Self.key)],
      nowSeconds: Self.seconds)
  }
}

// Goal: secrets survive their text, and text that is no secret is refused.
// Method: round trips and bad texts.
@Suite struct WebhookSecretTests {
  @Test func `new secrets read back, differ and have the standard length`() throws {
    let one = WebhookSecret.makeSymmetric()
    #expect(one != WebhookSecret.makeSymmetric())
    #expect(one.hasStandardLength)
    #expect(one.text.hasPrefix("whsec_") && !one.text.hasSuffix("="))
    #expect(try WebhookSecret(parsing: one.text) == one)
    let pair = WebhookSecret.makeSigning()
    #expect(try WebhookSecret(parsing: pair.text) == pair)
    #expect(try WebhookSecret(parsing: pair.verifier.text) == pair.verifier)
  }

  @Test func `padding may be missing`() throws {
    let padded = try WebhookSecret(parsing: "whsec_AAECAwQFBgcICQoLDA0ODw==")
    #expect(padded.bytes == Array(0...15))
    #expect(try WebhookSecret(parsing: "whsec_AAECAwQFBgcICQoLDA0ODw") == padded)
    #expect(!padded.hasStandardLength)
  }

  @Test(arguments: ["whsec_not base64", "whsec_A", "whsec_AAA-", "whsec_AA=A", "whsec_AAAA\n"])
  func `text that is no base64 is refused`(text: String) {
    #expect(throws: WebhookSecretError.notBase64) { try WebhookSecret(parsing: text) }
  }

  @Test(arguments: [("", 0), ("whsec_", 0), ("whsk_AAAA", 3), ("whpk_AAAA", 3)])
  func `keys of the wrong length are refused`(text: String, count: Int) {
    #expect {
      try WebhookSecret(parsing: text)
    } throws: {
      guard case .lengthWrong(count, _) = $0 as? WebhookSecretError else { return false }
      return true
    }
  }
}

// Goal: GitHub's and Stripe's schemes as they are documented.
// Method: GitHub's published message; Stripe's form round trip and each thing wrong.
@Suite struct HMACSignatureTests {
  private static let secret = "It's a Secret to Everybody"
  private static let body = Array("Hello, World!".utf8)
  private static let published =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

  @Test func `GitHub's published message has its published signature`() throws {
    #expect(HMACSignature.gitHub(body: Self.body, secret: Self.secret) == Self.published)
    try HMACSignature.verifyGitHub(Self.published, body: Self.body, secret: Self.secret)
  }

  @Test func `a GitHub message that is not genuine is refused`() {
    #expect(throws: VerifyError.noMatch) {
      try HMACSignature.verifyGitHub(Self.published, body: [], secret: Self.secret)
    }
    #expect(throws: VerifyError.noUsableVersion(found: "sha1")) {
      try HMACSignature.verifyGitHub("sha1=00", body: Self.body, secret: Self.secret)
    }
    #expect(throws: VerifyError.headerMissing("x-hub-signature-256")) {
      try HMACSignature.verifyGitHub(nil, body: Self.body, secret: Self.secret)
    }
  }

  @Test func `Stripe's header verifies with either of two secrets`() throws {
    let header = HMACSignature.stripe(
      timestampSeconds: 1_000, body: Self.body, secrets: ["whsec_old", "whsec_new"])
    #expect(header.hasPrefix("t=1000,v1="))
    for secret in ["whsec_old", "whsec_new"] {
      try HMACSignature.verifyStripe(
        header + ",v0=x", body: Self.body, secret: secret, nowSeconds: 1_300)
    }
  }

  @Test func `a Stripe message that is not genuine is refused`() {
    let header = HMACSignature.stripe(timestampSeconds: 1_000, body: Self.body, secrets: ["a"])
    #expect(throws: VerifyError.noMatch) {
      try HMACSignature.verifyStripe(header, body: Self.body, secret: "b", nowSeconds: 1_000)
    }
    #expect(throws: VerifyError.tooOld(ageSeconds: 301, toleranceSeconds: 300)) {
      try HMACSignature.verifyStripe(header, body: Self.body, secret: "a", nowSeconds: 1_301)
    }
    #expect(throws: VerifyError.noUsableVersion(found: "no v1")) {
      try HMACSignature.verifyStripe("t=1000", body: Self.body, secret: "a", nowSeconds: 1_000)
    }
    #expect(throws: VerifyError.timestampUnreadable) {
      try HMACSignature.verifyStripe("v1=00", body: Self.body, secret: "a", nowSeconds: 1_000)
    }
  }
}
