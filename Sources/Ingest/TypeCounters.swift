public import Base
internal import Synchronization

/// Accepted events by type: the first 100 types seen, all others together.
///
/// One writer. `@unchecked Sendable`: a name is written before the releasing store of `used` that
/// shows it, and never changed.
@safe
public final class TypeCounters: @unchecked Sendable {
  /// Types with a counter of their own.
  public static let typesMax = 100
  private static let places = 256

  private struct Slot {
    var hash: UInt64 = 0
    var name: [UInt8] = []
    let count = Counter()
  }
  private let slots: UnsafeMutablePointer<Slot>
  private let hashes: UnsafeMutablePointer<UInt64>
  private let numbers: UnsafeMutablePointer<UInt8>
  private let used = Atomic<Int>(0)
  /// Events of all other types.
  public let other = Counter()

  /// No type seen.
  public init() {
    unsafe slots = .allocate(capacity: Self.typesMax)
    unsafe hashes = .allocate(capacity: Self.places)
    unsafe numbers = .allocate(capacity: Self.places)
    for slot in 0..<Self.typesMax { unsafe (slots + slot).initialize(to: Slot()) }
    unsafe hashes.initialize(repeating: 0, count: Self.places)
    unsafe numbers.initialize(repeating: 0, count: Self.places)
  }

  deinit {
    unsafe slots.deinitialize(count: Self.typesMax)
    unsafe slots.deallocate()
    unsafe hashes.deallocate()
    unsafe numbers.deallocate()
  }

  /// Counts an event.
  /// - Parameter hash: `EventHeader.typeHash`.
  /// > Runs on: the one writer.
  func add(_ type: UnsafeRawBufferPointer, hash: UInt64) {
    var place = Int(truncatingIfNeeded: hash & UInt64(Self.places - 1))
    while unsafe hashes[place] != 0 {
      if unsafe hashes[place] == hash {
        unsafe slots[Int(numbers[place])].count.add()
        return
      }
      place = (place + 1) & (Self.places - 1)
    }
    unsafe insert(type, hash, place)
  }

  @inline(never)
  private func insert(_ type: UnsafeRawBufferPointer, _ hash: UInt64, _ place: Int) {
    let number = used.load(ordering: .relaxed)
    guard number < Self.typesMax, hash != 0 else {
      other.add()
      return
    }
    unsafe slots[number].hash = hash
    unsafe slots[number].name = Array(type)
    unsafe slots[number].count.add()
    unsafe hashes[place] = hash
    unsafe numbers[place] = UInt8(truncatingIfNeeded: number)
    used.store(number + 1, ordering: .releasing)
  }

  /// Types seen and their counts, in order of first sight, without the rest.
  /// > Runs on: any thread.
  public func snapshot() -> [(type: String, count: UInt64)] {
    (0..<used.load(ordering: .acquiring)).map { number in
      unsafe (String(decoding: slots[number].name, as: UTF8.self), slots[number].count.value)
    }
  }
}
