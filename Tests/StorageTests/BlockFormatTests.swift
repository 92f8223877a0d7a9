import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: what is laid down is read back, and no damaged byte goes unnoticed.
/// Method: lay blocks down in a buffer, change every byte in turn, read.
struct BlockFormatTests {
  private func layBlock(_ payload: [UInt8], _ buffer: GatherBuffer) -> Int {
    var writer = BlockWriter(buffer, kind: .events, sequence: 42)
    let table = writer.beginTable(TableTag.audiences)
    buffer.append(UInt32(9).littleEndian)
    buffer.append(UInt32(1).littleEndian)
    buffer.append(UInt32(77).littleEndian)
    writer.endTable(table, count: 1)
    let delivered = Outcome(
      position: Position(sequence: 3, index: 4), endpoint: EndpointNumber(5), kind: .delivered,
      attempt: 2, due: UnixMilliseconds(0), status: 204)
    let record = writer.beginTable(TableTag.delivered)
    buffer.append(DeliveredRecord(delivered))
    writer.endTable(record, count: 1)
    let length = unsafe payload.withUnsafeBytes { writer.finish(payload: unsafe RawView($0)) }
    BlockHeader.seal(in: buffer, at: 0, salt: 0xABCD, durableThrough: 41)
    return length
  }

  private func isWhole(_ view: RawView) -> Bool {
    guard let header = BlockHeader(view), header.salt == 0xABCD, header.sequence == 42,
      let section = view.slice(64, header.headerLength), section.crc == header.headerCRC,
      let packed = view.slice(64 + header.headerLength, header.packedLength),
      packed.crc == header.packedCRC,
      BlockTables(section, count: header.tableCount) != nil
    else { return false }
    return true
  }

  @Test func `a block is read as it was written`() throws {
    let buffer = GatherBuffer(capacity: 64)
    let payload = [UInt8](repeating: 7, count: 5000)
    let length = layBlock(payload, buffer)
    #expect(length == buffer.count && length % 64 == 0 && length < 5000)
    let header = try #require(BlockHeader(buffer.view))
    #expect(header.isPacked && header.plainLength == 5000 && header.durableThrough == 41)
    let section = try #require(buffer.view.slice(64, header.headerLength))
    let tables = try #require(BlockTables(section, count: header.tableCount))
    var audiences: [UInt32] = []
    #expect(tables.forEachAudience { audiences += [$0.value, $1.u32(0)] })
    #expect(audiences == [9, 77])
    var outcomes: [Outcome] = []
    tables.forEachOutcome { outcomes.append($0) }
    #expect(outcomes.count == 1 && outcomes[0].position == Position(sequence: 3, index: 4))
    #expect(outcomes[0].status == 204 && outcomes[0].attempt == 2)
    let packed = try #require(buffer.view.slice(64 + header.headerLength, header.packedLength))
    var plain = [UInt8](repeating: 0, count: 5000)
    #expect(unsafe plain.withUnsafeMutableBytes { unsafe Packing.unpack(packed, into: $0) })
    #expect(plain == payload)
  }

  @Test func `every changed byte of a block is noticed`() {
    let buffer = GatherBuffer(capacity: 64)
    var random = SeededRandom(seed: 1)
    let payload = (0..<300).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let length = layBlock(payload, buffer)
    let header = BlockHeader(buffer.view)
    let covered = 64 + (header?.headerLength ?? 0) + (header?.packedLength ?? 0)
    #expect(header?.isPacked == false && covered <= length)
    for offset in 0..<covered {
      let before = buffer.view.u8(offset)
      buffer.store(before ^ 0x20, at: offset)
      #expect(!isWhole(buffer.view), "byte \(offset)")
      buffer.store(before, at: offset)
    }
    #expect(isWhole(buffer.view))
  }

  @Test func `packed bytes cut at any place are refused without writing past the target`() {
    let buffer = GatherBuffer(capacity: 64)
    let plain = (0..<4000).map { UInt8(truncatingIfNeeded: $0 / 40) }
    #expect(unsafe plain.withUnsafeBytes { Packing.pack(unsafe RawView($0), into: buffer) })
    var target = [UInt8](repeating: 0xEE, count: 4064)
    for length in 0..<buffer.count {
      let cut = buffer.view.slice(0, length) ?? .empty
      let done = unsafe target.withUnsafeMutableBytes {
        unsafe Packing.unpack(cut, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<4000]))
      }
      #expect(!done)
    }
    #expect(target[4000...].allSatisfy { $0 == 0xEE })
  }

  @Test func `a segment header tells itself from zeros, damage and a newer format`() {
    let buffer = GatherBuffer(capacity: 64)
    let header = SegmentHeader(
      number: 3, firstSequence: 9, createdAt: 5, segmentBytes: 1 << 20)
    header.append(to: buffer)
    #expect(buffer.count == 64 && SegmentHeader.read(buffer.view) == .valid(header))
    for offset in 0..<64 {
      let before = buffer.view.u8(offset)
      buffer.store(before ^ 1, at: offset)
      #expect(SegmentHeader.read(buffer.view) == .damaged, "byte \(offset)")
      buffer.store(before, at: offset)
    }
    buffer.store(UInt16(2), at: 4)
    buffer.store((buffer.view.slice(0, 60)?.crc ?? 0).littleEndian, at: 60)
    #expect(SegmentHeader.read(buffer.view) == .newer(2))
    let zeros = GatherBuffer(capacity: 64)
    zeros.appendZeros(64)
    #expect(SegmentHeader.read(zeros.view) == .zero)
  }

  @Test func `records have the sizes that the format promises`() {
    #expect(MemoryLayout<EventHeader>.stride == 64)
    #expect(MemoryLayout<Outcome>.stride == 32)
    #expect(MemoryLayout<DeliveredRecord>.stride == 16)
    #expect(MemoryLayout<SegmentIndex.Entry>.stride == 16)
  }
}
