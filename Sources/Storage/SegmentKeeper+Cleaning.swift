internal import Base
internal import Flow
internal import Platform

/// Freeing segments, and moving to the spool what keeps them.
extension SegmentKeeper {
  private static let cleanInterval = Nanoseconds.seconds(60)
  private static let retryInterval = Nanoseconds.seconds(1)

  /// The log is cleaned down to this, so that the cleaner works before publishing has to stop.
  private var bytesTarget: UInt64 { configuration.bytesMax / 8 * 7 }

  func clean(_ local: inout State, _ now: Now) {
    local.cleanAt = now.instant + (local.isShort || isFull ? Self.retryInterval : Self.cleanInterval)
    guard let durable = local.deciding else { return }
    let numbers = Cleaner.freeable(
      index.facts, cover: durable.cover, now: now.unix.value,
      retentionMilliseconds: configuration.retentionSeconds * 1000,
      bytesMax: limit(local), extraBytes: local.preparedBytes)
    for number in numbers { free(segment: number, &local) }
    if !numbers.isEmpty { try? disk.syncDirectory(layout.journal) }
    guard respooler.stage == .idle else { return }
    freeRanges(Cleaner.settled(index.contents, durable), &local)
    beginJob(durable, &local, now)
  }

  /// Without space every segment that can go goes.
  private func limit(_ local: State) -> UInt64 { local.isShort ? 0 : bytesTarget }

  private func beginJob(_ durable: DurableCheckpoint, _ local: inout State, _ now: Now) {
    let contents = index.contents
    var sources: [SegmentIndex.Segment] = []
    if index.spoolBytes < configuration.spoolBytesMax {
      sources = Cleaner.spoolable(
        contents, cover: durable.cover, now: now.unix.value,
        retentionMilliseconds: configuration.retentionSeconds * 1000, bytesMax: limit(local),
        extraBytes: local.preparedBytes, skipping: local.unreadable)
    }
    if sources.isEmpty { sources = Cleaner.mergeable(contents) }
    if sources.isEmpty { return }
    do throws(StorageError) {
      try respooler.begin(sources, pending: durable.pending, now: now.unix.value)
    } catch { failed(error, &local, now) }
  }

  /// Does a step of the job under way.
  func advanceSpool(_ local: inout State, _ now: Now) {
    guard respooler.stage == .copying else { return }
    do throws(StorageError) {
      switch try respooler.step() {
      case .more: return
      case .nothingPending:
        free(respooler.discard(), &local)
        local.cleanAt = now.instant
      case .written(let range):
        eventsSpooled.add(range.events)
        notices.post(.release(range))
      }
    } catch { failed(error, &local, now) }
  }

  private func failed(_ error: StorageError, _ local: inout State, _ now: Now) {
    note(error, &local)
    if case .damaged = error { local.unreadable.formUnion(respooler.sourceNumbers) }
    respooler.abandon()
    local.cleanAt = now.instant + Self.retryInterval
    guard error.isOutOfSpace else { return }
    becomeShort(&local, now)
    _ = reserve.giveSpace()
    local.isReserveWhole = false
  }

  /// The record is durable: now, and not before, the segments may go.
  func released(_ ordinal: UInt64, _ local: inout State, _ now: Now) {
    let sources = respooler.complete()
    local.releaseOrdinal = ordinal
    releases.add()
    free(sources, &local)
    local.cleanAt = now.instant
  }

  // MARK: Freeing

  private func free(_ sources: [SegmentIndex.Segment], _ local: inout State) {
    for source in sources where !source.isSpool { free(segment: source.facts.number, &local) }
    if sources.contains(where: { !$0.isSpool }) { try? disk.syncDirectory(layout.journal) }
    freeRanges(sources.filter(\.isSpool), &local)
    countSpool()
  }

  private func free(segment number: UInt64, _ local: inout State) {
    // First out of the index: a reader that was about to read it looks again and finds it gone.
    index.remove(segment: number)
    do throws(StorageError) {
      try onPath(layout.segment(number)) { () throws(SystemError) in
        try disk.remove(layout.segment(number))
      }
      segmentsFreed.add()
    } catch { note(error, &local) }
  }

  /// Takes ranges out, and removes the spool segments that hold no other.
  private func freeRanges(_ segments: [SegmentIndex.Segment], _ local: inout State) {
    if segments.isEmpty { return }
    for segment in segments {
      if let range = segment.range { index.remove(range: range.ordinal) }
    }
    let inUse = Set(index.ranges.map(\.file))
    let files = Set(segments.compactMap { $0.range?.file }).subtracting(inUse)
    for file in files.sorted() where file != respooler.fileInUse {
      do throws(StorageError) {
        try onPath(layout.spoolSegment(file)) { () throws(SystemError) in
          try disk.remove(layout.spoolSegment(file))
        }
      } catch { note(error, &local) }
    }
    try? disk.syncDirectory(layout.spool)
    countSpool()
  }
}
