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
  /// - Complexity: O(segments · log holes).
  public static func freeable(
    _ segments: [SegmentFacts], cover: CheckpointCover, now: UInt64,
    retentionMilliseconds: UInt64, bytesMax: UInt64, extraBytes: UInt64 = 0
  ) -> [UInt64] {
    var total = segments.reduce(extraBytes) { $0 + $1.bytes }
    var result: [UInt64] = []
    for segment in segments {
      guard let sealedAt = segment.sealedAt, segment.lastSequence <= cover.replayAfter,
        !cover.isPending(first: segment.firstSequence, last: segment.lastSequence)
      else { continue }
      let isOld = now > sealedAt && now - sealedAt > retentionMilliseconds
      guard isOld || total > bytesMax else { continue }
      total -= min(total, segment.bytes)
      result.append(segment.number)
    }
    return result
  }
}
