internal import CProcessor

/// CRC-32C (Castagnoli), in hardware where the processor has it.
///
/// > Source: RFC 3720 appendix B.4 for the polynomial and test vectors.
public struct CRC32C: Sendable {
  private static let hardware = fanfare_has_crc32c() != 0
  private static let table: [UInt32] = (0..<256).map { index in
    var crc = UInt32(index)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
    return crc
  }

  private var state: UInt32 = .max
  private let usesHardware: Bool

  /// Begins an empty checksum.
  /// - Parameter inSoftware: by table even where the processor could; tests compare the two.
  public init(inSoftware: Bool = false) { usesHardware = Self.hardware && !inSoftware }

  /// Adds bytes.
  /// - Complexity: O(n); no allocation.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    if usesHardware {
      state = unsafe fanfare_crc32c(
        state, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    } else {
      for unsafe byte in unsafe bytes {
        state = Self.table[Int((state ^ UInt32(byte)) & 0xFF)] ^ (state >> 8)
      }
    }
  }

  /// The checksum of all bytes so far.
  public var value: UInt32 { ~state }

  /// The checksum of one run of bytes.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    unsafe crc.update(bytes)
    return crc.value
  }
}

/// A 64-bit hash for tables and content comparison: seeded, not cryptographic.
///
/// wyhash-like mixing over 16-byte strides: one multiplication each; every byte and the length count.
public enum Hash64 {
  /// Hashes `bytes` under `seed`.
  /// - Complexity: O(n), about 8 bytes a nanosecond; no allocation.
  public static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    var state = seed ^ 0xA076_1D64_78BD_642F
    var offset = 0
    let count = bytes.count
    while count &- offset >= 16 {
      let a = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let b = unsafe bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
      state = mix(a ^ 0xE703_7ED1_A0B4_28DB, b ^ state)
      offset &+= 16
    }
    var a: UInt64 = 0
    var b: UInt64 = 0
    var shift: UInt64 = 0
    while offset < count {
      let byte = UInt64(unsafe bytes[offset])
      if shift < 64 { a |= byte << shift } else { b |= byte << (shift &- 64) }
      shift &+= 8
      offset &+= 1
    }
    state = mix(a ^ 0x8EBC_6AF0_9C88_C6E3, b ^ state)
    return mix(
      state ^ 0x5899_65CC_7537_4CC3, UInt64(truncatingIfNeeded: count) ^ 0x1D8E_4E27_C47D_124F)
  }

  @inline(__always)
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}
