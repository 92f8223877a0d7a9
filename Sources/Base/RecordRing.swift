internal import Synchronization

/// A bounded queue of byte records between exactly one producer thread and one consumer thread,
/// without locks: ``Ring`` for what differs in length.
///
/// Records lie one behind the other, each after its length (4 bytes) and on an 8-byte boundary. One
/// that does not fit before the end of the memory begins at its start; a length of all ones says so.
///
/// `@unchecked Sendable`: a record is written before the releasing store of `tail` that publishes it,
/// and read after the acquiring load that sees it; the reverse for `head`.
@safe
public final class RecordRing: @unchecked Sendable {
  private static let wrap = UInt32.max
  private static let alignment = 8
  private let bytes: UnsafeMutableRawPointer
  private let mask: UInt64
  private let head = Atomic<UInt64>(0)
  private let tail = Atomic<UInt64>(0)

  /// Allocates room for `capacity` bytes, lengths included; it is not touched until it is used.
  /// - Precondition: `capacity` is a power of two, at least 64.
  public init(capacity: Int) {
    require(
      capacity >= 64 && capacity & (capacity - 1) == 0, "a ring's capacity is a power of two")
    unsafe bytes = .allocate(byteCount: capacity, alignment: 64)
    mask = UInt64(capacity - 1)
  }

  deinit { unsafe bytes.deallocate() }

  /// Whether a record waits.
  public var isEmpty: Bool {
    head.load(ordering: .acquiring) == tail.load(ordering: .acquiring)
  }

  /// Adds a record of two parts.
  /// - Returns: `false` when it does not fit now; nothing is written.
  /// - Complexity: O(bytes); no allocation.
  /// > Runs on: the producer thread only.
  public func push(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
  ) -> Bool {
    let length = first.count + second.count
    let needed = Self.room(length)
    let start = tail.load(ordering: .relaxed)
    let end = head.load(ordering: .acquiring) &+ mask &+ 1
    let left = Int(mask) + 1 - offset(start)
    let skipped = left < needed ? left : 0
    if needed + skipped > Int(end &- start) { return false }
    if skipped > 0 {
      unsafe bytes.storeBytes(of: Self.wrap, toByteOffset: offset(start), as: UInt32.self)
    }
    var place = skipped > 0 ? 0 : offset(start)
    unsafe bytes.storeBytes(of: UInt32(length), toByteOffset: place, as: UInt32.self)
    place += 4
    unsafe copy(first, to: &place)
    unsafe copy(second, to: &place)
    tail.store(start &+ UInt64(skipped + needed), ordering: .releasing)
    return true
  }

  /// Takes the oldest record, lent for the length of `body`.
  /// - Returns: `nil` when there is none.
  /// > Runs on: the consumer thread only.
  public func pop<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R? {
    var start = head.load(ordering: .relaxed)
    if start == tail.load(ordering: .acquiring) { return nil }
    var length = unsafe bytes.load(fromByteOffset: offset(start), as: UInt32.self)
    if length == Self.wrap {
      start &+= mask &+ 1 &- UInt64(offset(start))
      length = unsafe bytes.load(as: UInt32.self)
    }
    let count = Int(length)
    require(offset(start) + Self.room(count) <= Int(mask) + 1, "a record is longer than its ring")
    let result = unsafe body(
      UnsafeRawBufferPointer(start: bytes + offset(start) + 4, count: count))
    head.store(start &+ UInt64(Self.room(count)), ordering: .releasing)
    return result
  }

  private func offset(_ position: UInt64) -> Int { Int(truncatingIfNeeded: position & mask) }

  /// What a record of so many bytes takes with its length.
  private static func room(_ length: Int) -> Int { (length + 4 + alignment - 1) & ~(alignment - 1) }

  private func copy(_ part: UnsafeRawBufferPointer, to place: inout Int) {
    guard let source = part.baseAddress, part.count > 0 else { return }
    unsafe (bytes + place).copyMemory(from: source, byteCount: part.count)
    place += part.count
  }
}
