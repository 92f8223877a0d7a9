internal import Base

/// Memory in which blocks are laid side by side for one write; kept between commits.
///
/// `@safe`: all access goes through `count` and `capacity`. Page-aligned, so that it also serves
/// O_DIRECT.
@safe
package final class GatherBuffer: @unchecked Sendable {
  private var base: UnsafeMutableRawPointer
  package private(set) var capacity: Int
  package private(set) var count = 0

  package init(capacity: Int) {
    self.capacity = max(capacity, 4096)
    unsafe base = .allocate(byteCount: self.capacity, alignment: 4096)
  }

  deinit { unsafe base.deallocate() }

  /// What was gathered; valid until the next change.
  package var view: RawView { unsafe RawView(UnsafeRawBufferPointer(start: base, count: count)) }

  package func removeAll() { count = 0 }

  package func reserve(_ extra: Int) {
    if capacity - count >= extra { return }
    let size = max(capacity * 2, count + extra)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
    unsafe larger.copyMemory(from: base, byteCount: count)
    unsafe base.deallocate()
    unsafe base = larger
    capacity = size
  }

  /// Gives memory back after an exceptionally large commit.
  package func shrink(to limit: Int) {
    guard count == 0, capacity > limit else { return }
    unsafe base.deallocate()
    unsafe base = .allocate(byteCount: limit, alignment: 4096)
    capacity = limit
  }

  package func append(_ source: RawView) {
    guard let start = unsafe source.bytes.baseAddress, source.count > 0 else { return }
    reserve(source.count)
    unsafe (base + count).copyMemory(from: start, byteCount: source.count)
    count += source.count
  }

  package func append<T: BitwiseCopyable>(_ value: T) {
    let size = MemoryLayout<T>.size
    reserve(size)
    unsafe (base + count).storeBytes(of: value, as: T.self)
    count += size
  }

  package func appendZeros(_ length: Int) {
    reserve(length)
    unsafe (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: length)
    count += length
  }

  /// Zeros up to the next multiple of `alignment` counted from `start`.
  package func pad(to alignment: Int, from start: Int) {
    let past = (count - start) % alignment
    if past > 0 { appendZeros(alignment - past) }
  }

  package func store<T: BitwiseCopyable>(_ value: T, at offset: Int) {
    require(
      offset >= 0 && offset + MemoryLayout<T>.size <= count, "a write past the gathered bytes")
    unsafe (base + offset).storeBytes(of: value, as: T.self)
  }

  /// Stores the CRC of the 60 bytes from `start` on behind them.
  func storeHeaderCRC(from start: Int) {
    guard let covered = view.slice(start, 60) else {
      invariantBroken("a header outside its buffer")
    }
    store(covered.crc.littleEndian, at: start + 60)
  }

  /// Ends the 64 bytes that began at `start`: zeros, and their CRC.
  func endHeader(from start: Int) {
    appendZeros(start + 64 - count)
    storeHeaderCRC(from: start)
  }

  /// Lends room for `length` bytes at the end; `body` says how many it filled.
  package func fill<E: Error>(
    _ length: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) -> Int {
    reserve(length)
    let filled = try unsafe body(UnsafeMutableRawBufferPointer(start: base + count, count: length))
    require(filled >= 0 && filled <= length, "more bytes filled than lent")
    count += filled
    return filled
  }
}
