/// The three headers of a signed webhook, by either family's names.
public struct WebhookHeaders: Sendable, Equatable {
  /// `webhook-id`, the same at every attempt.
  public var id: String?
  /// `webhook-timestamp`, unix seconds of the attempt as text.
  public var timestamp: String?
  /// `webhook-signature`, a list separated by spaces.
  public var signature: String?

  /// Headers by value; `nil` for one that is missing.
  public init(id: String?, timestamp: String?, signature: String?) {
    self.id = id
    self.timestamp = timestamp
    self.signature = signature
  }

  /// Finds the headers in a message: `webhook-*`, or `svix-*` when there is none of those.
  ///
  /// - Parameter value: looks up a header by its lower-case name.
  public init(_ value: (String) -> String?) {
    let family = ["webhook", "svix"].first { value("\($0)-signature") != nil } ?? "webhook"
    id = value("\(family)-id")
    timestamp = value("\(family)-timestamp")
    signature = value("\(family)-signature")
  }
}

/// Why a message is not taken for genuine. The text may be shown to its sender.
public enum VerifyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// This header is missing or empty.
  case headerMissing(String)
  /// The timestamp is no number of seconds.
  case timestampUnreadable
  /// The message is older than the tolerance allows, by its own timestamp.
  case tooOld(ageSeconds: Int64, toleranceSeconds: Int64)
  /// The timestamp lies further in the future than the tolerance allows.
  case tooNew(aheadSeconds: Int64, toleranceSeconds: Int64)
  /// No signature in the list is of a version that one of the secrets can check.
  case noUsableVersion(found: String)
  /// None of the signatures fits: another secret, or the message was changed.
  case noMatch

  /// One sentence for a user.
  public var description: String {
    switch self {
    case .headerMissing(let name): "the header \(name) is missing"
    case .timestampUnreadable: "the timestamp is not a number of unix seconds"
    case .tooOld(let age, let tolerance):
      "the message is \(age) s old, more than the \(tolerance) s allowed"
    case .tooNew(let ahead, let tolerance):
      "the timestamp is \(ahead) s in the future, more than the \(tolerance) s allowed"
    case .noUsableVersion(let found):
      "no signature is of a version that the secret can check (found: \(found))"
    case .noMatch: "no signature matches: the secret is another one, or the message was changed"
    }
  }
}

/// Signs and verifies messages as Standard Webhooks 1.0.0 says, outside the delivery path.
///
/// > Source: standard-webhooks, `spec/standard-webhooks.md`; answers of known messages are in
/// > `WebhookSignatureTests`.
public enum WebhookSignature {
  /// Clocks may differ by this much, in either direction.
  public static let toleranceSecondsDefault: Int64 = 300

  /// Signatures looked at in one header; more than any rotation needs.
  static let signaturesMax = 32

  /// The text of a new symmetric secret, `whsec_…`.
  public static func generateSecret() -> String { WebhookSecret.makeSymmetric().text }

  /// The value of `webhook-signature`: one signature for each secret that signs, in their order, so
  /// that receivers with the old secret and with the new one both accept it.
  public static func sign(
    id: String, timestampSeconds: Int64, body: [UInt8], secrets: [WebhookSecret]
  ) -> String {
    let message = signed(id: id, timestamp: "\(timestampSeconds)", body: body)
    return secrets.compactMap { secret in
      switch secret.kind {
      case .symmetric:
        "v1," + Base64Text.encode(HMACSignature.bytes(of: message, key: secret.bytes))
      case .signing: secret.ed25519.map { "v1a," + Base64Text.encode($0.sign(message)) }
      case .verifying: nil
      }
    }.joined(separator: " ")
  }

  /// Verifies a message.
  ///
  /// - Parameters:
  ///   - headers: the message's headers.
  ///   - body: its body, the very bytes.
  ///   - secrets: any of them may have signed.
  ///   - toleranceSeconds: how far the timestamp may be from `nowSeconds`, either way.
  ///   - nowSeconds: unix seconds.
  /// - Returns: the index of the secret that fits.
  /// - Throws: ``VerifyError``; refuse the message.
  @discardableResult
  public static func verify(
    _ headers: WebhookHeaders, body: [UInt8], secrets: [WebhookSecret],
    toleranceSeconds: Int64 = toleranceSecondsDefault, nowSeconds: Int64
  ) throws(VerifyError) -> Int {
    let id = try present(headers.id, "webhook-id")
    let timestamp = try present(headers.timestamp, "webhook-timestamp")
    let list = try present(headers.signature, "webhook-signature")
    try checkTime(timestamp, toleranceSeconds: toleranceSeconds, nowSeconds: nowSeconds)
    let candidates = list.split(separator: " ").prefix(signaturesMax).map(Candidate.init)
    let message = signed(id: id, timestamp: timestamp, body: body)
    var wasChecked = false
    for (index, secret) in secrets.enumerated() {
      let usable = candidates.filter { $0.version == version(of: secret) }
      guard !usable.isEmpty else { continue }
      wasChecked = true
      if fits(secret, usable, message) { return index }
    }
    guard wasChecked else {
      let found = candidates.map { String($0.version.prefix(16)) }
      throw .noUsableVersion(found: found.isEmpty ? "none" : found.joined(separator: " "))
    }
    throw .noMatch
  }

  private struct Candidate {
    let version: Substring
    let bytes: [UInt8]

    init(_ text: Substring) {
      let comma = text.firstIndex(of: ",") ?? text.endIndex
      version = text[..<comma]
      bytes = Base64Text.decode(text[comma...].dropFirst()) ?? []
    }
  }

  private static func version(of secret: WebhookSecret) -> Substring {
    secret.kind == .symmetric ? "v1" : "v1a"
  }

  private static func fits(
    _ secret: WebhookSecret, _ candidates: [Candidate], _ message: [UInt8]
  ) -> Bool {
    if let key = secret.ed25519 {
      return candidates.contains { key.verifies($0.bytes, of: message) }
    }
    let expected = HMACSignature.bytes(of: message, key: secret.bytes)
    return candidates.contains { constantTimeEquals($0.bytes, expected) }
  }

  private static func signed(id: String, timestamp: String, body: [UInt8]) -> [UInt8] {
    Array("\(id).\(timestamp).".utf8) + body
  }

  private static func present(_ value: String?, _ name: String) throws(VerifyError) -> String {
    guard let value, !value.isEmpty else { throw .headerMissing(name) }
    return value
  }

  /// Shared with the other schemes that carry unix seconds.
  static func checkTime(
    _ timestamp: String, toleranceSeconds: Int64, nowSeconds: Int64
  ) throws(VerifyError) {
    guard timestamp.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let seconds = Int64(timestamp)
    else { throw .timestampUnreadable }
    let (age, overflow) = nowSeconds.subtractingReportingOverflow(seconds)
    guard !overflow else { throw .timestampUnreadable }
    if age > toleranceSeconds {
      throw .tooOld(ageSeconds: age, toleranceSeconds: toleranceSeconds)
    }
    if -age > toleranceSeconds {
      throw .tooNew(aheadSeconds: -age, toleranceSeconds: toleranceSeconds)
    }
  }
}
