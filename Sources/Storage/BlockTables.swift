internal import Base
package import Flow

/// A table's name in a header section.
package enum TableTag {
  /// `EventHeader`s, 64 bytes each.
  package static let events: UInt16 = 1
  /// Audience definitions: number (4), count (4), endpoint numbers (4 each).
  package static let audiences: UInt16 = 2
  /// `delivered` outcomes, 16 bytes each.
  package static let delivered: UInt16 = 3
  /// All other outcomes, and deliveries that follow a redelivery, 32 bytes each.
  package static let outcomes: UInt16 = 4
  /// Footer: sequence (8), offset / 64 (4), length / 64 (4) of each event block.
  package static let places: UInt16 = 5
  /// Footer: audience (4), count (4), indices into `places` (4 each).
  package static let postings: UInt16 = 6
  /// `SpoolRange`s: in the log what was released, in a range's footer the range itself.
  package static let releases: UInt16 = 7
  /// Spool block: its events, in columns.
  package static let spooled: UInt16 = 8
  // 9 was written into spool blocks once, for nobody: not to be given again.
}

/// A `delivered` outcome without what nobody asks of a success.
///
/// | Offset | Size | Field |
/// | --- | --- | --- |
/// | 0 | 8 | position |
/// | 8 | 4 | endpoint |
/// | 12 | 2 | status |
/// | 14 | 2 | attempt |
package struct DeliveredRecord: BitwiseCopyable {
  package var position: Position
  package var endpoint: EndpointNumber
  package var status: UInt16
  package var attempt: UInt16

  package init(_ outcome: Outcome) {
    position = outcome.position
    endpoint = outcome.endpoint
    status = outcome.status
    attempt = outcome.attempt
  }

  package var outcome: Outcome {
    Outcome(
      position: position, endpoint: endpoint, kind: .delivered, attempt: attempt,
      due: UnixMilliseconds(0), status: status)
  }
}

/// The tables of one header section, as read.
///
/// A table is tag (2), zero (2), count (4), byte length (4), zero (4), then its bytes padded to a
/// multiple of 8. Tables with an unknown tag are skipped: a later version may add some.
package struct BlockTables {
  package static let tableHeaderBytes = 16
  package static let eventBytes = MemoryLayout<EventHeader>.stride
  package static let deliveredBytes = MemoryLayout<DeliveredRecord>.stride
  package static let outcomeBytes = MemoryLayout<Outcome>.stride

  package private(set) var events = RawView.empty
  package private(set) var audiences = RawView.empty
  package private(set) var delivered = RawView.empty
  package private(set) var outcomes = RawView.empty
  private var places = RawView.empty
  private var postings = RawView.empty
  private var releases = RawView.empty
  private var spooled = RawView.empty
  private var spooledCount = 0

  /// Reads a header section whose CRC was checked.
  /// - Returns: `nil` when lengths contradict each other.
  package init?(_ section: RawView, count: Int) {
    var offset = 0
    for _ in 0..<count {
      guard offset + Self.tableHeaderBytes <= section.count else { return nil }
      let tag = section.u16(offset)
      let entries = Int(section.u32(offset + 4))
      let length = Int(section.u32(offset + 8))
      guard let bytes = section.slice(offset + Self.tableHeaderBytes, length),
        place(bytes, tag: tag, entries: entries)
      else { return nil }
      offset += Self.tableHeaderBytes + (length + 7) & ~7
    }
    if offset != section.count { return nil }
  }

  private mutating func place(_ bytes: RawView, tag: UInt16, entries: Int) -> Bool {
    switch tag {
    case TableTag.events:
      events = bytes
      return bytes.count == entries * Self.eventBytes
    case TableTag.delivered:
      delivered = bytes
      return bytes.count == entries * Self.deliveredBytes
    case TableTag.outcomes:
      outcomes = bytes
      return bytes.count == entries * Self.outcomeBytes
    case TableTag.places:
      places = bytes
      return bytes.count == entries * SegmentIndex.Entry.byteCount
    case TableTag.audiences: audiences = bytes
    case TableTag.postings: postings = bytes
    case TableTag.releases:
      releases = bytes
      return bytes.count == entries * SpoolRange.byteCount
    case TableTag.spooled:
      spooled = bytes
      spooledCount = entries
      // The count decides what is allocated.
      return entries <= BlockLimits.largeEvents && bytes.count <= entries * SpooledEvent.byteCount
    default: break
    }
    return true
  }

  /// Everything but the events: of a block whose payload is lost.
  package var withoutEvents: BlockTables {
    var result = self
    result.events = .empty
    return result
  }

  /// Lays definitions and outcomes down again, as they are.
  func write(_ writer: inout BlockWriter) {
    var definitions = 0
    _ = forEachAudience { _, _ in definitions += 1 }
    writer.table(TableTag.audiences, count: definitions, bytes: audiences)
    writer.table(
      TableTag.delivered, count: delivered.count / Self.deliveredBytes, bytes: delivered)
    writer.table(TableTag.outcomes, count: outcomes.count / Self.outcomeBytes, bytes: outcomes)
  }

  package var eventCount: Int { events.count / Self.eventBytes }
  package func event(_ index: Int) -> EventHeader {
    events.load(index * Self.eventBytes, as: EventHeader.self)
  }
  /// The audience alone: offset 44 of an `EventHeader`.
  package func audience(_ index: Int) -> UInt32 { events.u32(index * Self.eventBytes + 44) }

  /// Every release of the block.
  package func forEachRelease(_ body: (SpoolRange) -> Void) {
    for index in 0..<(releases.count / SpoolRange.byteCount) {
      body(SpoolRange(releases, at: index * SpoolRange.byteCount))
    }
  }

  /// The events of a spool block.
  /// - Returns: `nil` when they contradict each other.
  func spooledEvents() -> [SpooledEvent]? { SpoolColumns.read(spooled, count: spooledCount) }

  /// Every outcome of the block, the deliveries first. Harmless for a delivery that has several:
  /// once it is settled, an older retry of it is ignored, and what follows a redelivery stands
  /// after it in the same table.
  package func forEachOutcome(_ body: (Outcome) -> Void) {
    for index in 0..<(delivered.count / Self.deliveredBytes) {
      body(delivered.load(index * Self.deliveredBytes, as: DeliveredRecord.self).outcome)
    }
    for index in 0..<(outcomes.count / Self.outcomeBytes) {
      body(outcomes.load(index * Self.outcomeBytes, as: Outcome.self))
    }
  }

  /// Every audience definition.
  /// - Returns: `false` when the table's lengths contradict each other.
  package func forEachAudience(_ body: (AudienceNumber, RawView) -> Void) -> Bool {
    Self.forEachList(audiences, body)
  }

  /// Where a footer's event blocks are.
  var entries: [SegmentIndex.Entry] {
    (0..<(places.count / SegmentIndex.Entry.byteCount)).map {
      SegmentIndex.Entry(places, at: $0 * SegmentIndex.Entry.byteCount)
    }
  }

  /// Every posting list of a footer: indices into `entries`, 4 bytes each.
  /// - Returns: `false` when the table's lengths contradict each other.
  func forEachPosting(_ body: (AudienceNumber, RawView) -> Void) -> Bool {
    Self.forEachList(postings, body)
  }

  /// Lists by audience: number (4), count (4), so many values (4 each).
  private static func forEachList(_ table: RawView, _ body: (AudienceNumber, RawView) -> Void)
    -> Bool
  {
    var offset = 0
    while offset + 8 <= table.count {
      let count = Int(table.u32(offset + 4))
      guard let values = table.slice(offset + 8, count * 4) else { return false }
      body(AudienceNumber(table.u32(offset)), values)
      offset += 8 + count * 4
    }
    return offset == table.count
  }
}
