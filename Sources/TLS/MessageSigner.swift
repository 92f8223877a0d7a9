import COpenSSL

/// Signs webhook messages by HMAC-SHA256 under one key.
///
/// The keyed context is kept: starting again from it spares two of the blocks that are hashed.
/// Nothing is allocated for a signature.
///
/// > Runs on: one thread at a time.
@safe
public struct MessageSigner: ~Copyable, @unchecked Sendable {
  /// Bytes in a signature.
  public static let signatureCount = 32
  /// Characters in `v1,` and the base64 of a signature.
  public static let signatureTextCount = 47

  private let context: HMACContext.Pointer

  /// Keeps `key`, which may be wiped afterwards.
  public init(key: UnsafeRawBufferPointer) {
    unsafe context = HMACContext.make()
    unsafe HMACContext.setKey(context, key)
  }

  /// Keeps `key`.
  public init(key: [UInt8]) {
    unsafe context = HMACContext.make()
    unsafe key.withUnsafeBytes { unsafe HMACContext.setKey(context, $0) }
  }

  deinit { unsafe HMACContext.free(context) }

  /// Signs `id.timestamp.body`, as Standard Webhooks `v1` does.
  ///
  /// - Parameters:
  ///   - id: the `webhook-id`.
  ///   - timestampSeconds: the `webhook-timestamp`, unix seconds of this attempt.
  ///   - body: the bytes that are sent.
  ///   - signature: gets 32 bytes at its start.
  public mutating func sign(
    id: UnsafeRawBufferPointer, timestampSeconds: Int64, body: UnsafeRawBufferPointer,
    into signature: UnsafeMutableRawBufferPointer
  ) {
    unsafe HMACContext.sign(
      context, id: id, timestampSeconds: timestampSeconds, body: body, into: signature)
  }

  /// Signs `prefix` and `body` with nothing between them, as other schemes need.
  ///
  /// - Parameters:
  ///   - prefix: the first part; may be empty.
  ///   - body: the second part.
  ///   - signature: gets 32 bytes at its start.
  public mutating func sign(
    prefix: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer,
    into signature: UnsafeMutableRawBufferPointer
  ) {
    unsafe HMACContext.sign(context, prefix: prefix, body: body, into: signature)
  }

  /// Writes the text of a signature as it stands in `webhook-signature`: `v1,` and base64.
  ///
  /// - Parameters:
  ///   - signature: the 32 bytes of a signature.
  ///   - text: gets 47 characters at its start.
  public static func writeText(
    of signature: UnsafeRawBufferPointer, into text: UnsafeMutableRawBufferPointer
  ) {
    precondition(signature.count >= signatureCount && text.count >= signatureTextCount)
    unsafe text[0] = UInt8(ascii: "v")
    unsafe text[1] = UInt8(ascii: "1")
    unsafe text[2] = UInt8(ascii: ",")
    // One more than base64 takes: libcrypto ends its text with a NUL.
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: signatureTextCount - 2) {
      let start = unsafe signature.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let count = unsafe EVP_EncodeBlock($0.baseAddress, start, Int32(signatureCount))
      let encoded = unsafe UnsafeRawBufferPointer(start: $0.baseAddress, count: Int(count))
      unsafe UnsafeMutableRawBufferPointer(rebasing: text[3...]).copyMemory(from: encoded)
    }
  }
}
