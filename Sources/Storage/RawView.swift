internal import Base

/// Bytes lent for reading; every access is checked against their end.
///
/// `@safe`: a view never outlives the call that lends it; its owner is named where it is made.
@safe
package struct RawView {
  package let bytes: UnsafeRawBufferPointer

  package init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }
  package static var empty: RawView { unsafe RawView(UnsafeRawBufferPointer(start: nil, count: 0)) }

  package var count: Int { unsafe bytes.count }
  package var crc: UInt32 { unsafe CRC32C.of(bytes) }

  package func slice(_ offset: Int, _ length: Int) -> RawView? {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
    return unsafe RawView(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
  }

  /// - Precondition: the value lies inside the view.
  package func load<T: BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
    require(
      offset >= 0 && offset <= count - MemoryLayout<T>.size, "a read past the end of a record")
    return unsafe bytes.loadUnaligned(fromByteOffset: offset, as: type)
  }
  package func u8(_ offset: Int) -> UInt8 { load(offset, as: UInt8.self) }
  package func u16(_ offset: Int) -> UInt16 { UInt16(littleEndian: load(offset, as: UInt16.self)) }
  package func u32(_ offset: Int) -> UInt32 { UInt32(littleEndian: load(offset, as: UInt32.self)) }
  package func u64(_ offset: Int) -> UInt64 { UInt64(littleEndian: load(offset, as: UInt64.self)) }

  /// Whether the CRC at offset 60 is that of the bytes before it: so end the 64 bytes with which
  /// every segment, block, trailer and checkpoint begins.
  var hasHeaderCRC: Bool {
    guard let covered = slice(0, 60), count >= 64 else { return false }
    return covered.crc == u32(60)
  }

  /// Whether `length` bytes from `offset` on are zero.
  package func isZero(_ offset: Int, _ length: Int) -> Bool {
    var index = offset
    let end = offset + length
    while index + 8 <= end {
      if load(index, as: UInt64.self) != 0 { return false }
      index += 8
    }
    while index < end {
      if u8(index) != 0 { return false }
      index += 1
    }
    return true
  }
}
