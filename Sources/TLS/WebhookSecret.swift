/// What is wrong with the text of a webhook secret.
public enum WebhookSecretError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The part after the prefix is no base64.
  case notBase64
  /// So many bytes are too few or too many for this kind of secret.
  case lengthWrong(count: Int, expected: String)

  /// One sentence for a user; never the secret.
  public var description: String {
    switch self {
    case .notBase64: "the secret is not base64 after its prefix"
    case .lengthWrong(let count, let expected):
      "the secret has \(count) bytes where \(expected) are needed"
    }
  }
}

/// A secret or key by which webhook messages are signed or verified.
///
/// Its text is Standard Webhooks': `whsec_` (symmetric), `whsk_` (Ed25519, signs) or `whpk_`
/// (Ed25519, verifies), then base64. The bytes, not the text, are the key.
public struct WebhookSecret: Sendable, Hashable {
  /// What a secret can do.
  public enum Kind: String, Sendable, CaseIterable {
    /// HMAC-SHA256: signs and verifies `v1`.
    case symmetric = "whsec_"
    /// Ed25519 with its private half: signs and verifies `v1a`.
    case signing = "whsk_"
    /// Ed25519, public half only: verifies `v1a`.
    case verifying = "whpk_"
  }

  /// What it can do.
  public let kind: Kind
  /// The key: of ``Kind/signing`` seed and public half, 64 bytes; of ``Kind/verifying`` 32 bytes.
  public let bytes: [UInt8]

  /// Bytes in a new symmetric secret: 192 bits, whose base64 needs no padding.
  public static let newCount = 24

  /// The longest key that is taken: longer than the hash's block it would only be hashed first.
  public static let symmetricCountMax = 512

  /// Reads the text of a secret; without a prefix it is symmetric.
  ///
  /// - Throws: ``WebhookSecretError``; tell the user.
  public init(parsing text: String) throws(WebhookSecretError) {
    var kind = Kind.symmetric
    var encoded = Substring(text)
    if let found = Kind.allCases.first(where: { text.hasPrefix($0.rawValue) }) {
      kind = found
      encoded = encoded.dropFirst(found.rawValue.count)
    }
    guard let bytes = Base64Text.decode(encoded) else { throw .notBase64 }
    switch kind {
    case .symmetric: try self.init(symmetric: bytes)
    case .signing: try self.init(signing: bytes)
    case .verifying: try self.init(verifying: bytes)
    }
  }

  /// A symmetric secret of these bytes, for schemes whose key is any text as well.
  public init(symmetric bytes: [UInt8]) throws(WebhookSecretError) {
    guard (1...Self.symmetricCountMax).contains(bytes.count) else {
      throw .lengthWrong(count: bytes.count, expected: "1 to \(Self.symmetricCountMax)")
    }
    kind = .symmetric
    self.bytes = bytes
  }

  /// An Ed25519 key that signs, from its seed, with or without the public half after it.
  public init(signing bytes: [UInt8]) throws(WebhookSecretError) {
    guard bytes.count == 32 || bytes.count == 64,
      let key = Ed25519Key(seed: Array(bytes.prefix(Ed25519Key.seedCount)))
    else { throw .lengthWrong(count: bytes.count, expected: "32 or 64") }
    kind = .signing
    self.bytes = bytes.prefix(Ed25519Key.seedCount) + key.publicBytes
  }

  private init(verifying bytes: [UInt8]) throws(WebhookSecretError) {
    guard Ed25519Key(publicBytes: bytes) != nil else {
      throw .lengthWrong(count: bytes.count, expected: "32")
    }
    kind = .verifying
    self.bytes = bytes
  }

  private init(_ kind: Kind, unchecked bytes: [UInt8]) {
    self.kind = kind
    self.bytes = bytes
  }

  /// A new symmetric secret.
  public static func makeSymmetric() -> WebhookSecret {
    WebhookSecret(.symmetric, unchecked: SecureRandom.bytes(newCount))
  }

  /// A new Ed25519 key pair.
  public static func makeSigning() -> WebhookSecret {
    let seed = SecureRandom.bytes(Ed25519Key.seedCount)
    guard let key = Ed25519Key(seed: seed) else { stop("no Ed25519") }
    return WebhookSecret(.signing, unchecked: seed + key.publicBytes)
  }

  /// The text that ``init(parsing:)`` reads. For the answer that creates the secret, not for logs.
  public var text: String { kind.rawValue + Base64Text.encode(bytes) }

  /// What a receiver needs to verify: the public half of a key pair; of a symmetric secret itself.
  public var verifier: WebhookSecret {
    guard kind == .signing else { return self }
    return WebhookSecret(.verifying, unchecked: Array(bytes.suffix(Ed25519Key.publicCount)))
  }

  /// Whether it has 24 to 64 bytes, as the specification asks of symmetric secrets. Shorter ones
  /// are around and verify all the same; endpoints are not given them.
  public var hasStandardLength: Bool { kind != .symmetric || (24...64).contains(bytes.count) }

  /// The Ed25519 key of a secret that is one.
  var ed25519: Ed25519Key? {
    switch kind {
    case .symmetric: nil
    case .signing: Ed25519Key(seed: Array(bytes.prefix(Ed25519Key.seedCount)))
    case .verifying: Ed25519Key(publicBytes: bytes)
    }
  }
}
