internal import Base
package import Flow

/// A delivery that waits for its next attempt: 16 bytes.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 8 | `position` | which event |
/// | 8 | 8 | `word` | due, monotonic milliseconds (46 bits) ‖ replay (1) ‖ fresh connection (1) ‖ attempts (16) |
package struct Retry: BitwiseCopyable, Equatable {
  package var position: Position
  private var word: UInt64

  private static let freshBit: UInt64 = 1 << 16
  private static let replayBit: UInt64 = 1 << 17
  private static let dueShift: UInt64 = 18

  /// - Parameters:
  ///   - due: monotonic milliseconds; 0 for at once.
  ///   - attempts: attempts made so far.
  ///   - needsFreshConnection: it was lost on a stale connection, so it goes on a new one.
  ///   - isReplay: somebody asked for it: it gives way to live traffic and does not grow too old.
  package init(
    position: Position, dueMilliseconds due: UInt64, attempts: UInt16,
    needsFreshConnection: Bool = false, isReplay: Bool = false
  ) {
    self.position = position
    word =
      min(due, 1 << 46 - 1) << Self.dueShift | (isReplay ? Self.replayBit : 0)
      | (needsFreshConnection ? Self.freshBit : 0) | UInt64(attempts)
  }

  package var dueMilliseconds: UInt64 { word >> Self.dueShift }
  package var attempts: UInt16 { UInt16(truncatingIfNeeded: word) }
  package var needsFreshConnection: Bool { word & Self.freshBit != 0 }
  package var isReplay: Bool { word & Self.replayBit != 0 }

  package mutating func makeDue() { word &= 1 << Self.dueShift - 1 }

  /// Due first; of those due at the same time the oldest event.
  package static func precedes(_ a: Retry, _ b: Retry) -> Bool {
    let (left, right) = (a.dueMilliseconds, b.dueMilliseconds)
    return left != right ? left < right : a.position < b.position
  }
}

/// One lane's waiting deliveries, the next one first: a binary heap, so that a lane needs one timer
/// for all of them and 16 bytes for each.
package struct RetryCalendar {
  private var heap: [Retry] = []

  /// An empty one.
  package init() {}

  package var count: Int { heap.count }
  package var isEmpty: Bool { heap.isEmpty }
  /// The next one due.
  package var first: Retry? { heap.first }
  /// All of them, in no order.
  package var all: [Retry] { heap }

  /// Adds one; O(log n).
  package mutating func add(_ retry: Retry) {
    heap.append(retry)
    siftUp(heap.count - 1)
  }

  /// Takes the next one due; O(log n).
  package mutating func removeFirst() -> Retry? { heap.isEmpty ? nil : remove(at: 0) }

  /// The place of the oldest event, due or not; O(n): for probes.
  package var indexOfOldest: Int? { heap.indices.min { heap[$0].position < heap[$1].position } }

  package subscript(index: Int) -> Retry { heap[index] }

  /// Takes the one at `index` of the heap.
  package mutating func remove(at index: Int) -> Retry {
    let retry = heap[index]
    let last = heap.removeLast()
    if index < heap.count {
      heap[index] = last
      siftDown(index)
      siftUp(index)
    }
    if heap.isEmpty { heap = [] }
    return retry
  }

  /// Takes the `count` oldest events, due or not, in the order of the log; replays stay.
  /// - Complexity: O(n), and O(count log count) to put them in order.
  package mutating func removeOldest(_ count: Int) -> [Retry] {
    var positions = heap.lazy.filter { !$0.isReplay }.map(\.position.packed) as [UInt64]
    if count <= 0 || positions.isEmpty { return [] }
    let last = Self.select(min(count, positions.count) - 1, of: &positions)
    var removed: [Retry] = []
    var kept: [Retry] = []
    for retry in heap {
      if retry.isReplay || retry.position.packed > last {
        kept.append(retry)
      } else {
        removed.append(retry)
      }
    }
    heap = kept
    for index in (0..<heap.count / 2).reversed() { siftDown(index) }
    removed.sort { $0.position < $1.position }
    return removed
  }

  /// The `rank`-th smallest value, from 0. Hoare's selection: `values` end up in no order.
  private static func select(_ rank: Int, of values: inout [UInt64]) -> UInt64 {
    var low = 0
    var high = values.count - 1
    while low < high {
      let pivot = values[(low + high) / 2]
      var left = low
      var right = high
      while left <= right {
        while values[left] < pivot { left += 1 }
        while values[right] > pivot { right -= 1 }
        if left > right { break }
        values.swapAt(left, right)
        left += 1
        right -= 1
      }
      if rank > right, rank < left { return pivot }
      if rank <= right { high = right } else { low = left }
    }
    return values[rank]
  }

  /// Makes all due now, oldest first; O(n log n).
  package mutating func makeAllDue() {
    for index in heap.indices { heap[index].makeDue() }
    // A sorted array is a heap.
    heap.sort(by: Retry.precedes)
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      if !Retry.precedes(heap[index], heap[parent]) { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var child = 2 * index + 1
      if child >= heap.count { return }
      if child + 1 < heap.count, Retry.precedes(heap[child + 1], heap[child]) { child += 1 }
      if !Retry.precedes(heap[child], heap[index]) { return }
      heap.swapAt(index, child)
      index = child
    }
  }
}
