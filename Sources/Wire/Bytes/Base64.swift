public import Base

/// Bytes as text in the standard alphabet with padding.
///
/// > Source: RFC 4648 §4.
public enum Base64 {
  /// Bytes that `count` bytes take once encoded.
  @inlinable public static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

  /// Appends the encoded bytes.
  ///
  /// - Complexity: O(n), six bytes a step; allocates only if the buffer must grow.
  public static func append(_ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
    let view = unsafe ByteView(bytes)
    let count = encodedCount(view.count)
    if count == 0 { return }
    _ = unsafe buffer.fill(minimum: count) { room in
      unsafe encode(view, into: room)
      return count
    }
  }

  /// The encoded bytes; for cold paths.
  public static func encode(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: encodedCount(bytes.count))
    unsafe bytes.withUnsafeBytes { unsafe append($0, to: &buffer) }
    return String(decoding: buffer.array, as: UTF8.self)
  }

  /// The bytes behind a text; for cold paths (secrets, sealed values).
  ///
  /// - Returns: Nil for anything but whole groups of four with proper padding and zero spare bits.
  public static func decode(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    unsafe decode(ByteView(bytes))
  }

  /// The bytes behind a string.
  public static func decode(_ text: String) -> [UInt8]? {
    TextReader.read(text) { decode($0.bytes) }
  }

  // MARK: Encoding

  private static let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  @inline(__always)
  private static func letter(_ sextet: UInt64) -> UInt64 {
    unsafe UInt64(alphabet.utf8Start[Int(truncatingIfNeeded: sextet & 63)])
  }

  /// Fills the first ``encodedCount(_:)`` bytes of `room`.
  private static func encode(_ view: ByteView, into room: UnsafeMutableRawBufferPointer) {
    var source = 0
    var target = 0
    // Eight bytes are read where six are used, so the last step stops short of the end.
    while view.count - source >= 8 {
      let bits = view.word(at: source).byteSwapped >> 16
      var letters: UInt64 = 0
      for index in 0..<8 {
        letters |= letter(bits >> UInt64(42 - 6 * index)) << UInt64(8 * index)
      }
      unsafe room.storeBytes(of: letters.littleEndian, toByteOffset: target, as: UInt64.self)
      source += 6
      target += 8
    }
    while source < view.count {
      let left = min(view.count - source, 3)
      var bits = UInt64(view[source]) << 16
      if left > 1 { bits |= UInt64(view[source + 1]) << 8 }
      if left > 2 { bits |= UInt64(view[source + 2]) }
      for index in 0..<4 {
        let byte = index <= left ? letter(bits >> UInt64(18 - 6 * index)) : 0x3D
        unsafe room[target + index] = UInt8(truncatingIfNeeded: byte)
      }
      source += left
      target += 4
    }
  }

  // MARK: Decoding

  private static func decode(_ view: ByteView) -> [UInt8]? {
    guard view.count % 4 == 0 else { return nil }
    var end = view.count
    while end > 0 && view.count - end < 2 && view[end - 1] == UInt8(ascii: "=") { end -= 1 }
    var result: [UInt8] = []
    result.reserveCapacity(end * 3 / 4)
    var bits: UInt32 = 0
    var bitCount = 0
    for index in 0..<end {
      guard let sextet = value(view[index]) else { return nil }
      bits = bits << 6 | UInt32(sextet)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
      }
    }
    // Spare bits that are set would make two texts of one value.
    let spare = bits & (1 << UInt32(bitCount) - 1)
    return bitCount < 6 && spare == 0 ? result : nil
  }

  private static func value(_ byte: UInt8) -> UInt8? {
    if ASCII.isLetter(byte) { return byte < 0x61 ? byte - 0x41 : byte - 0x61 + 26 }
    if ASCII.isDigit(byte) { return byte - 0x30 + 52 }
    if byte == UInt8(ascii: "+") { return 62 }
    return byte == UInt8(ascii: "/") ? 63 : nil
  }
}
