internal import Base

/// The first 64 bytes of a segment; all zero while a prepared segment waits for its use.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 4 | magic | `FFS1` |
/// | 4 | 2 | version | `Format.version` |
/// | 6 | 2 | purpose | 0: the log; 1: the spool, where `firstSequence` and `segmentBytes` are 0 |
/// | 8 | 8 | number | as in the file's name |
/// | 16 | 8 | firstSequence | every block from this one on stands here or later |
/// | 24 | 8 | salt | repeated in every block |
/// | 32 | 8 | createdAt | Unix milliseconds |
/// | 40 | 8 | segmentBytes | the file's length when it was prepared |
/// | 48 | 12 | – | zero |
/// | 60 | 4 | CRC-32C of bytes 0–59 |
package struct SegmentHeader: Equatable {
  package static let byteCount = 64
  package static let magic: UInt32 = 0x3153_4646

  /// What the blocks are for.
  package enum Purpose: UInt16 {
    /// The log itself.
    case log = 0
    /// What is still pending of segments that are gone.
    case spool = 1
  }

  package var number: UInt64
  package var firstSequence: UInt64
  package var salt: UInt64
  package var createdAt: UInt64
  package var segmentBytes: UInt64
  package var purpose: Purpose

  package init(
    number: UInt64, firstSequence: UInt64, createdAt: UInt64, segmentBytes: UInt64,
    purpose: Purpose = .log
  ) {
    self.number = number
    self.purpose = purpose
    self.firstSequence = firstSequence
    self.createdAt = createdAt
    self.segmentBytes = segmentBytes
    // Differs from every earlier use of the same disk blocks: the number never repeats, and a
    // restored copy that repeats it does so at another time.
    var random = SeededRandom(seed: number &* 0x9E37_79B9_7F4A_7C15 ^ createdAt << 20)
    salt = random.next() ^ firstSequence
  }

  /// What 64 bytes at the start of a segment file are.
  package enum Reading: Equatable {
    case valid(SegmentHeader)
    case zero
    case newer(Int)
    case damaged
  }

  package static func read(_ view: RawView) -> Reading {
    guard view.count >= byteCount else { return .damaged }
    if view.isZero(0, byteCount) { return .zero }
    guard view.u32(0) == magic, view.hasHeaderCRC else { return .damaged }
    if view.u16(4) != Format.version { return .newer(Int(view.u16(4))) }
    guard let purpose = Purpose(rawValue: view.u16(6)) else { return .damaged }
    return .valid(SegmentHeader(view, purpose))
  }

  private init(_ view: RawView, _ purpose: Purpose) {
    self.purpose = purpose
    number = view.u64(8)
    firstSequence = view.u64(16)
    salt = view.u64(24)
    createdAt = view.u64(32)
    segmentBytes = view.u64(40)
  }

  package func append(to buffer: GatherBuffer) {
    let start = buffer.count
    buffer.append(Self.magic.littleEndian)
    buffer.append(Format.version.littleEndian)
    buffer.append(purpose.rawValue.littleEndian)
    buffer.append(number.littleEndian)
    buffer.append(firstSequence.littleEndian)
    buffer.append(salt.littleEndian)
    buffer.append(createdAt.littleEndian)
    buffer.append(segmentBytes.littleEndian)
    buffer.endHeader(from: start)
  }
}

/// The last 64 bytes of a full segment: where its footer block is.
///
/// | Offset | Size | Field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `FFT1` |
/// | 4 | 4 | version |
/// | 8 | 8 | salt |
/// | 16 | 8 | offset of the footer block |
/// | 24 | 8 | its length |
/// | 32 | 8 | bytes of all blocks with their payloads unpacked |
/// | 40 | 8 | events |
/// | 48 | 12 | zero |
/// | 60 | 4 | CRC-32C of bytes 0–59 |
struct SegmentTrailer: Equatable {
  static let byteCount = 64
  static let magic: UInt32 = 0x3154_4646

  var salt: UInt64
  var footerOffset: UInt64
  var footerLength: UInt64
  var plainBytes: UInt64
  var events: UInt64

  init(
    salt: UInt64, footerOffset: UInt64, footerLength: UInt64, plainBytes: UInt64 = 0,
    events: UInt64 = 0
  ) {
    self.salt = salt
    self.footerOffset = footerOffset
    self.footerLength = footerLength
    self.plainBytes = plainBytes
    self.events = events
  }

  /// What the segment holds, for `status`.
  var usage: LogUsage {
    let blocks = UInt64(SegmentHeader.byteCount)
    let bytes = footerOffset + footerLength - min(blocks, footerOffset)
    return LogUsage(bytes: bytes, plainBytes: max(plainBytes, bytes), events: events)
  }

  init?(_ view: RawView) {
    guard view.count >= Self.byteCount, view.u32(0) == Self.magic,
      view.u32(4) == UInt32(Format.version), view.hasHeaderCRC
    else { return nil }
    salt = view.u64(8)
    footerOffset = view.u64(16)
    footerLength = view.u64(24)
    plainBytes = view.u64(32)
    events = view.u64(40)
  }

  func append(to buffer: GatherBuffer) {
    let start = buffer.count
    buffer.append(Self.magic.littleEndian)
    buffer.append(UInt32(Format.version).littleEndian)
    buffer.append(salt.littleEndian)
    buffer.append(footerOffset.littleEndian)
    buffer.append(footerLength.littleEndian)
    buffer.append(plainBytes.littleEndian)
    buffer.append(events.littleEndian)
    buffer.endHeader(from: start)
  }
}

/// Stands where the trailer of a segment will be, while the log is silent: how far the log was
/// synced. Far from the last block, so that one lost piece of the disk can't take both.
///
/// | Offset | Size | Field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `FFM1` |
/// | 4 | 4 | version |
/// | 8 | 8 | salt |
/// | 16 | 8 | durableThrough |
/// | 24 | 36 | zero |
/// | 60 | 4 | CRC-32C of bytes 0–59 |
struct SegmentMark: Equatable {
  static let magic: UInt32 = 0x314D_4646

  var salt: UInt64
  var durableThrough: UInt64

  init(salt: UInt64, durableThrough: UInt64) {
    self.salt = salt
    self.durableThrough = durableThrough
  }

  init?(_ view: RawView) {
    guard view.count >= SegmentTrailer.byteCount, view.u32(0) == Self.magic,
      view.u32(4) == UInt32(Format.version), view.hasHeaderCRC
    else { return nil }
    salt = view.u64(8)
    durableThrough = view.u64(16)
  }

  func append(to buffer: GatherBuffer) {
    let start = buffer.count
    buffer.append(Self.magic.littleEndian)
    buffer.append(UInt32(Format.version).littleEndian)
    buffer.append(salt.littleEndian)
    buffer.append(durableThrough.littleEndian)
    buffer.endHeader(from: start)
  }
}
