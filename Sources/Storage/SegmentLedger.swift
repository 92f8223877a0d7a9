internal import Base
internal import Flow

/// What the active segment's footer will say, and which audiences it has defined so far.
///
/// Marks are kept by audience number and belong to one generation, so a new segment forgets all of
/// them by counting up instead of clearing.
final class SegmentLedger {
  private var generation: UInt64 = 1
  /// By audience number: generation in the upper half, ordinal in the lower.
  private var marks: [UInt64] = []
  /// By ordinal: the audience, and one more than the last block that was listed for it.
  private var numbers: [UInt32] = []
  private var lastBlock: [UInt32] = []
  /// Ordinal in the upper half, block index in the lower.
  private var pairs: [UInt64] = []
  /// Event blocks listed.
  private(set) var entries: [SegmentIndex.Entry] = []

  /// Forgets everything: a new segment begins.
  func begin() {
    generation += 1
    numbers.removeAll(keepingCapacity: true)
    lastBlock.removeAll(keepingCapacity: true)
    pairs.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }

  /// Lets every audience be defined again, and keeps the lists: after recovery copied blocks here
  /// whose definitions stand in the segment before.
  func forgetDefinitions() { generation += 1 }

  /// Lists `audience` for the block that comes next.
  /// - Returns: `true` the first time in this segment: it must be defined.
  func note(_ audience: UInt32) -> Bool {
    let index = Int(audience)
    if index >= marks.count {
      marks.append(contentsOf: repeatElement(0, count: max(index + 1 - marks.count, marks.count)))
    }
    let mark = marks[index]
    let isNew = mark >> 32 != generation
    let ordinal = isNew ? numbers.count : Int(truncatingIfNeeded: mark & 0xFFFF_FFFF)
    if isNew {
      marks[index] = generation << 32 | UInt64(ordinal)
      numbers.append(audience)
      lastBlock.append(0)
    }
    let block = UInt32(entries.count)
    if lastBlock[ordinal] != block + 1 {
      lastBlock[ordinal] = block + 1
      pairs.append(UInt64(ordinal) << 32 | UInt64(block))
    }
    return isNew
  }

  /// The block whose audiences were noted stands at `offset` now.
  func add(sequence: UInt64, offset: Int, length: Int) {
    entries.append(SegmentIndex.Entry(sequence: sequence, offset: offset, length: length))
  }

  /// Bytes that the footer block takes at most once `events` more events are listed.
  func footerBytes(withEvents events: Int) -> Int {
    let tables = 2 * (BlockTables.tableHeaderBytes + 8)
    let postings = (numbers.count + events) * 8 + (pairs.count + events) * 4
    let places = (entries.count + 1) * SegmentIndex.Entry.byteCount
    return Format.aligned(BlockHeader.byteCount + tables + places + postings)
  }

  /// Audiences noted, in the order of their first use.
  var audiences: [AudienceNumber] { numbers.map { AudienceNumber($0) } }

  /// Lays the footer block down.
  /// - Parameter range: what a spool range says of itself.
  /// - Returns: its length.
  /// - Complexity: O(blocks + audiences + pairs of both).
  func writeFooter(_ buffer: GatherBuffer, sequence: UInt64, range: SpoolRange? = nil) -> Int {
    var writer = BlockWriter(buffer, kind: .footer, sequence: sequence)
    let table = writer.beginTable(TableTag.places)
    for entry in entries { entry.append(to: buffer) }
    writer.endTable(table, count: entries.count)
    writePostings(&writer, buffer)
    if let range {
      let table = writer.beginTable(TableTag.releases)
      range.append(to: buffer)
      writer.endTable(table, count: 1)
    }
    return writer.finish()
  }

  private func writePostings(_ writer: inout BlockWriter, _ buffer: GatherBuffer) {
    // A counting sort by ordinal; pairs of one ordinal are in block order already.
    var starts = [Int](repeating: 0, count: numbers.count + 1)
    for pair in pairs where Int(pair & 0xFFFF_FFFF) < entries.count {
      starts[Int(pair >> 32) + 1] += 1
    }
    for ordinal in 0..<numbers.count { starts[ordinal + 1] += starts[ordinal] }
    var blocks = [UInt32](repeating: 0, count: starts[numbers.count])
    var next = starts
    for pair in pairs where Int(pair & 0xFFFF_FFFF) < entries.count {
      let ordinal = Int(pair >> 32)
      blocks[next[ordinal]] = UInt32(truncatingIfNeeded: pair)
      next[ordinal] += 1
    }
    let table = writer.beginTable(TableTag.postings)
    for ordinal in 0..<numbers.count {
      buffer.append(numbers[ordinal].littleEndian)
      buffer.append(UInt32(starts[ordinal + 1] - starts[ordinal]).littleEndian)
      for index in starts[ordinal]..<starts[ordinal + 1] {
        buffer.append(blocks[index].littleEndian)
      }
    }
    writer.endTable(table, count: numbers.count)
  }
}
