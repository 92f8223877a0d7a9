internal import Base
internal import Flow
internal import Platform

/// From bytes in the gather buffer to blocks that everybody may see.
extension Journal {
  func mayWrite(_ now: Now) -> Bool {
    if pending.isEmpty { return false }
    if let since = outcomes.oldest, now.instant >= since + Self.outcomeDelay { return true }
    guard syncTarget == nil else { return false }
    return roll == .closing || finishing != .no
      || now.instant >= lastWrite + Self.commitInterval
  }

  /// One pwrite for everything gathered.
  func write(_ now: Now) {
    for index in 0..<pending.count {
      BlockHeader.seal(
        in: buffer, at: pending[index].start, salt: active.header.salt,
        durableThrough: syncedThrough)
      pending[index].offset = active.offset + pending[index].start
    }
    do throws(SystemError) {
      try unsafe disk.writeAll(active.file, buffer.view.bytes, at: UInt64(active.offset))
      if roll == .closing { try writeTrailer() }
    } catch { return fail(error, path: active.path) }
    counters.writes.add()
    counters.bytes.add(UInt64(buffer.count))
    active.offset += buffer.count
    writtenThrough = nextSequence - 1
    lastWrite = now.instant
    if let since = outcomes.didWrite(now.instant), unsyncedSince == nil { unsyncedSince = since }
    written.append(contentsOf: pending)
    pending.removeAll(keepingCapacity: true)
    buffer.removeAll()
    buffer.shrink(to: 8 << 20)
    if configuration.durability == .os {
      if unsyncedSince == nil { unsyncedSince = now.instant }
      commit(through: writtenThrough)
    }
  }

  private func writeTrailer() throws(SystemError) {
    guard let footer = pending.last else { return }
    var usage = index.activeUsage
    for block in written { usage += block.usage }
    for block in pending { usage += block.usage }
    let trailer = GatherBuffer(capacity: SegmentTrailer.byteCount)
    SegmentTrailer(
      salt: active.header.salt, footerOffset: UInt64(footer.offset),
      footerLength: UInt64(footer.length), plainBytes: usage.plainBytes, events: usage.events
    ).append(to: trailer)
    try unsafe disk.writeAll(
      active.file, trailer.view.bytes, at: UInt64(active.blockBytesMax))
  }

  /// States the watermark once more at the segment's end.
  func mark(_ sequence: UInt64) {
    let buffer = GatherBuffer(capacity: SegmentTrailer.byteCount)
    SegmentMark(salt: active.header.salt, durableThrough: sequence).append(to: buffer)
    do throws(SystemError) {
      try unsafe disk.writeAll(active.file, buffer.view.bytes, at: UInt64(active.blockBytesMax))
    } catch { fail(error, path: active.path) }
  }

  func submitSyncIfDue(_ now: Now) {
    guard syncTarget == nil, writtenThrough > syncedThrough else { return }
    let hasEvents = configuration.durability == .fsync && written.contains { $0.hasEvents }
    let late = unsyncedSince.map { now.instant >= $0 + Self.syncDelay } ?? false
    guard hasEvents || late || finishing != .no || (roll == .closing && pending.isEmpty)
    else { return }
    if hasEvents, isQuiet(now), syncHere(now) { return }
    submitSync(now)
  }

  /// Whether this thread has nothing better to do than to wait for the disk: one block came after a
  /// pause, and no outcome of an earlier one is on its way. Under load it reads publishers meanwhile.
  private func isQuiet(_ now: Now) -> Bool {
    written.count { $0.hasEvents } == 1 && sealed.count == 0 && outcomes.waiting == 0 && roll == .none
      && finishing == .no && now.instant >= lastSync + Self.quietTime
  }

  /// - Returns: `false` when the queue can't.
  private func syncHere(_ now: Now) -> Bool {
    guard let (code, time) = sync.syncNow(active.file) else { return false }
    syncStarted = now.instant
    unsyncedSince = nil
    outcomes.didSubmit()
    ended(
      SyncCompletion(token: writtenThrough, code: code),
      Now(instant: now.instant + time, unix: now.unix))
    return true
  }

  func submitSync(_ now: Now) {
    guard syncTarget == nil, sync.submit(active.file, token: writtenThrough) else { return }
    syncTarget = writtenThrough
    syncStarted = now.instant
    unsyncedSince = nil
    outcomes.didSubmit()
  }

  func takeCompletion(_ now: Now) {
    guard let completion = sync.completion() else { return }
    ended(completion, now)
  }

  private func ended(_ completion: SyncCompletion, _ now: Now) {
    syncTarget = nil
    lastSync = now.instant
    if completion.code != 0 {
      return fail(SystemError(code: completion.code, operation: "fdatasync"), path: active.path)
    }
    counters.syncs.add()
    counters.syncDuration.record(now.instant.since(syncStarted))
    syncedThrough = completion.token
    commit(through: completion.token)
    outcomes.didSync(through: completion.token)
    confirmReleases()
    if roll == .closing, pending.isEmpty, syncedThrough == writtenThrough { closeSegment(now) }
  }

  /// Tells the keeper which releases are durable: before any checkpoint that covers their blocks,
  /// for those must list them.
  private func confirmReleases() {
    let durable = releasesWritten.prefix { $0.sequence <= syncedThrough }
    for release in durable { keeper.post(.released(release.ordinal)) }
    releasesWritten.removeFirst(durable.count)
  }

  /// Makes every written block up to `sequence` known: index, window, then ingest.
  private func commit(through sequence: UInt64) {
    var count = 0
    while count < written.count, written[count].sequence <= sequence {
      let block = written[count]
      let entry =
        block.hasEvents
        ? SegmentIndex.Entry(
          sequence: block.sequence, offset: block.offset, length: block.length) : nil
      index.committed(through: block.sequence, usage: block.usage, entry: entry)
      window.publish(sequence: block.sequence, ref: block.ref)
      count += 1
    }
    if count == 0 { return }
    window.commit(through: written[count - 1].sequence)
    for block in written[..<count] {
      guard let ref = block.ref else { continue }
      eventBlocksSynced += 1
      require(committed.push(ref), "the ring of committed blocks is smaller than the arena")
    }
    written.removeFirst(count)
  }

  // MARK: The next segment

  private func closeSegment(_ now: Now) {
    disk.close(active.file)
    index.seal(at: now.unix.value)
    roll = .waiting
    activate(now)
  }

  func activate(_ now: Now) {
    guard let next = prepared else { return }
    prepared = nil
    let header = SegmentHeader(
      number: next.number, firstSequence: nextSequence, createdAt: now.unix.value,
      segmentBytes: UInt64(configuration.segmentBytes))
    active = ActiveSegment(
      header: header, file: next.file, offset: 0, path: layout.segment(next.number))
    ledger.begin()
    header.append(to: buffer)
    index.begin(
      SegmentFacts(
        number: next.number, salt: header.salt, firstSequence: nextSequence,
        lastSequence: nextSequence - 1, bytes: header.segmentBytes, createdAt: header.createdAt,
        sealedAt: nil))
    roll = .none
    checkpointPending = true
    keeper.post(.prepare(next.number + 1))
  }
}
