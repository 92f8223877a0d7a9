internal import Base
internal import Flow

/// One event in a spool block: its old place, and its header without what can be found again.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 8 | position | where it stood in the log |
/// | 8 | 8 | time | as in `EventHeader` |
/// | 16 | 4 | dataLength | as there |
/// | 20 | 4 | extrasLength | as there |
/// | 24 | 4 | audience | the set it was accepted for |
/// | 28 | 4 | application | as there |
/// | 32 | 4 | unused | written as 0, read as nothing |
/// | 36 | 1 | typeLength | as there |
/// | 37 | 1 | idLength | as there |
/// | 38 | 1 | kind | as there |
/// | 39 | 1 | flags | as there |
///
/// The hashes of type and id are made anew when the event is read; that of the content is not kept,
/// for the ids that are remembered stand in the checkpoint. In a block the records are turned into
/// columns, the first byte of all, then the second, and so on, and packed: 64 bytes a header would
/// weigh more than the packed events.
struct SpooledEvent: BitwiseCopyable, Equatable {
  static let byteCount = 40

  var position: Position
  var time: UnixMilliseconds
  var dataLength: UInt32
  var extrasLength: UInt32
  var audience: AudienceNumber
  var application: ApplicationNumber
  private var unused: UInt32 = 0
  var typeLength: UInt8
  var idLength: UInt8
  var kind: UInt8
  var flags: UInt8

  init(_ header: EventHeader, position: Position) {
    self.position = position
    time = header.time
    dataLength = header.dataLength
    extrasLength = header.extrasLength
    audience = header.audience
    application = header.application
    typeLength = header.typeLength
    idLength = header.idLength
    kind = header.kind.rawValue
    flags = header.flags
  }

  /// Bytes it takes in the payload section.
  var payloadLength: Int {
    Int(typeLength) + Int(idLength) + Int(extrasLength) + Int(dataLength)
  }

  /// The header again, without hashes.
  func header(payloadOffset: Int) -> EventHeader {
    EventHeader(
      time: time, idHash: 0, typeHash: 0, contentHash: 0, payloadOffset: UInt32(payloadOffset),
      dataLength: dataLength, extrasLength: extrasLength, audience: audience,
      application: application, typeLength: typeLength, idLength: idLength,
      kind: PayloadKind(stored: kind), flags: flags)
  }
}

/// The events of a spool block as bytes: columns, packed.
enum SpoolColumns {
  /// Appends the columns, packed when that makes them smaller.
  static func append(_ events: [SpooledEvent], to buffer: GatherBuffer) {
    let plain = GatherBuffer(capacity: events.count * SpooledEvent.byteCount)
    unsafe events.withUnsafeBytes { rows in
      let view = unsafe RawView(rows)
      for column in 0..<SpooledEvent.byteCount {
        for row in 0..<events.count {
          plain.append(view.u8(row * SpooledEvent.byteCount + column))
        }
      }
    }
    if !Packing.packHard(plain.view, into: buffer) { buffer.append(plain.view) }
  }

  /// Takes them back.
  /// - Returns: `nil` when the bytes are no such columns.
  static func read(_ table: RawView, count: Int) -> [SpooledEvent]? {
    let length = count * SpooledEvent.byteCount
    let plain = GatherBuffer(capacity: length)
    let filled = unsafe plain.fill(length) { target in
      if table.count == length {
        if length > 0 { unsafe target.copyMemory(from: table.bytes) }
        return length
      }
      return unsafe Packing.unpack(table, into: target) ? length : 0
    }
    guard filled == length else { return nil }
    return rows(plain.view, count)
  }

  private static func rows(_ columns: RawView, _ count: Int) -> [SpooledEvent]? {
    let row = GatherBuffer(capacity: SpooledEvent.byteCount)
    var events: [SpooledEvent] = []
    events.reserveCapacity(count)
    for index in 0..<count {
      row.removeAll()
      for column in 0..<SpooledEvent.byteCount { row.append(columns.u8(column * count + index)) }
      let event = row.view.load(0, as: SpooledEvent.self)
      // Ascending: every search relies on it.
      if let last = events.last, last.position >= event.position { return nil }
      events.append(event)
    }
    return events
  }
}
