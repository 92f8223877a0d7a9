/// HMAC-SHA256 as text, and the schemes of others that are made of it: GitHub's and Stripe's.
///
/// In both, the key is the secret's text itself, not what it may decode to.
public enum HMACSignature {
  /// The 32 bytes of a signature of `message`.
  public static func bytes(of message: [UInt8], key: [UInt8]) -> [UInt8] {
    var signer = MessageSigner(key: key)
    var signature = [UInt8](repeating: 0, count: MessageSigner.signatureCount)
    unsafe message.withUnsafeBytes { message in
      unsafe signature.withUnsafeMutableBytes {
        unsafe signer.sign(
          prefix: UnsafeRawBufferPointer(start: nil, count: 0), body: message, into: $0)
      }
    }
    return signature
  }

  /// The value of `X-Hub-Signature-256`: `sha256=` and hexadecimal.
  public static func gitHub(body: [UInt8], secret: String) -> String {
    "sha256=" + Digest.hex(bytes(of: body, key: Array(secret.utf8)))
  }

  /// Verifies the value of an `X-Hub-Signature-256`.
  ///
  /// - Throws: ``VerifyError``; refuse the message.
  public static func verifyGitHub(
    _ header: String?, body: [UInt8], secret: String
  ) throws(VerifyError) {
    guard let header, !header.isEmpty else { throw .headerMissing("x-hub-signature-256") }
    guard header.hasPrefix("sha256=") else {
      throw .noUsableVersion(found: String(header.prefix { $0 != "=" }.prefix(16)))
    }
    guard isSame(header.lowercased(), gitHub(body: body, secret: secret)) else { throw .noMatch }
  }

  /// The value of `Stripe-Signature`: `t=<unix seconds>,v1=<hexadecimal>`, a `v1` for each secret.
  public static func stripe(timestampSeconds: Int64, body: [UInt8], secrets: [String]) -> String {
    let message = Array("\(timestampSeconds).".utf8) + body
    return secrets.reduce("t=\(timestampSeconds)") { header, secret in
      header + ",v1=" + Digest.hex(bytes(of: message, key: Array(secret.utf8)))
    }
  }

  /// Verifies the value of a `Stripe-Signature`; parts of an unknown name are ignored.
  ///
  /// - Parameters:
  ///   - header: the header's value.
  ///   - body: the message's body, the very bytes.
  ///   - secret: the secret's text.
  ///   - toleranceSeconds: how far the timestamp may be from `nowSeconds`, either way.
  ///   - nowSeconds: unix seconds.
  /// - Throws: ``VerifyError``; refuse the message.
  public static func verifyStripe(
    _ header: String?, body: [UInt8], secret: String,
    toleranceSeconds: Int64 = WebhookSignature.toleranceSecondsDefault, nowSeconds: Int64
  ) throws(VerifyError) {
    guard let header, !header.isEmpty else { throw .headerMissing("stripe-signature") }
    let parts = header.split(separator: ",").prefix(WebhookSignature.signaturesMax)
    guard let timestamp = parts.first(where: { $0.hasPrefix("t=") })?.dropFirst(2),
      !timestamp.isEmpty
    else { throw .timestampUnreadable }
    try WebhookSignature.checkTime(
      String(timestamp), toleranceSeconds: toleranceSeconds, nowSeconds: nowSeconds)
    let signatures = parts.filter { $0.hasPrefix("v1=") }.map { $0.dropFirst(3) }
    guard !signatures.isEmpty else { throw .noUsableVersion(found: "no v1") }
    let message = Array("\(timestamp).".utf8) + body
    let expected = Digest.hex(bytes(of: message, key: Array(secret.utf8)))
    guard signatures.contains(where: { isSame($0.lowercased(), expected) }) else {
      throw .noMatch
    }
  }

  private static func isSame(_ a: String, _ b: String) -> Bool {
    constantTimeEquals(Array(a.utf8), Array(b.utf8))
  }
}
