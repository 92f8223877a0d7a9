/// A piece of a spool segment that stands for a stretch of the log: what a `Released` record says.
///
/// Everything that was pending in blocks `firstSequence` to `lastSequence` lies in it, so the
/// segments that held them may go. Of two ranges that overlap the one with the higher ordinal
/// counts; it covers the other whole.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 8 | ordinal | counts up with each release |
/// | 8 | 8 | firstSequence | of the blocks that it stands for |
/// | 16 | 8 | lastSequence | of the same |
/// | 24 | 8 | file | number of the spool segment |
/// | 32 | 8 | salt | of that segment |
/// | 40 | 8 | offset | where its first block stands, bytes |
/// | 48 | 8 | length | of all its blocks, the footer included |
/// | 56 | 8 | footerLength | of its last block |
/// | 64 | 8 | events | in it |
/// | 72 | 8 | plainBytes | payload before packing |
/// | 80 | 8 | sealedAt | when the newest of the segments was closed, Unix milliseconds |
public struct SpoolRange: BitwiseCopyable, Sendable, Equatable {
  static let byteCount = 88
  /// Audiences of a range that are kept in memory; of more nothing is known.
  static let audiencesKeptMax = 4096

  /// Counts up with each release.
  public var ordinal: UInt64
  /// The first sequence that it stands for.
  public var firstSequence: UInt64
  /// The last.
  public var lastSequence: UInt64
  /// The spool segment's number.
  public var file: UInt64
  /// The spool segment's salt.
  public var salt: UInt64
  /// Where it begins in the file.
  public var offset: UInt64
  /// Bytes it takes there.
  public var length: UInt64
  /// Bytes of its footer block, the last one.
  public var footerLength: UInt64 = 0
  /// Events in it.
  public var events: UInt64 = 0
  /// Their payload before packing.
  public var plainBytes: UInt64 = 0
  /// When the newest segment it stands for was closed, Unix milliseconds.
  public var sealedAt: UInt64 = 0

  init(
    ordinal: UInt64, firstSequence: UInt64, lastSequence: UInt64, file: UInt64, salt: UInt64,
    offset: UInt64, length: UInt64 = 0
  ) {
    self.ordinal = ordinal
    self.firstSequence = firstSequence
    self.lastSequence = lastSequence
    self.file = file
    self.salt = salt
    self.offset = offset
    self.length = length
  }

  /// Reads one; the view has at least `byteCount` bytes from `offset` on.
  init(_ view: RawView, at place: Int) {
    self.init(
      ordinal: view.u64(place), firstSequence: view.u64(place + 8),
      lastSequence: view.u64(place + 16), file: view.u64(place + 24), salt: view.u64(place + 32),
      offset: view.u64(place + 40), length: view.u64(place + 48))
    footerLength = view.u64(place + 56)
    events = view.u64(place + 64)
    plainBytes = view.u64(place + 72)
    sealedAt = view.u64(place + 80)
  }

  func append(to buffer: GatherBuffer) {
    for value in [
      ordinal, firstSequence, lastSequence, file, salt, offset, length, footerLength, events,
      plainBytes, sealedAt,
    ] {
      buffer.append(value.littleEndian)
    }
  }

  /// Whether this one takes the place of everything in `first...last`.
  func covers(_ first: UInt64, _ last: UInt64) -> Bool {
    firstSequence <= first && last <= lastSequence
  }
}

extension [SpoolRange] {
  /// Applies a release: what the range stands for now stands nowhere else.
  mutating func release(_ range: SpoolRange) {
    removeAll { range.covers($0.firstSequence, $0.lastSequence) }
    let place = firstIndex { $0.firstSequence > range.firstSequence } ?? count
    insert(range, at: place)
  }
}
