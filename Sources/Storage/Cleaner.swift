internal import Flow

/// Decides which segments may go. Pure: the keeper does what it says.
public enum Cleaner {
  /// The segments to free, oldest first.
  ///
  /// A segment may go when it is closed, no delivery needs an event in it, and recovery would not
  /// read it. It goes when it is past retention, or while all of them together exceed `bytesMax`.
  /// - Parameters:
  ///   - segments: all live ones, oldest first.
  ///   - now: Unix milliseconds.
  ///   - extraBytes: bytes that count as well: the prepared segment.
  ///   - isKept: whether events between two sequences have to stay though nobody waits for them;
  ///     asked of segments that would go.
  /// - Complexity: O(segments · log holes).
  public static func freeable(
    _ segments: [SegmentFacts], cover: CheckpointCover, now: UInt64,
    retentionMilliseconds: UInt64, bytesMax: UInt64, extraBytes: UInt64 = 0,
    isKept: (_ first: UInt64, _ last: UInt64) -> Bool = { _, _ in false }
  ) -> [UInt64] {
    var total = segments.reduce(extraBytes) { $0 + $1.bytes }
    var result: [UInt64] = []
    for segment in segments {
      guard let sealedAt = segment.sealedAt, segment.lastSequence <= cover.replayAfter,
        !cover.isPending(first: segment.firstSequence, last: segment.lastSequence)
      else { continue }
      let isOld = now > sealedAt && now - sealedAt > retentionMilliseconds
      guard isOld || total > bytesMax, !isKept(segment.firstSequence, segment.lastSequence)
      else { continue }
      total -= min(total, segment.bytes)
      result.append(segment.number)
    }
    return result
  }

  /// The segments that are due and can't just go, for events in them are waited for or kept: a run
  /// of neighbours, oldest first.
  ///
  /// Due is what is past retention, and the oldest while all together exceed `bytesMax`.
  /// - Parameters:
  ///   - contents: all segments and spool ranges, oldest first, after `freeable` ones went.
  ///   - skipping: what could not be read, by its first sequence.
  static func spoolable(
    _ contents: [SegmentIndex.Segment], cover: CheckpointCover, now: UInt64,
    retentionMilliseconds: UInt64, bytesMax: UInt64, extraBytes: UInt64, skipping: Set<UInt64>
  ) -> [SegmentIndex.Segment] {
    var total = contents.reduce(extraBytes) { $0 + ($1.isSpool ? 0 : $1.facts.bytes) }
    var run: [SegmentIndex.Segment] = []
    for segment in contents {
      guard !segment.isSpool, let sealedAt = segment.facts.sealedAt,
        segment.facts.lastSequence <= cover.replayAfter, !skipping.contains(segment.facts.firstSequence),
        total > bytesMax || (now > sealedAt && now - sealedAt > retentionMilliseconds)
      else {
        if run.isEmpty { continue }
        break
      }
      total -= min(total, segment.facts.bytes)
      run.append(segment)
      if run.count == runMax { break }
    }
    return run
  }

  /// Segments that one release stands for at most: their space comes back only with it.
  private static let runMax = 4
  /// Ranges shorter than this are merged, so many neighbours at a time.
  static let rangeBytesSmall: UInt64 = 4 << 20
  private static let mergeCount = 8

  /// A run of short neighbouring ranges that is worth being one.
  static func mergeable(_ contents: [SegmentIndex.Segment], skipping: Set<UInt64>)
    -> [SegmentIndex.Segment]
  {
    var run: [SegmentIndex.Segment] = []
    for segment in contents {
      if let range = segment.range, range.length < rangeBytesSmall,
        !skipping.contains(range.firstSequence)
      {
        run.append(segment)
        if run.count == mergeCount { return run }
      } else {
        run.removeAll()
      }
    }
    return []
  }

  /// The ranges that nobody waits for any more, and of which nothing is kept.
  static func settled(
    _ contents: [SegmentIndex.Segment], _ checkpoint: DurableCheckpoint,
    isKept: (_ first: UInt64, _ last: UInt64) -> Bool
  ) -> [SegmentIndex.Segment] {
    contents.filter { segment in
      guard let range = segment.range else { return false }
      return isSettled(range, segment.audiences, checkpoint)
        && !isKept(range.firstSequence, range.lastSequence)
    }
  }

  private static func isSettled(
    _ range: SpoolRange, _ audiences: [AudienceNumber]?, _ checkpoint: DurableCheckpoint
  ) -> Bool {
    let (first, last) = (range.firstSequence, range.lastSequence)
    if !checkpoint.cover.isPending(first: first, last: last) { return true }
    guard let audiences else { return false }
    return !checkpoint.pending.hasHole(first: first, last: last)
      && !audiences.contains { checkpoint.pending.isAwaited($0, through: last) }
  }
}
