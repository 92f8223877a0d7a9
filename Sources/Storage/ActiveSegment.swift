internal import Flow
internal import Platform

/// The segment that the journal writes to.
struct ActiveSegment {
  var header: SegmentHeader
  var file: FileHandle
  /// Where the next write goes.
  var offset: Int
  /// Bytes that blocks may take: all but the trailer.
  var blockBytesMax: Int
  var path: String

  init(header: SegmentHeader, file: FileHandle, offset: Int, path: String) {
    self.header = header
    self.file = file
    self.offset = offset
    self.path = path
    blockBytesMax = Int(header.segmentBytes) - SegmentTrailer.byteCount
  }
}

/// One block on its way from the gather buffer to the reactors.
struct PendingBlock: BitwiseCopyable {
  var sequence: UInt64
  /// In the gather buffer.
  var start: Int
  var length: Int
  /// In the segment; set when written.
  var offset = 0
  var hasEvents: Bool
  /// What it holds.
  var usage: LogUsage
  var slot: UInt32
  var generation: UInt32

  init(sequence: UInt64, start: Int, length: Int, usage: LogUsage, ref: BlockRef?) {
    self.sequence = sequence
    self.start = start
    self.length = length
    self.usage = usage
    hasEvents = ref != nil
    slot = ref?.slot ?? 0
    generation = ref?.generation ?? 0
  }

  var ref: BlockRef? { hasEvents ? BlockRef(slot: slot, generation: generation) : nil }
}
