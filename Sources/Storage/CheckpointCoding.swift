internal import Base
package import Flow

/// A checkpoint as bytes: a 64-byte header and a body, each with its CRC.
///
/// | Offset | Size | Field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `FFC1` |
/// | 4 | 4 | version |
/// | 8 | 8 | ordinal |
/// | 16 | 8 | sequence |
/// | 24 | 8 | createdAt, Unix milliseconds |
/// | 32 | 8 | bytes of the body |
/// | 40 | 4 | CRC-32C of the body |
/// | 44 | 16 | zero |
/// | 60 | 4 | CRC-32C of bytes 0–59 |
///
/// The body: counters (6 × 8), endpoint high water (4), then five lists, each a count (8) and its
/// entries: reactor images (reactor 4, walkedThrough 8, lanes: endpoint 4, cursor 8, behind 8,
/// holes: position 8, due 8, attempt 2), remembered ids (8, 8, 8, 4), settled outcomes (32),
/// audiences (number 4, endpoints 4 each), segments (7 × 8). From version 2 on: the ordinal of the
/// last release (8) and a list of spool ranges (`SpoolRange`); from version 3 on the plain bytes (8) of
/// each lane, in the order of the images. Older versions are read as well.
package enum CheckpointCoding {
  package static let headerBytes = 64
  package static let magic: UInt32 = 0x3143_4646
  package static let version: UInt32 = 3

  package static func encode(_ checkpoint: Checkpoint, into buffer: GatherBuffer) {
    buffer.removeAll()
    buffer.appendZeros(headerBytes)
    let writer = Writer(buffer: buffer)
    writer.counters(checkpoint.counters)
    writer.u32(checkpoint.endpointHighWater)
    writer.list(checkpoint.images) { $0.image($1) }
    writer.list(checkpoint.remembered) { writer, id in
      writer.u64(id.key)
      writer.u64(id.contentHash)
      writer.u64(id.time.value)
      writer.u32(id.endpoints)
    }
    writer.list(checkpoint.settled) { $0.buffer.append($1) }
    writer.list(checkpoint.audiences) { writer, audience in
      writer.u32(audience.0.value)
      writer.list(audience.1) { $0.u32($1.value) }
    }
    writer.list(checkpoint.segments) { writer, segment in
      writer.u64(segment.number)
      writer.u64(segment.salt)
      writer.u64(segment.firstSequence)
      writer.u64(segment.lastSequence)
      writer.u64(segment.bytes)
      writer.u64(segment.createdAt)
      writer.u64(segment.sealedAt ?? 0)
    }
    writer.u64(checkpoint.releaseOrdinal)
    writer.list(checkpoint.spool) { writer, range in range.append(to: writer.buffer) }
    for image in checkpoint.images {
      for lane in image.lanes { writer.u64(lane.plainBytes) }
    }
    storeHeader(checkpoint, in: buffer)
  }

  private static func storeHeader(_ checkpoint: Checkpoint, in buffer: GatherBuffer) {
    let length = buffer.count - headerBytes
    let crc = buffer.view.slice(headerBytes, length).map(\.crc) ?? 0
    buffer.store(magic.littleEndian, at: 0)
    buffer.store(version.littleEndian, at: 4)
    buffer.store(checkpoint.ordinal.littleEndian, at: 8)
    buffer.store(checkpoint.sequence.littleEndian, at: 16)
    buffer.store(checkpoint.createdAt.littleEndian, at: 24)
    buffer.store(UInt64(length).littleEndian, at: 32)
    buffer.store(crc.littleEndian, at: 40)
    buffer.storeHeaderCRC(from: 0)
  }

  package enum Reading {
    case valid(Checkpoint)
    case newer(Int)
    case damaged
  }

  /// The version of a whole header that this Fanfare does not read.
  static func newerVersion(_ view: RawView) -> Int? {
    guard hasHeader(view), !(1...version).contains(view.u32(4)) else { return nil }
    return Int(view.u32(4))
  }

  private static func hasHeader(_ view: RawView) -> Bool {
    view.count >= headerBytes && view.u32(0) == magic && view.hasHeaderCRC
  }

  package static func decode(_ view: RawView) -> Reading {
    if let found = newerVersion(view) { return .newer(found) }
    guard hasHeader(view), view.u64(32) == UInt64(view.count - headerBytes),
      let body = view.slice(headerBytes, view.count - headerBytes), body.crc == view.u32(40)
    else { return .damaged }
    var reader = Reader(view: body)
    let counters = reader.counters()
    let highWater = reader.u32()
    var images = reader.list(bytesMin: 20) { $0.image() }
    let remembered = reader.list(bytesMin: 28) { reader in
      RememberedID(
        key: reader.u64(), contentHash: reader.u64(), time: UnixMilliseconds(reader.u64()),
        endpoints: reader.u32())
    }
    let settled = reader.list(bytesMin: 32) { $0.outcome() }
    let audiences = reader.list(bytesMin: 12) { reader in
      (
        AudienceNumber(reader.u32()),
        reader.list(bytesMin: 4) { EndpointNumber($0.u32()) }
      )
    }
    let segments = reader.list(bytesMin: 56) { $0.segment() }
    let hasSpool = view.u32(4) > 1
    let releaseOrdinal = hasSpool ? reader.u64() : 0
    let spool = hasSpool ? reader.list(bytesMin: SpoolRange.byteCount) { $0.spoolRange() } : []
    if view.u32(4) > 2 { images = images.map { reader.addBytes(to: $0) } }
    guard reader.isComplete else { return .damaged }
    return .valid(
      Checkpoint(
        ordinal: view.u64(8), sequence: view.u64(16), createdAt: view.u64(24), counters: counters,
        images: images, remembered: remembered, settled: settled, audiences: audiences,
        segments: segments, endpointHighWater: highWater, spool: spool,
        releaseOrdinal: releaseOrdinal))
  }
}

extension CheckpointCoding {
  /// Appends values.
  package struct Writer {
    package let buffer: GatherBuffer

    package func u16(_ value: UInt16) { buffer.append(value.littleEndian) }
    package func u32(_ value: UInt32) { buffer.append(value.littleEndian) }
    package func u64(_ value: UInt64) { buffer.append(value.littleEndian) }

    package func list<T>(_ items: [T], _ body: (Writer, T) -> Void) {
      u64(UInt64(items.count))
      for item in items { body(self, item) }
    }

    package func counters(_ counters: LifetimeCounters) {
      u64(counters.accepted)
      u64(counters.delivered)
      u64(counters.retried)
      u64(counters.dead)
      u64(counters.expired)
      u64(counters.removed)
    }

    package func image(_ image: ReactorImage) {
      u32(UInt32(image.reactor))
      u64(image.walkedThrough)
      list(image.lanes) { writer, lane in
        writer.u32(lane.endpoint.value)
        writer.u64(lane.cursor.packed)
        writer.u64(lane.behind)
        writer.list(lane.holes) { writer, hole in
          writer.u64(hole.position.packed)
          writer.u64(hole.due.value)
          writer.u16(hole.attempt)
        }
      }
    }
  }

  /// Takes values; past the end it gives zeros and is never complete.
  package struct Reader {
    package let view: RawView
    private var offset = 0
    private var failed = false

    package init(view: RawView) { self.view = view }

    package var isComplete: Bool { !failed && offset == view.count }

    private mutating func take(_ bytes: Int) -> Int? {
      guard !failed, view.count - offset >= bytes else {
        failed = true
        return nil
      }
      defer { offset += bytes }
      return offset
    }
    package mutating func u16() -> UInt16 { take(2).map { view.u16($0) } ?? 0 }
    package mutating func u32() -> UInt32 { take(4).map { view.u32($0) } ?? 0 }
    package mutating func u64() -> UInt64 { take(8).map { view.u64($0) } ?? 0 }
    package mutating func outcome() -> Outcome {
      if let place = take(32) { return view.load(place, as: Outcome.self) }
      return Outcome(
        position: .start, endpoint: EndpointNumber(0), kind: .removed, attempt: 0,
        due: UnixMilliseconds(0))
    }

    /// Reads a list; its count is believed only if its entries can stand in what is left.
    package mutating func list<T>(bytesMin: Int, _ body: (inout Reader) -> T) -> [T] {
      let count = u64()
      guard count <= UInt64((view.count - offset) / bytesMin) else {
        failed = true
        return []
      }
      var items: [T] = []
      items.reserveCapacity(Int(count))
      for _ in 0..<Int(count) where !failed { items.append(body(&self)) }
      return items
    }

    package mutating func counters() -> LifetimeCounters {
      var result = LifetimeCounters()
      result.accepted = u64()
      result.delivered = u64()
      result.retried = u64()
      result.dead = u64()
      result.expired = u64()
      result.removed = u64()
      return result
    }

    package mutating func image() -> ReactorImage {
      let reactor = Int(u32())
      let walked = u64()
      let lanes = list(bytesMin: 28) { reader in
        LaneImage(
          endpoint: EndpointNumber(reader.u32()), cursor: Position(packed: reader.u64()),
          behind: reader.u64(),
          holes: reader.list(bytesMin: 18) { reader in
            let position = Position(packed: reader.u64())
            let due = UnixMilliseconds(reader.u64())
            return Hole(position: position, attempt: reader.u16(), due: due)
          })
      }
      return ReactorImage(reactor: reactor, walkedThrough: walked, lanes: lanes)
    }

    mutating func addBytes(to image: ReactorImage) -> ReactorImage {
      let lanes = image.lanes.map { lane in
        var lane = lane
        lane.plainBytes = u64()
        return lane
      }
      return ReactorImage(
        reactor: image.reactor, walkedThrough: image.walkedThrough, lanes: lanes)
    }

    mutating func spoolRange() -> SpoolRange {
      guard let place = take(SpoolRange.byteCount) else {
        return SpoolRange(
          ordinal: 0, firstSequence: 0, lastSequence: 0, file: 0, salt: 0, offset: 0)
      }
      return SpoolRange(view, at: place)
    }

    package mutating func segment() -> SegmentFacts {
      var facts = SegmentFacts(
        number: u64(), salt: u64(), firstSequence: u64(), lastSequence: u64(), bytes: u64(),
        createdAt: u64(), sealedAt: nil)
      let sealed = u64()
      if sealed > 0 { facts.sealedAt = sealed }
      return facts
    }
  }
}
