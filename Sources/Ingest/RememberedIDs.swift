package import Base
package import Flow

/// The publisher-given ids that are remembered: a ring in order of acceptance, and its hash index.
///
/// Memory is bounded and reserved once: 32 bytes an id and 8 to 16 bytes of index; pages that were
/// never used cost nothing. Each entry has a *serial*, its place in the order since start; entries
/// before `durableSerial` belong to events that are committed.
///
/// `@safe`: serials are reduced by `capacity`, index places by the mask.
@safe
package struct RememberedIDs: ~Copyable {
  package let capacity: Int
  private let lifetimeMilliseconds: UInt64
  private let entries: UnsafeMutablePointer<RememberedID>
  /// Place in `entries` + 1; 0 is free.
  private let index: UnsafeMutablePointer<UInt32>
  private let indexMask: Int
  private var oldest: UInt64 = 0
  /// Serial that the next entry gets.
  package private(set) var end: UInt64 = 0
  /// Entries before it are durable.
  package var durableSerial: UInt64 = 0

  package init(capacity: Int, lifetimeMilliseconds: UInt64, recovered: [RememberedID]) {
    self.capacity = max(capacity, 1)
    self.lifetimeMilliseconds = lifetimeMilliseconds
    var places = 16
    while places < self.capacity * 2 { places *= 2 }
    indexMask = places - 1
    unsafe entries = .allocate(capacity: self.capacity)
    unsafe index = .allocate(capacity: places)
    unsafe index.initialize(repeating: 0, count: places)
    for entry in recovered where find(entry.key) == nil { insert(entry) }
    durableSerial = end
  }

  deinit {
    unsafe entries.deallocate()
    unsafe index.deallocate()
  }

  /// Entries held.
  package var count: Int { Int(truncatingIfNeeded: end - oldest) }

  private func place(_ serial: UInt64) -> Int { Int(truncatingIfNeeded: serial % UInt64(capacity)) }

  /// The entry with a serial that `find` gave.
  package subscript(serial: UInt64) -> RememberedID { unsafe entries[place(serial)] }

  /// Finds a key.
  /// - Returns: Its serial; `nil` when it is not remembered.
  package func find(_ key: UInt64) -> UInt64? {
    var at = Int(truncatingIfNeeded: key) & indexMask
    while unsafe index[at] != 0 {
      let slot = Int(unsafe index[at]) - 1
      if unsafe entries[slot].key == key { return serial(ofPlace: slot) }
      at = (at + 1) & indexMask
    }
    return nil
  }

  /// The serial of the live entry in `slot`: the only one in `oldest..<end` with that remainder.
  private func serial(ofPlace slot: Int) -> UInt64 {
    let first = place(oldest)
    let distance = slot >= first ? slot - first : slot + capacity - first
    return oldest + UInt64(distance)
  }

  /// Remembers an id; the oldest goes when all places are taken.
  /// - Precondition: the key is not remembered.
  package mutating func insert(_ entry: RememberedID) {
    if count == capacity { removeOldest() }
    unsafe entries[place(end)] = entry
    var at = Int(truncatingIfNeeded: entry.key) & indexMask
    while unsafe index[at] != 0 { at = (at + 1) & indexMask }
    unsafe index[at] = UInt32(place(end) + 1)
    end += 1
  }

  /// Takes back what was inserted since `end` had this value: a batch that was refused.
  package mutating func removeNewest(downTo serial: UInt64) {
    while end > serial && end > oldest {
      unlink(end - 1)
      end -= 1
    }
  }

  /// Whether an entry is too old to count.
  package func isExpired(_ serial: UInt64, now: UnixMilliseconds) -> Bool {
    let time = self[serial].time.value
    return now.value > time && now.value - time > lifetimeMilliseconds
  }

  /// Forgets what is too old, at most so many.
  /// - Complexity: O(forgotten).
  package mutating func expire(now: UnixMilliseconds, atMost limit: Int) {
    var left = limit
    while left > 0 && count > 0 && isExpired(oldest, now: now) {
      removeOldest()
      left -= 1
    }
  }

  private mutating func removeOldest() {
    unlink(oldest)
    oldest += 1
  }

  /// Takes an entry out of the index and closes the gap, so that no probe ends early.
  private mutating func unlink(_ serial: UInt64) {
    let mark = UInt32(place(serial) + 1)
    var hole = Int(truncatingIfNeeded: self[serial].key) & indexMask
    while unsafe index[hole] != mark { hole = (hole + 1) & indexMask }
    var at = (hole + 1) & indexMask
    while unsafe index[at] != 0 {
      let home = Int(truncatingIfNeeded: unsafe entries[Int(index[at]) - 1].key) & indexMask
      if (at - home) & indexMask >= (at - hole) & indexMask {
        unsafe index[hole] = index[at]
        hole = at
      }
      at = (at + 1) & indexMask
    }
    unsafe index[hole] = 0
  }

  /// All durable entries, oldest first: for a checkpoint.
  package var durable: [RememberedID] {
    var all: [RememberedID] = []
    var serial = oldest
    let stop = min(durableSerial, end)
    if stop > serial { all.reserveCapacity(Int(truncatingIfNeeded: stop - serial)) }
    while serial < stop {
      all.append(self[serial])
      serial += 1
    }
    return all
  }
}
