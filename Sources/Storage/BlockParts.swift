internal import Base
internal import Flow

/// The sections of one block whose header was checked, each with its own check.
struct BlockParts {
  let header: BlockHeader
  private let view: RawView

  /// - Parameter view: all bytes of the block.
  init(_ header: BlockHeader, _ view: RawView) {
    self.header = header
    self.view = view
  }

  /// Whether the header section's checksum holds.
  var hasSection: Bool { section.map { $0.crc == header.headerCRC } ?? false }
  /// Whether the stored payload's checksum holds.
  var hasPayload: Bool { packed.map { $0.crc == header.packedCRC } ?? false }
  /// The tables of a header section whose checksum holds.
  var tables: BlockTables? {
    guard hasSection, let section else { return nil }
    return BlockTables(section, count: header.tableCount)
  }
  /// Whether every byte that a checksum covers is as it was written.
  var isWhole: Bool { tables != nil && hasPayload }
  /// Whether the bytes behind the payload are zero.
  var hasZeroPadding: Bool {
    let end = BlockHeader.byteCount + header.headerLength + header.packedLength
    return end <= view.count && view.isZero(end, view.count - end)
  }

  /// The header section, unchecked.
  var section: RawView? { view.slice(BlockHeader.byteCount, header.headerLength) }
  private var packed: RawView? {
    view.slice(BlockHeader.byteCount + header.headerLength, header.packedLength)
  }

  /// Unpacks the payload into `target`, whatever the stored one's checksum says.
  /// - Returns: `false` when that does not give what was stored.
  func unpack(into target: UnsafeMutableRawBufferPointer) -> Bool {
    guard let packed, target.count == header.plainLength else { return false }
    if header.isPacked {
      guard unsafe Packing.unpack(packed, into: target) else { return false }
    } else {
      guard packed.count == target.count else { return false }
      if packed.count > 0 { unsafe target.copyMemory(from: packed.bytes) }
    }
    return unsafe RawView(UnsafeRawBufferPointer(target)).crc == header.plainCRC
  }

  /// The plain payload, checked; lent from `buffer`.
  /// - Returns: `nil` when it does not unpack to what was stored.
  func unpack(into buffer: GatherBuffer) -> RawView? {
    // The length decides what is allocated: no block that was ever written has more.
    guard header.plainLength <= BlockLimits.largePayloadBytes else { return nil }
    buffer.removeAll()
    let filled = unsafe buffer.fill(header.plainLength) { target in
      unsafe unpack(into: target) ? target.count : 0
    }
    return filled == header.plainLength ? buffer.view : nil
  }
}

/// Audience definitions as they come along in the log.
struct AudienceLedger {
  private var sets: [UInt32: [EndpointNumber]] = [:]

  /// Begins with what the checkpoints define.
  init(_ checkpoints: [Checkpoint]) {
    for checkpoint in checkpoints {
      for (number, set) in checkpoint.audiences { sets[number.value] = set }
    }
  }

  /// Takes a block's definitions.
  /// - Returns: what is wrong with them.
  @discardableResult
  mutating func define(_ tables: BlockTables) -> String? {
    var problem: String?
    let isWhole = tables.forEachAudience { number, bytes in
      let set = (0..<(bytes.count / 4)).map { EndpointNumber(bytes.u32($0 * 4)) }
      if number == .empty || set.isEmpty {
        problem = "audience \(number.value) is defined without endpoints"
      } else if zip(set, set.dropFirst()).contains(where: { $0 >= $1 }) {
        problem = "the endpoints of audience \(number.value) do not ascend"
      } else if let known = sets[number.value], known != set {
        problem = "audience \(number.value) was defined otherwise before"
      } else {
        sets[number.value] = set
      }
    }
    return isWhole ? problem : "a definition reaches past its table"
  }

  /// The endpoints of an audience; `nil` when nothing defines it.
  func endpoints(of audience: AudienceNumber) -> [EndpointNumber]? {
    audience == .empty ? [] : sets[audience.value]
  }
}
