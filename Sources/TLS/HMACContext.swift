import COpenSSL

/// The calls on OpenSSL's keyed HMAC context. Its owners are ``MessageSigner`` and
/// ``SignerCache``. None of the calls can fail but for want of memory.
enum HMACContext {
  /// The algorithm, looked up once: a lookup takes longer than a signature.
  @safe
  private struct Algorithm: @unchecked Sendable {
    let pointer: OpaquePointer

    init() {
      guard let found = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else { stop("no HMAC") }
      unsafe pointer = found
    }
  }

  private static let algorithm = Algorithm()

  /// A context without a key; the caller frees it.
  static func make() -> OpaquePointer {
    guard let context = unsafe EVP_MAC_CTX_new(algorithm.pointer) else {
      stop("no memory for a signer")
    }
    return unsafe context
  }

  static func free(_ context: OpaquePointer) { unsafe EVP_MAC_CTX_free(context) }

  /// Replaces the key. HMAC pads keys by zeros, so that an empty one is the same as one zero.
  static func setKey(_ context: OpaquePointer, _ key: UnsafeRawBufferPointer) {
    let zero: UInt8 = 0
    let done =
      if let start = key.baseAddress, key.count > 0 {
        unsafe fanfare_hmac_sha256_key(
          context, start.assumingMemoryBound(to: UInt8.self), key.count)
      } else {
        unsafe withUnsafePointer(to: zero) { unsafe fanfare_hmac_sha256_key(context, $0, 1) }
      }
    guard done == 1 else { stop("HMAC takes no key") }
  }

  /// Signs `id.timestamp.body` into the first 32 bytes of `signature`.
  static func sign(
    _ context: OpaquePointer, id: UnsafeRawBufferPointer, timestampSeconds: Int64,
    body: UnsafeRawBufferPointer, into signature: UnsafeMutableRawBufferPointer
  ) {
    unsafe begin(context)
    unsafe update(context, id)
    unsafe withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { middle in
      let count = unsafe writeMiddle(timestampSeconds, at: middle)
      unsafe update(context, UnsafeRawBufferPointer(rebasing: middle[(middle.count - count)...]))
    }
    unsafe update(context, body)
    unsafe finish(context, signature)
  }

  /// Signs `prefix` and `body` into the first 32 bytes of `signature`.
  static func sign(
    _ context: OpaquePointer, prefix: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer,
    into signature: UnsafeMutableRawBufferPointer
  ) {
    unsafe begin(context)
    unsafe update(context, prefix)
    unsafe update(context, body)
    unsafe finish(context, signature)
  }

  private static func begin(_ context: OpaquePointer) {
    // Without a key it starts from the one that it has.
    guard unsafe EVP_MAC_init(context, nil, 0, nil) == 1 else { stop("HMAC does not start") }
  }

  private static func update(_ context: OpaquePointer, _ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    let first = unsafe start.assumingMemoryBound(to: UInt8.self)
    guard unsafe EVP_MAC_update(context, first, bytes.count) == 1 else { stop("HMAC failed") }
  }

  private static func finish(
    _ context: OpaquePointer, _ signature: UnsafeMutableRawBufferPointer
  ) {
    precondition(signature.count >= MessageSigner.signatureCount)
    let first = unsafe signature.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var count = 0
    let done = unsafe EVP_MAC_final(context, first, &count, MessageSigner.signatureCount)
    guard done == 1, count == MessageSigner.signatureCount else { stop("HMAC does not end") }
  }

  /// Writes `.1731705121.` at the end of `buffer`, which has room for any 64-bit number.
  ///
  /// - Returns: how many characters.
  private static func writeMiddle(
    _ seconds: Int64, at buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    var at = buffer.count - 1
    unsafe buffer[at] = UInt8(ascii: ".")
    var rest = seconds.magnitude
    repeat {
      at -= 1
      unsafe buffer[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    if seconds < 0 {
      at -= 1
      unsafe buffer[at] = UInt8(ascii: "-")
    }
    at -= 1
    unsafe buffer[at] = UInt8(ascii: ".")
    return buffer.count - at
  }
}
