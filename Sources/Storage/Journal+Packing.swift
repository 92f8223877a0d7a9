internal import Base
internal import Flow
internal import Platform

/// From sealed blocks and outcomes to bytes in the gather buffer.
extension Journal {
  /// Outcomes that travel in an event block; more get a block of their own, so that a later read of
  /// the events does not drag them along.
  private static let outcomesBesideEvents = 256
  /// Definitions in an event block; more bytes than this get blocks of their own.
  private static let definitionBytesMax = 256 << 10

  func packEvents(_ now: Now) {
    while roll == .none, buffer.count < Self.gatherBytesMax, let ref = sealed.peek() {
      guard pack(ref) else { return startRoll() }
      _ = sealed.pop()
      lastActivity = now.instant
    }
  }

  /// Lays one event block down.
  /// - Returns: `false` when the segment has no room; nothing was laid down but definitions.
  private func pack(_ ref: BlockRef) -> Bool {
    let block = window.arena[ref]
    let definitionBytes = noteAudiences(of: block)
    if definitionBytes > Self.definitionBytesMax, definitionQueue.isEmpty, !headIsDefined {
      definitionQueue = fresh
      headIsDefined = true
    }
    if headIsDefined { fresh.removeAll(keepingCapacity: true) }
    guard packDefinitionQueue() else { return false }
    let outcomesHere = outcomes.waiting <= Self.outcomesBesideEvents ? outcomes.waiting : 0
    let tables = 4 * (BlockTables.tableHeaderBytes + 8)
    let section =
      unsafe tables + block.headers.count + outcomesHere * BlockTables.outcomeBytes
      + (headIsDefined ? 0 : definitionBytes)
    guard fits(BlockHeader.byteCount + section + block.payloadCount, events: block.eventCount)
    else { return false }
    lay(block, ref: ref, outcomes: outcomesHere)
    headIsDefined = false
    return true
  }

  /// Lists the block's audiences in the footer-to-be and finds those to define.
  /// - Returns: the bytes of their definitions.
  private func noteAudiences(of block: Block) -> Int {
    fresh.removeAll(keepingCapacity: true)
    var bytes = 0
    var last: UInt32 = 0
    for index in 0..<block.eventCount {
      let audience = block.audience(index)
      if audience.value == last { continue }
      last = audience.value
      if last != 0, ledger.note(last) {
        let set = unsafe window.audiences.endpoints(of: audience)
        fresh.append(audience)
        bytes += 8 + 4 * set.count
        endpointHighWater = max(endpointHighWater, unsafe set.last?.value ?? 0)
      }
    }
    return bytes
  }

  /// Whether a block of `bytes` bytes fits in front of the footer that it makes necessary.
  private func fits(_ bytes: Int, events: Int) -> Bool {
    let end = active.offset + buffer.count + Format.aligned(bytes)
    return end + ledger.footerBytes(withEvents: events) <= active.blockBytesMax
  }

  private func lay(_ block: Block, ref: BlockRef, outcomes count: Int) {
    let sequence = nextSequence
    block.sequence = sequence
    let start = buffer.count
    var writer = BlockWriter(buffer, kind: .events, sequence: sequence)
    writer.table(
      TableTag.events, count: block.eventCount, bytes: unsafe RawView(block.headers))
    writer.define(fresh, in: window.audiences)
    if count > 0 {
      outcomes.writeTables(&writer, sequence: sequence, limit: count) { self.took($0) }
    }
    let length = writer.finish(payload: unsafe RawView(block.payload))
    finishBlock(
      start: start, length: length, unpackedBy: writer.bytesSaved, events: block.eventCount,
      ref: ref)
    counters.accepted.add(UInt64(block.eventCount))
    counters.plainBytes.add(UInt64(block.payloadCount))
    eventBlocksPacked += 1
  }

  /// Lays down definitions that are too many for the block that needs them, about 1 MiB a block.
  private func packDefinitionQueue() -> Bool {
    while !definitionQueue.isEmpty {
      var count = 0
      var bytes = BlockHeader.byteCount + BlockTables.tableHeaderBytes + 8
      repeat {
        bytes += unsafe 8 + 4 * window.audiences.endpoints(of: definitionQueue[count]).count
        count += 1
      } while count < definitionQueue.count && bytes < 1 << 20
      guard fits(bytes, events: 0) else { return false }
      let start = buffer.count
      var writer = BlockWriter(buffer, kind: .tables, sequence: nextSequence)
      writer.define(Array(definitionQueue.prefix(count)), in: window.audiences)
      finishBlock(start: start, length: writer.finish(), ref: nil)
      definitionQueue.removeFirst(count)
    }
    return true
  }

  /// - Parameter saved: bytes that packing took off its payload.
  private func finishBlock(
    start: Int, length: Int, unpackedBy saved: Int = 0, events: Int = 0, ref: BlockRef?
  ) {
    let usage = LogUsage(
      bytes: UInt64(length), plainBytes: UInt64(length + saved), events: UInt64(events))
    let block = PendingBlock(
      sequence: nextSequence, start: start, length: length, usage: usage, ref: ref)
    if ref != nil {
      ledger.add(
        sequence: nextSequence, offset: active.offset + start, length: length)
    }
    pending.append(block)
    nextSequence += 1
    needsStatement = true
  }

  private func took(_ outcome: Outcome) {
    counters.count(outcome)
    tap?.note(outcome, seen: unix)
    settledRecently.add(outcome)
    endpointHighWater = max(endpointHighWater, outcome.endpoint.value)
  }

  /// Lays waiting outcomes down when they are due, or when events are about to be written anyway.
  func packOutcomes(_ now: Now) {
    guard roll == .none, let since = outcomes.oldest else { return }
    let due = now.instant >= since + Self.outcomeDelay
    let ride = !pending.isEmpty && syncTarget == nil
    guard due || ride || finishing != .no else { return }
    while outcomes.waiting > 0, outcomes.maySettle, buffer.count < Self.gatherBytesMax {
      let count = min(outcomes.waiting, OutcomeIntake.perBlock)
      let bytes = count * BlockTables.outcomeBytes + 4 * BlockTables.tableHeaderBytes
      guard fits(BlockHeader.byteCount + bytes, events: 0) else { return startRoll() }
      let start = buffer.count
      let sequence = nextSequence
      var writer = BlockWriter(buffer, kind: .tables, sequence: sequence)
      outcomes.writeTables(&writer, sequence: sequence, limit: count) { self.took($0) }
      finishBlock(start: start, length: writer.finish(), ref: nil)
      lastActivity = now.instant
    }
  }

  /// Lays releases down, in a block of their own; its sync is what lets segments go.
  func packReleases(_ now: Now) {
    guard roll == .none, !releases.isEmpty, finishing == .no || finishing == .draining
    else { return }
    let bytes = BlockTables.tableHeaderBytes + 8 + releases.count * SpoolRange.byteCount
    guard fits(BlockHeader.byteCount + bytes, events: 0) else { return startRoll() }
    let start = buffer.count
    let sequence = nextSequence
    var writer = BlockWriter(buffer, kind: .releases, sequence: sequence)
    let table = writer.beginTable(TableTag.releases)
    for range in releases {
      range.append(to: buffer)
      releasesWritten.append((sequence, range.ordinal))
    }
    writer.endTable(table, count: releases.count)
    releases.removeAll()
    finishBlock(start: start, length: writer.finish(), ref: nil)
    if unsyncedSince == nil { unsyncedSince = now.instant }
    lastActivity = now.instant
  }

  /// An empty block whose header says how far the log is durable: once when the log falls silent.
  func stateWatermarkIfIdle(_ now: Now) {
    guard needsStatement, syncTarget == nil, pending.isEmpty, written.isEmpty, roll == .none,
      sealed.count == 0, outcomes.waiting == 0, writtenThrough == syncedThrough
    else { return }
    let idle = lastActivity.map { now.instant >= $0 + Self.idleDelay } ?? true
    guard idle || finishing == .statement else { return }
    guard fits(BlockHeader.byteCount, events: 0) else { return startRoll() }
    let start = buffer.count
    var writer = BlockWriter(buffer, kind: .tables, sequence: nextSequence)
    finishBlock(start: start, length: writer.finish(), ref: nil)
    needsStatement = false
    let stated = syncedThrough
    write(now)
    if failure == nil { mark(stated) }
    if failure == nil { submitSync(now) }
  }

  /// The footer goes behind what is laid down; the segment then only waits for its last sync.
  func startRoll() {
    guard roll == .none else { return }
    roll = .closing
    let start = buffer.count
    let length = ledger.writeFooter(buffer, sequence: nextSequence)
    finishBlock(start: start, length: length, ref: nil)
  }
}
