internal import Base
internal import CLZ4
internal import Flow

/// Lays one block down at the end of a gather buffer: tables first, then the payload.
package struct BlockWriter {
  private let buffer: GatherBuffer
  private let start: Int
  private var header: BlockHeader

  /// Bytes that packing took off the payload.
  package var bytesSaved: Int { max(0, header.plainLength - header.packedLength) }

  /// Begins a block. `seal` gives it salt and watermark later.
  package init(_ buffer: GatherBuffer, kind: BlockKind, sequence: UInt64) {
    self.buffer = buffer
    start = buffer.count
    header = BlockHeader(kind: kind, sequence: sequence)
    buffer.appendZeros(BlockHeader.byteCount)
  }

  /// Adds a table whose bytes exist already; an empty one is left out.
  package mutating func table(_ tag: UInt16, count: Int, bytes: RawView) {
    if count == 0 { return }
    let place = beginTable(tag)
    buffer.append(bytes)
    endTable(place, count: count)
  }

  /// Begins a table that is written in place.
  package mutating func beginTable(_ tag: UInt16) -> Int {
    let place = buffer.count
    buffer.appendZeros(BlockTables.tableHeaderBytes)
    buffer.store(tag.littleEndian, at: place)
    header.tableCount += 1
    return place
  }

  /// Ends the table that began at `place`.
  package func endTable(_ place: Int, count: Int) {
    let length = buffer.count - place - BlockTables.tableHeaderBytes
    buffer.store(UInt32(count).littleEndian, at: place + 4)
    buffer.store(UInt32(length).littleEndian, at: place + 8)
    buffer.pad(to: 8, from: place)
  }

  /// Adds a table that defines audiences; none is left out.
  mutating func define(_ numbers: [AudienceNumber], in audiences: AudienceTable) {
    if numbers.isEmpty { return }
    let table = beginTable(TableTag.audiences)
    for number in numbers {
      let set = unsafe audiences.endpoints(of: number)
      buffer.append(number.value.littleEndian)
      buffer.append(UInt32(set.count).littleEndian)
      unsafe buffer.append(RawView(UnsafeRawBufferPointer(set)))
    }
    endTable(table, count: numbers.count)
  }

  /// Adds the payload and finishes the block.
  /// - Returns: bytes of the block, padding included.
  /// - Parameter hard: pack by LZ4-HC.
  package mutating func finish(payload: RawView = .empty, hard: Bool = false) -> Int {
    let sectionStart = start + BlockHeader.byteCount
    header.headerLength = buffer.count - sectionStart
    header.headerCRC = crc(from: sectionStart)
    let payloadStart = buffer.count
    header.plainLength = payload.count
    header.plainCRC = payload.crc
    header.isPacked = hard
      ? Packing.packHard(payload, into: buffer) : Packing.pack(payload, into: buffer)
    if !header.isPacked { buffer.append(payload) }
    header.packedLength = buffer.count - payloadStart
    header.packedCRC = header.isPacked ? crc(from: payloadStart) : header.plainCRC
    buffer.pad(to: Format.alignment, from: start)
    header.store(in: buffer, at: start)
    return buffer.count - start
  }

  private func crc(from offset: Int) -> UInt32 {
    buffer.view.slice(offset, buffer.count - offset).map(\.crc) ?? 0
  }
}

/// LZ4 in the block form.
package enum Packing {
  /// Shorter payloads cost more to pack than they save.
  package static let bytesMin = 64

  /// Appends `plain` packed.
  /// - Returns: `false` when packing does not make it smaller; nothing is appended then.
  package static func pack(_ plain: RawView, into buffer: GatherBuffer) -> Bool {
    guard plain.count >= bytesMin else { return false }
    let room = plain.count - plain.count / 32
    let packed = unsafe buffer.fill(room) { target in
      let written = unsafe LZ4_compress_default(
        plain.bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        target.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(plain.count), Int32(room))
      return max(Int(written), 0)
    }
    return packed > 0
  }

  /// How hard spool blocks are packed: they are written once and read seldom.
  package static let hardLevel: Int32 = 9

  /// Appends `plain` packed by LZ4-HC.
  /// - Returns: `false` when packing does not make it smaller; nothing is appended then.
  package static func packHard(_ plain: RawView, into buffer: GatherBuffer) -> Bool {
    guard plain.count >= bytesMin else { return false }
    let room = plain.count - 1
    let packed = unsafe buffer.fill(room) { target in
      let written = unsafe LZ4_compress_HC(
        plain.bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        target.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(plain.count), Int32(room),
        hardLevel)
      return max(Int(written), 0)
    }
    return packed > 0
  }

  /// Unpacks into exactly `target`.
  /// - Returns: `false` when the packed bytes are damaged; never writes past `target`.
  package static func unpack(
    _ packed: RawView, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let written = unsafe LZ4_decompress_safe(
      packed.bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
      target.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(packed.count),
      Int32(target.count))
    return Int(written) == target.count
  }
}
