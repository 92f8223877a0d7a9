internal import Base
internal import Flow
internal import Routing
internal import Wire

/// How a draft was taken.
enum Acceptance {
  case accepted(AcceptedEvent)
  case refused(PublishRefusal)
  /// No room in memory now; nothing was done.
  case noRoom
}

/// An event that stands in the open block, or stood in one before.
struct AcceptedEvent: BitwiseCopyable {
  /// The block to wait for; 0 when it is durable already.
  var ordinal: UInt64
  var endpoints: UInt32
  /// Place in the open block; -1 for a duplicate.
  var index: Int
  var isDuplicate: Bool { index < 0 }
}

/// From a draft to a place in the open block: the one way in for sockets and API.
extension IngestCore {
  /// Checks a draft, finds its audience and writes it into the open block.
  /// - Parameter draft: its other attributes stand in `extras`.
  mutating func accept(_ draft: EventDraft) -> Acceptance {
    if let refusal = check(draft) { return .refused(refusal) }
    guard isRouted else { return .noRoom }
    if draft.hasID, let known = recall(draft) { return known }
    let length = draft.payloadLength(extras: extras.bytes.count)
    guard
      writer.makeRoom(
        events: 1, payload: length, now: now.instant, remembered: remembered.end)
    else { return .noRoom }
    let kind: PayloadKind
    switch Self.scan(draft) {
    case .found(let found): kind = found
    case .invalidJSON(let offset): return .refused(.invalidJSON(offset: offset))
    }
    guard let audience = audience(of: draft) else { return .refused(.audiencesExhausted) }
    let index = writer.block.eventCount
    store(draft, length, kind, audience)
    return .accepted(
      AcceptedEvent(ordinal: writer.openOrdinal, endpoints: audience.count, index: index))
  }

  /// What can be refused without looking at the data.
  func check(_ draft: EventDraft) -> PublishRefusal? {
    if isDraining { return .shuttingDown }
    if isSpoolFull { return .spoolFull }
    if unsafe !EventRules.isValidType(draft.type.raw) { return .invalidType }
    if draft.data.count > configuration.dataBytesMax {
      return .tooLarge(limit: configuration.dataBytesMax)
    }
    if draft.hasID, unsafe !EventRules.isValidID(draft.id.raw) { return Self.idRefusal(draft) }
    return nil
  }

  private static func idRefusal(_ draft: EventDraft) -> PublishRefusal? {
    let own: StaticString = "msg_"
    let isOwn = draft.id.count > 4
      && (0..<4).allSatisfy { unsafe draft.id[$0] == own.utf8Start[$0] }
    if !isOwn { return .invalidID }
    if !draft.mayUseOwnIDs { return .reservedID }
    let rest = unsafe UnsafeRawBufferPointer(rebasing: draft.id.raw[4...])
    return unsafe EventRules.isValidID(rest) && draft.id.count <= EventRules.idBytesMax
      ? nil : .invalidID
  }

  private mutating func audience(of draft: EventDraft) -> Audience? {
    if draft.endpoint.value != 0 { return audiences.audience(of: draft.endpoint) }
    return unsafe extras.bytes.withBytes { extras in
      audiences.resolve(
        unsafe RouteQuery(application: draft.application, type: draft.type.raw, extras: extras))
    }
  }

  // MARK: Ids given before

  /// - Returns: `nil` when the id is new.
  private mutating func recall(_ draft: EventDraft) -> Acceptance? {
    let idHash = unsafe Hash64.of(draft.id.raw)
    let key = RememberedID.key(application: draft.application, idHash: idHash)
    guard let serial = remembered.find(key) else { return nil }
    if remembered.isExpired(serial, now: now.unix) {
      remembered.expire(now: now.unix, atMost: .max)
      return nil
    }
    let entry = remembered[serial]
    if entry.contentHash != draft.contentHash { return .refused(.conflict) }
    // The first must be durable before the second is acknowledged.
    let ordinal = serial < remembered.durableSerial ? 0 : writer.ordinal(remembering: serial)
    return .accepted(AcceptedEvent(ordinal: ordinal, endpoints: entry.endpoints, index: -1))
  }

  // MARK: Data

  private enum Scan {
    case found(PayloadKind)
    case invalidJSON(offset: Int)
  }

  /// The one look at the data.
  private static func scan(_ draft: EventDraft) -> Scan {
    switch unsafe JSONScanner.scan(draft.data.raw) {
    case .valid: return .found(.json)
    case .invalid(let offset):
      if !draft.contentType.isEmpty, unsafe EventRules.isJSONContentType(draft.contentType.raw) {
        return .invalidJSON(offset: offset)
      }
      return unsafe .found(UTF8Check.isValid(draft.data.raw) ? .text : .binary)
    }
  }

  // MARK: Into the block

  /// Lays type ‖ id ‖ extras ‖ data into the open block, straight from where they were read.
  private mutating func store(
    _ draft: EventDraft, _ length: Int, _ kind: PayloadKind, _ audience: Audience
  ) {
    let space = unsafe writer.block.nextPayload(length)
    var offset = 0
    unsafe Self.copy(draft.type.raw, space, &offset)
    let idStart = offset
    if draft.hasID {
      unsafe Self.copy(draft.id.raw, space, &offset)
    } else {
      unsafe writeOwnID(space, &offset)
    }
    let id = unsafe UnsafeRawBufferPointer(
      rebasing: UnsafeRawBufferPointer(space)[idStart..<offset])
    unsafe extras.bytes.withBytes { unsafe Self.copy($0, space, &offset) }
    unsafe Self.copy(draft.data.raw, space, &offset)
    let header = EventHeader(
      time: draft.time == 0 ? now.unix : UnixMilliseconds(draft.time),
      idHash: unsafe Hash64.of(id), typeHash: unsafe Hash64.of(draft.type.raw),
      contentHash: draft.hasID ? draft.contentHash : 0, payloadOffset: 0,
      dataLength: UInt32(draft.data.count), extrasLength: UInt32(extras.bytes.count),
      audience: audience.number, application: draft.application,
      typeLength: UInt8(draft.type.count), idLength: UInt8(draft.idLength), kind: kind,
      flags: draft.hasID ? EventHeader.publisherGaveID : 0)
    writer.block.append(header)
    if draft.hasID { remember(header, audience.count) }
  }

  private mutating func remember(_ header: EventHeader, _ endpoints: UInt32) {
    remembered.insert(
      RememberedID(
        key: RememberedID.key(application: header.application, idHash: header.idHash),
        contentHash: header.contentHash, time: now.unix, endpoints: endpoints))
  }

  private mutating func writeOwnID(_ space: UnsafeMutableRawBufferPointer, _ offset: inout Int) {
    let prefix: StaticString = "msg_"
    unsafe Self.copy(
      UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount), space,
      &offset)
    let text = ids.next(unixSeconds: now.unix.seconds).text27
    unsafe text.span.withUnsafeBytes { unsafe Self.copy($0, space, &offset) }
  }

  @inline(__always)
  private static func copy(
    _ source: UnsafeRawBufferPointer, _ space: UnsafeMutableRawBufferPointer, _ offset: inout Int
  ) {
    guard let from = source.baseAddress, source.count > 0, let to = space.baseAddress
    else { return }
    require(space.count - offset >= source.count, "an event was longer than measured")
    unsafe (to + offset).copyMemory(from: from, byteCount: source.count)
    offset += source.count
  }

  // MARK: Counting

  /// Counts the events of the open block from `index` on, and duplicates.
  mutating func countAccepted(from index: Int, duplicates: Int = 0) {
    let block = writer.block
    if duplicates > 0 { counters.duplicates.add(UInt64(duplicates)) }
    if index < 0 || index >= block.eventCount { return }
    counters.accepted.add(UInt64(block.eventCount - index))
    for event in index..<block.eventCount {
      let view = block.event(event)
      unsafe counters.types.add(view.type, hash: view.header.typeHash)
    }
  }
}
