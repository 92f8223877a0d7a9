import COpenSSL

/// HMAC-SHA256 from a key that was taken in once: its two hash states are copied for each signature.
/// The owners of contexts are ``MessageSigner`` and ``SignerCache``.
///
/// OpenSSL's `EVP_MAC` allocates two states for each signature; this allocates nothing.
///
/// > Source: RFC 2104; openssl/sha.h.
enum HMACContext {
  typealias Pointer = UnsafeMutablePointer<fanfare_hmac_key>

  /// A context with an empty key; the caller frees it.
  static func make() -> Pointer {
    let context = Pointer.allocate(capacity: 1)
    unsafe setKey(context, UnsafeRawBufferPointer(start: nil, count: 0))
    return unsafe context
  }

  static func free(_ context: Pointer) {
    unsafe OPENSSL_cleanse(context, MemoryLayout<fanfare_hmac_key>.size)
    unsafe context.deallocate()
  }

  /// Replaces the key. HMAC pads keys by zeros, so that an empty one is the same as one zero.
  static func setKey(_ context: Pointer, _ key: UnsafeRawBufferPointer) {
    unsafe fanfare_hmac_take(context, key.baseAddress, key.count)
  }

  /// Signs `id.timestamp.body` into the first 32 bytes of `signature`.
  static func sign(
    _ context: Pointer, id: UnsafeRawBufferPointer, timestampSeconds: Int64,
    body: UnsafeRawBufferPointer, into signature: UnsafeMutableRawBufferPointer
  ) {
    var state = unsafe context.pointee.inner
    unsafe update(&state, id)
    unsafe withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { middle in
      let count = unsafe writeMiddle(timestampSeconds, at: middle)
      unsafe update(&state, UnsafeRawBufferPointer(rebasing: middle[(middle.count - count)...]))
    }
    unsafe update(&state, body)
    unsafe finish(context, &state, signature)
  }

  /// Signs `prefix` and `body` into the first 32 bytes of `signature`.
  static func sign(
    _ context: Pointer, prefix: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer,
    into signature: UnsafeMutableRawBufferPointer
  ) {
    var state = unsafe context.pointee.inner
    unsafe update(&state, prefix)
    unsafe update(&state, body)
    unsafe finish(context, &state, signature)
  }

  private static func update(_ state: inout SHA256_CTX, _ bytes: UnsafeRawBufferPointer) {
    if bytes.count > 0 { unsafe SHA256_Update(&state, bytes.baseAddress, bytes.count) }
  }

  private static func finish(
    _ context: Pointer, _ state: inout SHA256_CTX, _ signature: UnsafeMutableRawBufferPointer
  ) {
    precondition(signature.count >= MessageSigner.signatureCount)
    unsafe fanfare_hmac_finish(context, &state, signature.baseAddress)
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
