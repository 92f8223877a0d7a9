internal import Base

/// One file: what the page cache shows, what the platter holds, and what lies between.
final class SimulatedFile {
  static let sectorBytes = 512

  /// Sectors with their contents as they were at some moment, run after run.
  final class Snapshot {
    let runs: [Range<Int>]
    /// The file's length then.
    let size: Int
    private let packed = FileMemory()

    init(_ sectors: SectorSet, of file: FileMemory) {
      runs = sectors.runs
      size = file.count
      packed.resize(runs.reduce(0) { $0 + $1.count } * sectorBytes)
      var place = 0
      for run in runs {
        let length = run.count * sectorBytes
        packed.copy(place, length, from: file, at: run.lowerBound * sectorBytes)
        place += length
      }
    }

    /// Puts all of it into a file.
    func write(to target: FileMemory) {
      forEachRun { run, place in
        target.copy(
          run.lowerBound * sectorBytes, run.count * sectorBytes, from: packed, at: place)
      }
    }

    /// Puts the first `length` bytes of each sector into a file, as `choose` says.
    func write(to target: FileMemory, choose: () -> Int) {
      forEachRun { run, place in
        for (index, sector) in run.enumerated() {
          target.copy(sector * sectorBytes, choose(), from: packed, at: place + index * sectorBytes)
        }
      }
    }

    private func forEachRun(_ body: (Range<Int>, Int) -> Void) {
      var place = 0
      for run in runs {
        body(run, place)
        place += run.count * sectorBytes
      }
    }
  }

  let number: Int
  /// What every ordinary read sees.
  let cached = FileMemory()
  /// What a power cut leaves for certain.
  private(set) var durable = FileMemory()
  private var dirty = SectorSet()
  private var syncing: [Snapshot] = []
  /// A sync failed: some pages look clean and are not on the platter.
  private var hasLostPages = false
  /// A sync failed, and the process that knows it still runs.
  private(set) var syncFailed = false

  init(number: Int) { self.number = number }

  /// Whether a power cut could change what is seen.
  var hasUnsynced: Bool {
    hasLostPages || !dirty.isEmpty || !syncing.isEmpty || cached.count != durable.count
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    let oldSize = cached.count
    unsafe cached.write(bytes, at: offset)
    let first = min(offset, oldSize)
    dirty.insert(first / Self.sectorBytes..<Self.sectorEnd(offset + bytes.count))
  }

  func truncate(to size: Int) {
    let first = min(size, cached.count)
    let last = max(size, cached.count)
    cached.resize(size)
    dirty.insert(first / Self.sectorBytes..<Self.sectorEnd(last))
  }

  private static func sectorEnd(_ offset: Int) -> Int { (offset + sectorBytes - 1) / sectorBytes }

  // MARK: Syncing

  /// Begins to make everything written so far durable.
  func beginSync() -> Snapshot {
    let sync = Snapshot(dirty, of: cached)
    dirty.removeAll()
    syncing.append(sync)
    return sync
  }

  /// Ends a sync well: what it began with is durable.
  func endSync(_ sync: Snapshot) {
    syncing.removeAll { $0 === sync }
    durable.resize(sync.size)
    sync.write(to: durable)
  }

  /// Ends a sync in failure: the pages count as clean, and are not on the platter. No later sync
  /// will write them.
  func failSync(_ sync: Snapshot) {
    syncing.removeAll { $0 === sync }
    hasLostPages = true
    syncFailed = true
  }

  /// Nobody remembers any more that a sync failed.
  func processDied() { syncFailed = false }

  /// What a read around the page cache sees: dirty pages are written back first, those that a
  /// failed sync marked clean are not.
  func directContent() -> FileMemory {
    let result = FileMemory()
    result.resize(cached.count)
    result.copy(0, min(durable.count, cached.count), from: durable)
    for sync in syncing { sync.write(to: result) }
    Snapshot(dirty, of: cached).write(to: result)
    return result
  }

  // MARK: Power

  /// How much of what was not synced a power cut leaves.
  enum Survival: UInt64 {
    case everything, nothing, someSectors, firstSectors, tornSectors
  }

  /// Cuts the power: what was not synced survives in parts, in no order.
  func crash(_ random: inout SeededRandom) {
    let survival = Survival(rawValue: random.below(5)) ?? .nothing
    let keepsSize: Bool
    switch survival {
    case .everything: keepsSize = true
    case .nothing: keepsSize = false
    default: keepsSize = random.oneIn(2)
    }
    let result = FileMemory()
    result.resize(keepsSize ? cached.count : durable.count)
    result.copy(0, result.count, from: durable)
    for sync in syncing { survive(sync, in: result, survival, &random) }
    survive(Snapshot(dirty, of: cached), in: result, survival, &random)
    syncing = []
    hasLostPages = false
    syncFailed = false
    dirty.removeAll()
    cached.resize(result.count)
    cached.copy(0, result.count, from: result)
    durable = result
  }

  private func survive(
    _ snapshot: Snapshot, in result: FileMemory, _ survival: Survival,
    _ random: inout SeededRandom
  ) {
    var isCut = false
    snapshot.write(to: result) {
      switch survival {
      case .everything: return Self.sectorBytes
      case .nothing: return 0
      case .someSectors: return random.oneIn(2) ? Self.sectorBytes : 0
      case .firstSectors:
        if random.oneIn(16) { isCut = true }
        return isCut ? 0 : Self.sectorBytes
      case .tornSectors: return random.oneIn(4) ? Int(random.below(512)) : Self.sectorBytes
      }
    }
  }
}
