internal import Base
public import Flow
internal import Platform

/// A checkpoint that is being gathered.
struct CheckpointRequest {
  /// The log as it stood when the request was made: the images are later, so that every outcome in
  /// blocks up to here is in them.
  var sequence: UInt64
  var createdAt: UInt64
  var counters: LifetimeCounters
  /// Where in the settled log the request was made.
  var settledEnd: Int
  /// Blocks handed back to ingest once all up to `sequence` were durable.
  var told: UInt64?
  var images: [ReactorImage?]
  var remembered: [RememberedID]?
  /// Events accepted before `remembered` was taken are in the first so many event blocks.
  var barrier: UInt64 = 0
  var completedAt: Instant?
  var isSent = false

  var hasImages: Bool { images.allSatisfy { $0 != nil } }
  var isComplete: Bool { remembered != nil && hasImages }
}

/// Gathering checkpoints, and the clean stop that ends with one.
extension Journal {
  /// Whether the broker should ask every reactor for its image, *after* it read this as true, and
  /// supply them.
  public var wantsImages: Bool { checkpoint.map { !$0.hasImages } ?? false }

  /// Whether ingest's remembered ids should be supplied.
  ///
  /// Not before ingest has heard that every block of the request is durable: it names only ids of
  /// durable events, and recovery reads those blocks no more. One that is left out is forgotten, and
  /// the publisher's second try stored again.
  public var wantsRemembered: Bool {
    guard let request = checkpoint, request.remembered == nil, let told = request.told else {
      return false
    }
    return committed.pushedTotal - UInt64(committed.count) >= told
  }

  /// Takes a reactor's image.
  public func supply(_ image: ReactorImage) {
    guard let request = checkpoint, !request.isSent, request.images.indices.contains(image.reactor)
    else { return }
    checkpoint?.images[image.reactor] = image
  }

  /// Takes ingest's remembered ids.
  public func supply(remembered: [RememberedID]) {
    guard wantsRemembered else { return }
    checkpoint?.remembered = remembered
    // An open block may hold the newest of them: it comes after the sealed ones.
    checkpoint?.barrier = eventBlocksPacked + UInt64(sealed.count) + 1
  }

  /// Begins a clean stop: everything left is written, a last checkpoint is taken (`wantsImages`
  /// becomes true once more), and a synced empty block states that the log is complete. Call `turn`
  /// until `isFinished`; ingest and the reactors have stopped before.
  public func finish() { if finishing == .no { finishing = .draining } }

  /// Whether the clean stop is complete.
  public var isFinished: Bool { finishing == .done }

  func advanceCheckpoint(_ now: Now) {
    if checkpoint == nil, checkpointPending, roll == .none {
      checkpointPending = false
      checkpoint = CheckpointRequest(
        sequence: nextSequence - 1, createdAt: now.unix.value, counters: counters.lifetime,
        settledEnd: settledRecently.end,
        images: [ReactorImage?](repeating: nil, count: window.reactorCount))
    }
    if let request = checkpoint, request.told == nil, window.committedThrough >= request.sequence {
      checkpoint?.told = committed.pushedTotal
    }
    guard let request = checkpoint, request.isComplete, !request.isSent else { return }
    let since = request.completedAt ?? now.instant
    if request.completedAt == nil { checkpoint?.completedAt = since }
    guard isCovered(request, since: since, now: now) else { return }
    send(request)
  }

  /// Whether nothing in the request is newer than the durable log: neither a cursor nor an id, for
  /// an id that is remembered and not stored would swallow the publisher's second try.
  private func isCovered(_ request: CheckpointRequest, since: Instant, now: Now) -> Bool {
    var needed = request.sequence
    for image in request.images { needed = max(needed, image?.walkedThrough ?? 0) }
    guard syncedThrough >= needed else { return false }
    if eventBlocksSynced >= request.barrier, configuration.durability == .fsync { return true }
    // No more events come: ingest seals what it has within a turn of a free journal.
    return isFree && written.isEmpty && sealed.count == 0 && syncedThrough == writtenThrough
      && now.instant >= max(since, lastActivity ?? since) + .milliseconds(2)
  }

  private func send(_ request: CheckpointRequest) {
    checkpoint?.isSent = true
    keeper.post(
      .checkpoint(
        CheckpointParts(
          sequence: request.sequence, createdAt: request.createdAt, counters: request.counters,
          images: request.images.compactMap { $0 }, remembered: request.remembered ?? [],
          settled: settledRecently.outcomes(before: request.settledEnd),
          audienceCount: window.audiences.count, endpointHighWater: endpointHighWater)))
  }

  func checkpointEnded(_ sequence: UInt64, durable: Bool) {
    guard let request = checkpoint, request.sequence == sequence else { return }
    // The next checkpoint repeats what came since this one was asked for, no more.
    if durable { settledRecently.drop(before: request.settledEnd) }
    checkpoint = nil
    if finishing == .checkpoint {
      finishing = .statement
      needsStatement = true
    }
  }

  func advanceFinish(_ now: Now) {
    switch finishing {
    case .no, .checkpoint, .done: return
    case .draining:
      guard isFree, sealed.count == 0, outcomes.waiting == 0, written.isEmpty,
        syncedThrough == writtenThrough, checkpoint == nil, !checkpointPending, releases.isEmpty
      else { return }
      checkpointPending = true
      finishing = .checkpoint
    case .statement:
      if !needsStatement, syncTarget == nil, syncedThrough == nextSequence - 1 {
        finishing = .done
      }
    }
  }
}
