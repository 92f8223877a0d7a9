internal import Base

/// What the world will do, ordered by time; what is planned for one instant happens in the order of
/// planning.
struct Agenda {
  private struct Entry {
    var time: Instant
    var order: UInt64
    var action: () -> Void

    func precedes(_ other: Entry) -> Bool {
      (time.nanoseconds, order) < (other.time.nanoseconds, other.order)
    }
  }

  /// A binary heap.
  private var entries: [Entry] = []
  private var nextOrder: UInt64 = 0

  /// When the next thing happens.
  var nextTime: Instant { entries.first?.time ?? .distantFuture }

  mutating func add(at time: Instant, _ action: @escaping () -> Void) {
    entries.append(Entry(time: time, order: nextOrder, action: action))
    nextOrder += 1
    var index = entries.count - 1
    while index > 0, entries[index].precedes(entries[(index - 1) / 2]) {
      entries.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func pop() -> (() -> Void)? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return first.action }
    entries[0] = last
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < entries.count && entries[child].precedes(entries[least]) {
        least = child
      }
      if least == index { return first.action }
      entries.swapAt(index, least)
      index = least
    }
  }
}
