/// A growable run of bytes with one owner: what is written at the end is read from the start.
///
/// It keeps its memory when emptied, so a connection's buffer stops allocating after its first
/// requests. `@safe`: every access goes through `count` and `capacity` held here.
@safe
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
  @usableFromInline var base: UnsafeMutableRawPointer
  /// Bytes that fit before the next growth.
  public private(set) var capacity: Int
  /// Index of the first byte not yet consumed.
  @usableFromInline var start: Int
  /// Index after the last byte.
  @usableFromInline var end: Int

  /// Allocates room for `capacity` bytes.
  public init(capacity: Int = 256) {
    unsafe base = .allocate(byteCount: max(capacity, 16), alignment: 16)
    self.capacity = max(capacity, 16)
    start = 0
    end = 0
  }

  deinit { unsafe base.deallocate() }

  /// Bytes held.
  @inlinable public var count: Int { end &- start }
  /// Whether nothing is held.
  @inlinable public var isEmpty: Bool { end == start }

  /// Makes room for `extra` more bytes, moving or growing if needed.
  /// - Complexity: O(`count`) when it moves or grows, at most once per doubling.
  @inlinable public mutating func reserve(_ extra: Int) {
    if capacity &- end < extra { makeRoom(extra) }
  }

  @usableFromInline @inline(never)
  mutating func makeRoom(_ extra: Int) {
    let held = count
    if held + extra <= capacity, start >= capacity / 2 {
      unsafe base.copyMemory(from: base + start, byteCount: held)
    } else {
      let size = max(capacity * 2, held + extra)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
      unsafe larger.copyMemory(from: base + start, byteCount: held)
      unsafe base.deallocate()
      unsafe base = larger
      capacity = size
    }
    start = 0
    end = held
  }

  /// Appends one byte.
  @inlinable public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
    end &+= 1
  }

  /// Appends bytes.
  @inlinable public mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    unsafe (base + end).copyMemory(from: source, byteCount: bytes.count)
    end &+= bytes.count
  }

  /// Appends the bytes of an array.
  @inlinable public mutating func append(contentsOf bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
  }

  /// Appends literal text.
  @inlinable public mutating func append(_ text: StaticString) {
    unsafe append(
      contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a string's UTF-8 bytes; for cold paths.
  public mutating func append(text: String) {
    append(contentsOf: Array(text.utf8))
  }

  /// Appends a number in decimal digits.
  @inlinable public mutating func append(decimal value: UInt64) {
    reserve(20)
    var digits = 1
    var bound: UInt64 = 10
    while digits < 20, value >= bound {
      digits &+= 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
      if overflow { break }
      bound = next
    }
    if digits < 20, value >= bound { digits = 20 }
    var rest = value
    var index = end &+ digits
    repeat {
      index &-= 1
      let digit = UInt8(truncatingIfNeeded: rest % 10) &+ UInt8(ascii: "0")
      unsafe base.storeBytes(of: digit, toByteOffset: index, as: UInt8.self)
      rest /= 10
    } while index > end
    end &+= digits
  }

  /// Drops the first `count` bytes.
  @inlinable public mutating func consume(_ count: Int) {
    require(count >= 0 && count <= self.count, "more bytes consumed than a buffer holds")
    start &+= count
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Drops bytes at the end, back to `count` held.
  @inlinable public mutating func truncate(to count: Int) {
    require(count >= 0 && count <= self.count, "a buffer was truncated to more than it holds")
    if count == 0 { start = 0 }
    end = start &+ count
  }

  /// Empties it and keeps its memory.
  @inlinable public mutating func removeAll() {
    start = 0
    end = 0
  }

  /// Gives memory back when it is empty and has grown past `limit` bytes.
  public mutating func shrink(above limit: Int) {
    guard isEmpty, capacity > limit else { return }
    unsafe base.deallocate()
    unsafe base = .allocate(byteCount: 256, alignment: 16)
    capacity = 256
  }

  /// Lends the held bytes for reading.
  @inlinable public func withBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeRawBufferPointer(start: base + start, count: count))
  }

  /// Lends the held bytes for changing in place.
  @inlinable public mutating func withMutableBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeMutableRawBufferPointer(start: base + start, count: count))
  }

  /// Lends at least `minimum` free bytes at the end; `body` says how many it filled.
  /// - Returns: what `body` returned.
  @inlinable public mutating func fill<E: Error>(
    minimum: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) -> Int {
    reserve(minimum)
    let filled = try unsafe body(
      UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end))
    if filled > 0 {
      require(filled <= capacity - end, "a buffer was filled past its end")
      end &+= filled
    }
    return filled
  }

  /// A copy as an array; for cold paths.
  public var array: [UInt8] { unsafe withBytes { unsafe Array($0) } }
}
