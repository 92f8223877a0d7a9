import COpenSSL

/// Why something sealed cannot be opened, or why there is no key to seal with.
public enum SealerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The key file cannot be read or made; what the system says.
  case keyFile(path: String, reason: String)
  /// Others than its owner may read the key file.
  case keyFileExposed(path: String, mode: String)
  /// The key file does not hold what it should; the line where it does not.
  case keyFileMalformed(path: String, line: Int)
  /// The bytes were not made by a sealer, or by a later version of it.
  case notSealed
  /// They were sealed with a key that is not at hand.
  case keyUnknown(needed: String, available: [String])
  /// The bytes or their context were changed after they were sealed.
  case tampered

  /// One sentence for a user, with the way out where there is one.
  public var description: String {
    switch self {
    case .keyFile(let path, let reason): "key file \(path): \(reason)"
    case .keyFileExposed(let path, let mode):
      "key file \(path) may be read by others (mode \(mode)); chmod 600 \(path)"
    case .keyFileMalformed(let path, let line):
      "key file \(path), line \(line): not the base64 of 32 bytes"
    case .notSealed: "the stored secret has no form that this version can open"
    case .keyUnknown(let needed, let available):
      "the secret was sealed with key \(needed), but the key file holds "
        + available.joined(separator: ", ")
    case .tampered: "the stored secret was changed after it was sealed, or belongs elsewhere"
    }
  }
}

/// Seals secrets for storage by AES-256-GCM, each bound to the place it is for.
///
/// | Offset, bytes | Size | Field |
/// | --- | --- | --- |
/// | 0 | 1 | version, 1 |
/// | 1 | 4 | id of the key, big-endian |
/// | 5 | 12 | nonce, random |
/// | 17 | n | ciphertext |
/// | 17 + n | 16 | tag, over the first 5 bytes, the context and the plain bytes |
///
/// A random nonce is good for 2³² seals with one key, far more than a broker has secrets.
public struct Sealer: Sendable {
  private struct Key: Sendable {
    let id: UInt32
    let bytes: [UInt8]
  }

  /// Bytes in a key.
  public static let keyCount = 32
  /// Bytes that sealing adds.
  public static let overheadCount = headerCount + nonceCount + tagCount

  private static let version: UInt8 = 1
  private static let headerCount = 5
  private static let nonceCount = 12
  private static let tagCount = 16

  /// The first seals; each opens.
  private let keys: [Key]

  /// A sealer with these keys.
  ///
  /// - Parameters:
  ///   - key: seals and opens; 32 bytes.
  ///   - formerKeys: open what was sealed before the key was changed.
  /// - Precondition: every key has 32 bytes.
  public init(key: [UInt8], formerKeys: [[UInt8]] = []) {
    keys = ([key] + formerKeys).map { bytes in
      precondition(bytes.count == Self.keyCount, "a sealing key has 32 bytes")
      return Key(id: Self.id(of: bytes), bytes: bytes)
    }
  }

  /// A sealer with the keys in a file, which is made with a new key if it is absent.
  ///
  /// Each line is the base64 of 32 bytes; the first seals, those below open what is older.
  ///
  /// - Throws: ``SealerError``; the broker must not start.
  public init(keyFile path: String) throws(SealerError) {
    let keys = try SealingKeyFile(path: path).load()
    self.init(key: keys[0], formerKeys: Array(keys.dropFirst()))
  }

  /// A sealer with a new key, which stands in this sealer's file before those that were there: they
  /// open what they have sealed.
  ///
  /// - Throws: ``SealerError``: the file does not hold this sealer's key, or cannot be written; it is
  ///   as it was, or holds the new key in addition.
  public func addingKey(toFile path: String) throws(SealerError) -> Sealer {
    let file = SealingKeyFile(path: path)
    let former = try file.loadExisting()
    guard former.contains(keys[0].bytes) else {
      throw .keyUnknown(needed: keyID, available: former.map { Self.text(Self.id(of: $0)) })
    }
    let next = SecureRandom.bytes(Self.keyCount)
    try file.replace(with: [next] + former)
    return Sealer(key: next, formerKeys: former)
  }

  /// Leaves nothing but this sealer's own key in the file.
  public func keepOwnKey(inFile path: String) throws(SealerError) {
    try SealingKeyFile(path: path).replace(with: [keys[0].bytes])
  }

  /// The id of the key that seals, eight hexadecimal digits; tells nothing about the key.
  public var keyID: String { Self.text(keys[0].id) }

  /// The id of the key that sealed these bytes; `nil` when they are not sealed.
  public static func keyID(of sealed: [UInt8]) -> String? { readID(sealed).map(text) }

  /// Seals `plain`.
  ///
  /// - Parameters:
  ///   - plain: the secret.
  ///   - context: what it is for, for instance the endpoint's id; must be the same to open.
  public func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8] {
    let key = keys[0]
    let header = Self.header(key.id)
    let nonce = SecureRandom.bytes(Self.nonceCount)
    guard
      let (bytes, tag) = Self.run(
        key.bytes, nonce, sealing: true, header + context, input: plain, tag: [])
    else { stop("AES-256-GCM does not seal") }
    return header + nonce + bytes + tag
  }

  /// Opens what ``seal(_:context:)`` made.
  ///
  /// - Throws: ``SealerError/notSealed``, ``SealerError/keyUnknown(needed:available:)`` or
  ///   ``SealerError/tampered``.
  public func open(_ sealed: [UInt8], context: [UInt8]) throws(SealerError) -> [UInt8] {
    guard let id = Self.readID(sealed) else { throw .notSealed }
    guard let key = keys.first(where: { $0.id == id }) else {
      throw .keyUnknown(needed: Self.text(id), available: keys.map { Self.text($0.id) })
    }
    let nonceEnd = Self.headerCount + Self.nonceCount
    let tagStart = sealed.count - Self.tagCount
    let opened = Self.run(
      key.bytes, Array(sealed[Self.headerCount..<nonceEnd]), sealing: false,
      Array(sealed[..<Self.headerCount]) + context, input: Array(sealed[nonceEnd..<tagStart]),
      tag: Array(sealed[tagStart...]))
    guard let opened else { throw .tampered }
    return opened.bytes
  }

  private static func id(of key: [UInt8]) -> UInt32 {
    Digest.sha256(Array("fanfare sealing key".utf8) + key).prefix(4).reduce(0) {
      $0 << 8 | UInt32($1)
    }
  }

  private static func text(_ id: UInt32) -> String {
    Digest.hex(Array(header(id).dropFirst()))
  }

  private static func header(_ id: UInt32) -> [UInt8] {
    [version] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: id >> $0) }
  }

  private static func readID(_ sealed: [UInt8]) -> UInt32? {
    guard sealed.count >= overheadCount, sealed[0] == version else { return nil }
    return sealed[1..<headerCount].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// One run of the cipher.
  ///
  /// - Returns: `nil` when the tag does not fit; else the output, and the tag when sealing.
  private static func run(
    _ key: [UInt8], _ nonce: [UInt8], sealing: Bool, _ authenticated: [UInt8], input: [UInt8],
    tag: [UInt8]
  ) -> (bytes: [UInt8], tag: [UInt8])? {
    let cipher = unsafe EVP_CIPHER_CTX_new()
    defer {
      unsafe EVP_CIPHER_CTX_free(cipher)
      ERR_clear_error()
    }
    var output = [UInt8](repeating: 0, count: input.count)
    var tag = sealing ? [UInt8](repeating: 0, count: tagCount) : tag
    var count: Int32 = 0
    guard
      unsafe EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce, sealing ? 1 : 0) == 1,
      unsafe EVP_CipherUpdate(cipher, nil, &count, authenticated, Int32(authenticated.count)) == 1,
      unsafe EVP_CipherUpdate(cipher, &output, &count, input, Int32(input.count)) == 1
    else { stop("AES-256-GCM does not run") }
    let tagSize = Int32(tagCount)
    if !sealing {
      _ = unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, tagSize, &tag)
    }
    // GCM has no padding: the end gives no bytes, only the verdict.
    var rest = [UInt8](repeating: 0, count: tagCount)
    guard unsafe EVP_CipherFinal_ex(cipher, &rest, &count) == 1 else { return nil }
    if sealing {
      _ = unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, tagSize, &tag)
    }
    return (output, tag)
  }
}
