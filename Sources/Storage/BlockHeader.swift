internal import Base

/// What the on-disk format is called and how far this version reads.
enum Format {
  /// Raised when an older Fanfare could not read what this one writes.
  static let version: UInt16 = 1
  /// Blocks begin on multiples of this, so that a reader that lost its way finds the next one.
  static let alignment = 64

  static func aligned(_ length: Int) -> Int { (length + alignment - 1) & ~(alignment - 1) }
}

/// What a block is for.
package enum BlockKind: UInt8, BitwiseCopyable {
  /// Events; perhaps definitions and outcomes as well.
  case events = 1
  /// Definitions, outcomes, or nothing but the watermark.
  case tables = 2
  /// The last block of a full segment, or of a spool range: where its event blocks are.
  case footer = 3
  /// In a spool segment: events that are still pending, of one or more blocks of the log.
  case spool = 4
  /// In the log: nothing but releases, so that recovery finds them before all else.
  case releases = 5
}

/// The first 64 bytes of a block; little endian.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 4 | magic | `FFB1` |
/// | 4 | 2 | version | `Format.version` |
/// | 6 | 1 | kind | `BlockKind` |
/// | 7 | 1 | flags | bit 0: the payload is LZ4 |
/// | 8 | 8 | sequence | of the block, from 1, without gaps |
/// | 16 | 8 | durableThrough | highest sequence known synced when this was written |
/// | 24 | 8 | salt | the segment's |
/// | 32 | 4 | headerLength | bytes of the header section that follows |
/// | 36 | 4 | packedLength | bytes of the payload as stored |
/// | 40 | 4 | plainLength | bytes of the payload unpacked |
/// | 44 | 4 | tableCount | tables in the header section |
/// | 48 | 4 | headerCRC | CRC-32C of the header section |
/// | 52 | 4 | packedCRC | CRC-32C of the payload as stored |
/// | 56 | 4 | plainCRC | CRC-32C of the payload unpacked |
/// | 60 | 4 | ownCRC | CRC-32C of bytes 0–59 |
package struct BlockHeader: Equatable {
  package static let byteCount = 64
  package static let magic: UInt32 = 0x3142_4646
  package static let flagPacked: UInt8 = 1

  package var kind: BlockKind
  package var isPacked = false
  package var sequence: UInt64
  package var durableThrough: UInt64 = 0
  package var salt: UInt64 = 0
  package var headerLength = 0
  package var packedLength = 0
  package var plainLength = 0
  package var tableCount = 0
  package var headerCRC: UInt32 = 0
  package var packedCRC: UInt32 = 0
  package var plainCRC: UInt32 = 0

  package init(kind: BlockKind, sequence: UInt64) {
    self.kind = kind
    self.sequence = sequence
  }

  /// Reads and checks a header.
  /// - Returns: `nil` for anything that is not one, byte for byte.
  package init?(_ view: RawView) {
    guard view.count >= Self.byteCount, view.u32(0) == Self.magic, view.u16(4) == Format.version,
      let kind = BlockKind(rawValue: view.u8(6)), view.u8(7) <= Self.flagPacked,
      view.hasHeaderCRC
    else { return nil }
    self.kind = kind
    isPacked = view.u8(7) & Self.flagPacked != 0
    sequence = view.u64(8)
    durableThrough = view.u64(16)
    salt = view.u64(24)
    headerLength = Int(view.u32(32))
    packedLength = Int(view.u32(36))
    plainLength = Int(view.u32(40))
    tableCount = Int(view.u32(44))
    headerCRC = view.u32(48)
    packedCRC = view.u32(52)
    plainCRC = view.u32(56)
  }

  /// Bytes of the block from its header to the padding's end.
  package var blockLength: Int { Format.aligned(Self.byteCount + headerLength + packedLength) }

  /// What the block holds.
  func usage(events: UInt64) -> LogUsage {
    let bytes = UInt64(blockLength)
    return LogUsage(
      bytes: bytes, plainBytes: bytes + UInt64(max(0, plainLength - packedLength)), events: events)
  }

  /// Writes the header over the 64 bytes at `offset`.
  package func store(in buffer: GatherBuffer, at offset: Int) {
    buffer.store(Self.magic.littleEndian, at: offset)
    buffer.store(Format.version.littleEndian, at: offset + 4)
    buffer.store(kind.rawValue, at: offset + 6)
    buffer.store(isPacked ? Self.flagPacked : 0, at: offset + 7)
    buffer.store(sequence.littleEndian, at: offset + 8)
    buffer.store(durableThrough.littleEndian, at: offset + 16)
    buffer.store(salt.littleEndian, at: offset + 24)
    buffer.store(UInt32(headerLength).littleEndian, at: offset + 32)
    buffer.store(UInt32(packedLength).littleEndian, at: offset + 36)
    buffer.store(UInt32(plainLength).littleEndian, at: offset + 40)
    buffer.store(UInt32(tableCount).littleEndian, at: offset + 44)
    buffer.store(headerCRC.littleEndian, at: offset + 48)
    buffer.store(packedCRC.littleEndian, at: offset + 52)
    buffer.store(plainCRC.littleEndian, at: offset + 56)
    buffer.storeHeaderCRC(from: offset)
  }

  /// Gives a laid-down block what is known only when it is written.
  package static func seal(
    in buffer: GatherBuffer, at offset: Int, salt: UInt64, durableThrough: UInt64
  ) {
    buffer.store(durableThrough.littleEndian, at: offset + 16)
    buffer.store(salt.littleEndian, at: offset + 24)
    buffer.storeHeaderCRC(from: offset)
  }
}
