internal import Base

/// One file: what the page cache shows, what the platter holds, and what lies between.
final class SimulatedFile {
  static let sectorBytes = 512

  /// A sync under way: contents as they were when it began.
  final class PendingSync {
    let sectors: SectorSet
    let content: FileMemory
    init(sectors: SectorSet, content: FileMemory) {
      self.sectors = sectors
      self.content = content
    }
  }

  let number: Int
  /// What every ordinary read sees.
  let cached = FileMemory()
  /// What a power cut leaves for certain.
  private(set) var durable = FileMemory()
  private var dirty = SectorSet()
  private var syncing: [PendingSync] = []

  init(number: Int) { self.number = number }

  var hasUnsynced: Bool { !dirty.isEmpty || !syncing.isEmpty || cached.count != durable.count }

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
  func beginSync() -> PendingSync {
    let content = FileMemory()
    content.resize(cached.count)
    for run in dirty.runs { Self.copy(run, from: cached, to: content) }
    let sync = PendingSync(sectors: dirty, content: content)
    dirty.removeAll()
    syncing.append(sync)
    return sync
  }

  /// Ends a sync well: what it began with is durable.
  func endSync(_ sync: PendingSync) {
    syncing.removeAll { $0 === sync }
    durable.resize(sync.content.count)
    for run in sync.sectors.runs { Self.copy(run, from: sync.content, to: durable) }
  }

  /// Ends a sync in failure: the pages count as clean, and are not on the platter. No later sync
  /// will write them.
  func failSync(_ sync: PendingSync) { syncing.removeAll { $0 === sync } }

  private static func copy(_ run: Range<Int>, from source: FileMemory, to target: FileMemory) {
    target.copy(run.lowerBound * sectorBytes, run.count * sectorBytes, from: source)
  }

  /// What a read around the page cache sees: dirty pages are written back first, those that a
  /// failed sync marked clean are not.
  func directContent() -> FileMemory {
    let result = FileMemory()
    result.resize(cached.count)
    result.copy(0, min(durable.count, cached.count), from: durable)
    for sync in syncing { for run in sync.sectors.runs { Self.copy(run, from: sync.content, to: result) } }
    for run in dirty.runs { Self.copy(run, from: cached, to: result) }
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
    for sync in syncing { survive(sync.sectors, sync.content, in: result, survival, &random) }
    survive(dirty, cached, in: result, survival, &random)
    syncing = []
    dirty.removeAll()
    cached.resize(result.count)
    cached.copy(0, result.count, from: result)
    durable = result
  }

  private func survive(
    _ sectors: SectorSet, _ content: FileMemory, in result: FileMemory, _ survival: Survival,
    _ random: inout SeededRandom
  ) {
    var isCut = false
    for run in sectors.runs {
      for sector in run {
        let offset = sector * Self.sectorBytes
        switch survival {
        case .everything: result.copy(offset, Self.sectorBytes, from: content)
        case .nothing: break
        case .someSectors:
          if random.oneIn(2) { result.copy(offset, Self.sectorBytes, from: content) }
        case .firstSectors:
          if random.oneIn(16) { isCut = true }
          if !isCut { result.copy(offset, Self.sectorBytes, from: content) }
        case .tornSectors:
          let length = random.oneIn(4) ? Int(random.below(512)) : Self.sectorBytes
          result.copy(offset, length, from: content)
        }
      }
    }
  }
}
