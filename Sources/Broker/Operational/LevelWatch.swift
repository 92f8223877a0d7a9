/// Notices that something rose to a mark, once until it has come well below it again: pure.
package struct LevelWatch {
  private var isHigh = false

  /// Nothing was noticed yet.
  package init() {}

  /// Looks at a level.
  ///
  /// - Parameters:
  ///   - mark: from here on it is high; 0: nothing is.
  ///   - release: up to here it is well below.
  /// - Returns: whether it has just become high.
  package mutating func rises(_ level: UInt64, to mark: UInt64, release: UInt64) -> Bool {
    if level <= release { isHigh = false }
    guard mark > 0, level >= mark, !isHigh else { return false }
    isHigh = true
    return true
  }
}

/// Notices that a disk has become nearly full: pure.
package struct DiskWatch {
  /// Of a large disk, so much is enough.
  private static let lowBytesMax: UInt64 = 16 << 30
  private let least: UInt64
  private var used = LevelWatch()

  /// - Parameter least: below so many free bytes it is low however small it is.
  package init(least: UInt64) { self.least = least }

  /// Whether it has just become low: less than a twentieth is free, and did not use to be.
  package mutating func becomesLow(freeBytes: UInt64, totalBytes: UInt64) -> Bool {
    let low = min(totalBytes, max(least, min(totalBytes / 20, Self.lowBytesMax)))
    let mark = totalBytes - low
    return used.rises(
      totalBytes - min(freeBytes, totalBytes), to: max(mark, 1), release: mark - min(mark, low / 4))
  }
}
