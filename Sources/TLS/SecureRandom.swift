import COpenSSL

/// Unpredictable bytes, from OpenSSL's generator, which the kernel seeds.
///
/// For keys, secrets, tokens and ids. What must be replayable from a seed uses `Base`'s seeded
/// generator instead.
public enum SecureRandom {
  /// `count` random bytes.
  public static func bytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    unsafe bytes.withUnsafeMutableBytes { unsafe fill($0) }
    return bytes
  }

  /// A random word, for instance the seed of a generator.
  public static func word() -> UInt64 {
    var word: UInt64 = 0
    unsafe withUnsafeMutableBytes(of: &word) { unsafe fill($0) }
    return word
  }

  /// Fills `buffer` with random bytes. A machine without randomness ends the process: nothing that
  /// needs secrets can go on there.
  public static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    guard buffer.count > 0 else { return }
    let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard unsafe RAND_bytes(start, Int32(buffer.count)) == 1 else { stop("no randomness") }
  }
}
