internal import Base
internal import Flow
internal import Platform

/// Freeing segments, and moving to the spool what keeps them.
extension SegmentKeeper {
  private static let cleanInterval = Nanoseconds.seconds(60)
  private static let retryInterval = Nanoseconds.seconds(1)
  /// An outcome is durable so long after it was made, at most, while the disk keeps up.
  private static let outcomeLag = Nanoseconds.seconds(1)
  private static let keptInterval = Nanoseconds.milliseconds(200)

  func clean(_ local: inout State, _ now: Now) {
    // A checkpoint has it look again.
    local.cleanAt = .distantFuture
    guard let durable = local.deciding else { return }
    // What died before the checkpoint is pending no more, and must be known as kept by now.
    guard kept?.isComplete(before: durable.savedAt + Self.outcomeLag) ?? true else {
      local.cleanAt = now.instant + Self.keptInterval
      return
    }
    defer { local.cleanAt = min(local.cleanAt, nextLook(local, now)) }
    let numbers = Cleaner.freeable(
      index.facts, cover: durable.cover, now: now.unix.value,
      retentionMilliseconds: local.limits.retentionSeconds * 1000,
      bytesMax: limit(local), extraBytes: local.preparedBytes,
      isKept: { isKept($0, $1, durable) })
    let underWay = respooler.segmentNumbers
    let going = index.facts.filter { numbers.contains($0.number) && !underWay.contains($0.number) }
    for facts in going { free(segment: facts.number, &local) }
    noteExpiry(going, spooled: 0, local, now)
    if !numbers.isEmpty { sync(layout.journal, &local) }
    if respooler.stage == .idle {
      let settled = Cleaner.settled(index.contents, durable) { isKept($0, $1, durable) }
      for range in settled.compactMap(\.range) {
        index.remove(range: range.ordinal)
      }
      countSpool()
      beginJob(durable, &local, now)
    }
    sweepSpool(&local)
    removeDoomed(&local, now)
  }

  /// When something may have become due of itself, or by what only the catalogue knows.
  private func nextLook(_ local: State, _ now: Now) -> Instant {
    if local.isShort || isFull { return now.instant + Self.retryInterval }
    let contents = index.contents
    if contents.contains(where: \.isSpool) || !local.doomed.isEmpty {
      return now.instant + Self.cleanInterval
    }
    // Of the log alone the oldest closed segment is due first; an hour bounds what a clock that is
    // set can do to it.
    guard let oldest = contents.lazy.compactMap(\.facts.sealedAt).first else {
      return .distantFuture
    }
    let due = oldest + local.limits.retentionSeconds * 1000
    let left = due - min(due, now.unix.value)
    return now.instant + max(Self.cleanInterval, .milliseconds(min(left, 3_600_000)))
  }

  /// Whether events between two sequences have to stay though nobody waits for them.
  private func isKept(_ first: UInt64, _ last: UInt64, _ durable: DurableCheckpoint) -> Bool {
    kept?.hasAny(first: first, last: last, since: durable.createdAt) ?? false
  }

  /// What the log is cleaned down to: below its bound, so that the cleaner works before publishing
  /// has to stop. Without space every segment that can go goes.
  private func limit(_ local: State) -> UInt64 {
    local.isShort ? 0 : local.limits.bytesMax / 8 * 7
  }

  private func beginJob(_ durable: DurableCheckpoint, _ local: inout State, _ now: Now) {
    let contents = index.contents
    var sources: [SegmentIndex.Segment] = []
    if index.spoolBytes < local.limits.spoolBytesMax {
      sources = Cleaner.spoolable(
        contents, cover: durable.cover, now: now.unix.value,
        retentionMilliseconds: local.limits.retentionSeconds * 1000, bytesMax: limit(local),
        extraBytes: local.preparedBytes, skipping: local.unreadable)
    }
    if sources.isEmpty {
      sources = Cleaner.mergeable(contents, skipping: local.unreadable)
    }
    guard let first = sources.first?.facts.firstSequence,
      let last = sources.last?.facts.lastSequence
    else { return }
    if let kept {
      guard let positions = kept.positions(first: first, last: last, since: durable.createdAt)
      else { return }
      durable.pending.kept = positions
    }
    do throws(StorageError) {
      try respooler.begin(sources, pending: durable.pending, now: now.unix.value)
    } catch { failed(error, &local, now) }
    noteUntidied(&local)
  }

  private func noteUntidied(_ local: inout State) {
    if let error = respooler.takeUntidied() { note(error, &local) }
  }

  /// Does a step of the job under way.
  func advanceSpool(_ local: inout State, _ now: Now) {
    guard respooler.stage == .copying else { return }
    do throws(StorageError) {
      switch try respooler.step() {
      case .more: return
      case .nothingPending:
        let sources = respooler.discard()
        drop(sources, &local)
        noteExpiry(sources.filter { !$0.isSpool }.map(\.facts), spooled: 0, local, now)
        local.cleanAt = now.instant
      case .written(let range):
        eventsSpooled.add(range.events)
        notices.post(.release(range))
      }
    } catch { failed(error, &local, now) }
  }

  private func failed(_ error: StorageError, _ local: inout State, _ now: Now) {
    note(error, &local)
    if case .damaged = error, let source = respooler.sourceUnderWay {
      local.unreadable.insert(source)
    }
    respooler.abandon()
    noteUntidied(&local)
    local.cleanAt = now.instant + Self.retryInterval
    guard error.isOutOfSpace else { return }
    becomeShort(&local, now)
    local.isReserveWhole = false
    do throws(StorageError) { _ = try reserve.giveSpace() } catch { note(error, &local) }
  }

  /// The record is durable: now, and not before, the segments may go.
  func released(_ ordinal: UInt64, _ local: inout State, _ now: Now) {
    let sources = respooler.complete(index)
    local.releaseOrdinal = ordinal
    releases.add()
    let segments = sources.filter { !$0.isSpool }.map(\.facts)
    for segment in segments { free(segment: segment.number, &local) }
    let spooled = index.ranges.first { $0.ordinal == ordinal }?.events ?? 0
    if segments.count == sources.count { noteExpiry(segments, spooled: spooled, local, now) }
    sync(layout.journal, &local)
    countSpool()
    local.cleanAt = now.instant
  }

  // MARK: Freeing

  /// Takes out what turned out to hold nothing pending. Without a record in the log a checkpoint
  /// that names it would miss it: the files go later.
  private func drop(_ sources: [SegmentIndex.Segment], _ local: inout State) {
    for source in sources {
      if let range = source.range {
        index.remove(range: range.ordinal)
      } else {
        index.remove(segment: source.facts.number)
        doom(layout.segment(source.facts.number), &local)
        segmentsFreed.add()
      }
    }
    countSpool()
  }

  private func noteExpiry(
    _ segments: [SegmentFacts], spooled: UInt64, _ local: State, _ now: Now
  ) {
    if segments.isEmpty { return }
    let isOld = segments.allSatisfy { facts in
      let age = now.unix.value - min(now.unix.value, facts.sealedAt ?? now.unix.value)
      return age > local.limits.retentionSeconds * 1000
    }
    (isOld ? expiredByAge : expiredBySpace).add(segments, spooled: spooled)
  }

  private func free(segment number: UInt64, _ local: inout State) {
    // First out of the index: a reader that was about to read it looks again and finds it gone.
    index.remove(segment: number)
    let path = layout.segment(number)
    if !remove(path, &local) { local.doomed[path] = local.saved }
    segmentsFreed.add()
  }

  /// - Returns: whether it is gone; else that was noted.
  private func remove(_ path: String, _ local: inout State) -> Bool {
    do throws(StorageError) {
      try onPath(path) { () throws(SystemError) in try disk.remove(path) }
    } catch {
      if error.isNotFound { return true }
      note(error, &local)
      return false
    }
    return true
  }

  /// After something was removed. A failure holds nothing up: a name that comes back after a power
  /// cut is that of a segment nobody waits for, whose range has its record, or of a file without a
  /// range; recovery counts it as such, and it is removed once more. But it is worth a word.
  private func sync(_ directory: String, _ local: inout State) {
    do throws(StorageError) {
      try onPath(directory) { () throws(SystemError) in try disk.syncDirectory(directory) }
    } catch { note(error, &local) }
  }

  /// Dooms the spool segments that hold no range any more.
  private func sweepSpool(_ local: inout State) {
    var names: [String] = []
    do throws(StorageError) {
      names = try onPath(layout.spool) { () throws(SystemError) in try disk.list(layout.spool) }
    } catch { note(error, &local) }
    let inUse = Set(index.ranges.map(\.file))
    for name in names {
      guard case .segment(let number) = DirectoryLayout.entry(name), !inUse.contains(number),
        number != respooler.fileInUse
      else { continue }
      doom(layout.spoolSegment(number), &local)
    }
  }

  private func doom(_ path: String, _ local: inout State) {
    if local.doomed[path] == nil { local.doomed[path] = local.saved + 2 }
  }

  /// Removes what no checkpoint that may be used names any more; what can't be removed now is tried
  /// again at each cleaning.
  private func removeDoomed(_ local: inout State, _ now: Now) {
    let due = local.doomed.filter { $0.value <= local.saved }.keys.sorted()
    for path in due where remove(path, &local) { local.doomed[path] = nil }
    if !due.isEmpty {
      sync(layout.spool, &local)
      sync(layout.journal, &local)
    }
    guard local.doomed.values.contains(where: { $0 > local.saved }) else { return }
    wantCheckpoint(&local, now)
    local.cleanAt = min(local.cleanAt, now.instant + Self.retryInterval)
  }
}
