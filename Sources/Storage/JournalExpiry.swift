public import Base

/// What the journal no longer keeps: written by the keeper's thread, read by any.
public final class JournalExpiry: Sendable {
  /// Segments that went.
  public let segments = Counter()
  /// Their events, but for those that the spool has.
  public let events = Counter()
  /// Their bytes on disk.
  public let bytes = Counter()

  func add(_ facts: [SegmentFacts], spooled: UInt64) {
    segments.add(UInt64(facts.count))
    bytes.add(facts.reduce(0) { $0 + $1.bytes })
    let all = facts.reduce(0) { $0 + $1.usage.events }
    events.add(all - min(all, spooled))
  }
}
