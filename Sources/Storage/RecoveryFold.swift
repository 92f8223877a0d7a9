internal import Base
internal import Flow

/// Brings a checkpoint's lanes up to the end of the log, one block after the other.
///
/// Exact because outcomes are read in log order, and a lane takes its events in order: an outcome
/// at or after the cursor means that everything of the lane before it was at least tried.
final class RecoveryFold {
  private struct Lane {
    var cursor: Position
    /// Events at or after the cursor, of those counted so far.
    var behind: Int64
    /// The image counted events up to here; 0-based lanes count from the log alone.
    var countedThrough: UInt64
    /// Of the image's count, what no outcome has spoken of yet.
    var uncertain: Int64 = 0
    /// Events that it had to deliver or came to have, and their plain bytes: what is left at the end
    /// is taken to be of their mean size.
    var weighed: (events: UInt64, bytes: UInt64) = (0, 0)
    var holes: [UInt64: Hole] = [:]
    /// Whether the cursor only marks where the lane's life began.
    var isFresh = false

    /// One event is behind it no longer.
    mutating func take(_ position: Position) {
      behind -= 1
      if position.sequence <= countedThrough { uncertain -= 1 }
    }

    /// Of what is pending, estimated.
    var plainBytes: UInt64 {
      let pending = UInt64(clamping: behind) + UInt64(holes.count)
      return weighed.events == 0 ? 0 : weighed.bytes / weighed.events * pending
    }

    /// It has looked at everything that can be read: what the image counted beyond that is lost.
    mutating func takeLoss() {
      behind -= max(0, uncertain)
      uncertain = 0
    }
  }

  /// Events of one audience that one reactor's images have not counted.
  private struct Tally {
    var count: Int64 = 0
    var bytes: UInt64 = 0
    var first = Position.start
  }

  private let source: any EventSource
  private let audiences: AudienceTable
  private let walked: [UInt64]
  private let replayOutcomesAfter: UInt64
  private let lastOfImages: UInt64
  private var lanes: [UInt32: Lane] = [:]
  private var removed: Set<UInt32> = []
  private var tallies: [UInt64: Tally] = [:]
  private(set) var counters: LifetimeCounters
  private(set) var settled: [Outcome]
  private(set) var remembered: [RememberedID]
  private(set) var highWater: UInt32
  /// Blocks with events of an audience that nothing defines, ascending.
  private(set) var unknownAudiences: [UInt64] = []
  /// The highest audience number that an event carries.
  private(set) var audienceHighest: UInt32 = 0

  /// - Parameters:
  ///   - checkpoint: `nil` folds the log from its first block on.
  ///   - first: the first sequence of the log.
  init(
    checkpoint: Checkpoint?, first: UInt64, audiences: AudienceTable, source: any EventSource
  ) {
    self.source = source
    self.audiences = audiences
    walked = checkpoint.map { $0.images.map(\.walkedThrough) } ?? [first - 1]
    replayOutcomesAfter = checkpoint?.sequence ?? 0
    lastOfImages = walked.reduce(0) { max($0, $1) }
    counters = checkpoint?.counters ?? LifetimeCounters()
    settled = checkpoint?.settled ?? []
    remembered = checkpoint?.remembered ?? []
    highWater = checkpoint?.endpointHighWater ?? 0
    for image in checkpoint?.images ?? [] {
      for lane in image.lanes { restore(lane, countedThrough: image.walkedThrough) }
    }
    for outcome in settled where outcome.kind == .endpointRemoved {
      remove(outcome.endpoint)
    }
    for (number, set) in checkpoint?.audiences ?? [] { define(number, set) }
  }

  private func restore(_ image: LaneImage, countedThrough: UInt64) {
    var lane = Lane(
      cursor: image.cursor, behind: Int64(clamping: image.behind), countedThrough: countedThrough)
    lane.uncertain = lane.behind
    lane.weighed = (image.behind + UInt64(image.holes.count), image.plainBytes)
    for hole in image.holes { lane.holes[hole.position.packed] = hole }
    lanes[image.endpoint.value] = lane
    highWater = max(highWater, image.endpoint.value)
  }

  func define(_ number: AudienceNumber, _ endpoints: [EndpointNumber]) {
    // A segment repeats what earlier ones defined; the set of a number never changes.
    guard unsafe audiences.endpoints(of: number).isEmpty else { return }
    audiences.insert(endpoints, at: number)
    if let last = endpoints.last { highWater = max(highWater, last.value) }
  }

  /// Takes the next block of the log.
  func fold(sequence: UInt64, tables: BlockTables) -> Bool {
    let isWhole = tables.forEachAudience { number, set in
      var endpoints: [EndpointNumber] = []
      endpoints.reserveCapacity(set.count / 4)
      for index in 0..<(set.count / 4) { endpoints.append(EndpointNumber(set.u32(index * 4))) }
      define(number, endpoints)
    }
    foldEvents(sequence, tables)
    if sequence > replayOutcomesAfter { tables.forEachOutcome { fold($0) } }
    return isWhole
  }

  private func foldEvents(_ sequence: UInt64, _ tables: BlockTables) {
    var isKnown = true
    for index in 0..<tables.eventCount {
      audienceHighest = max(audienceHighest, tables.audience(index))
      isKnown = isKnown && self.isKnown(AudienceNumber(tables.audience(index)))
    }
    if !isKnown { unknownAudiences.append(sequence) }
    if sequence > replayOutcomesAfter {
      counters.accepted += UInt64(tables.eventCount)
      for index in 0..<tables.eventCount { remember(tables.event(index)) }
    }
    for reactor in 0..<walked.count where sequence > walked[reactor] {
      var index = 0
      while index < tables.eventCount {
        let audience = tables.audience(index)
        var end = index + 1
        while end < tables.eventCount, tables.audience(end) == audience { end += 1 }
        let key = UInt64(reactor) << 32 | UInt64(audience)
        var tally = tallies[key] ?? Tally(first: Position(sequence: sequence, index: index))
        tally.count += Int64(end - index)
        for event in index..<end { tally.bytes += UInt64(tables.event(event).plainBytes) }
        tallies[key] = tally
        index = end
      }
    }
  }

  private func isKnown(_ audience: AudienceNumber) -> Bool {
    if audience == .empty { return true }
    return unsafe !audiences.endpoints(of: audience).isEmpty
  }

  /// An event that is sent to nobody is forgotten, so that its publisher's second try is taken.
  private func remember(_ header: EventHeader) {
    guard header.flags & EventHeader.publisherGaveID != 0, isKnown(header.audience) else { return }
    remembered.append(
      RememberedID(
        key: RememberedID.key(application: header.application, idHash: header.idHash),
        contentHash: header.contentHash, time: header.time,
        endpoints: unsafe UInt32(audiences.endpoints(of: header.audience).count)))
  }

  private func fold(_ outcome: Outcome) {
    highWater = max(highWater, outcome.endpoint.value)
    count(outcome)
    if outcome.kind == .dead || outcome.kind == .expired || outcome.kind == .endpointRemoved {
      settled.append(outcome)
    }
    if outcome.kind == .endpointRemoved { return remove(outcome.endpoint) }
    if removed.contains(outcome.endpoint.value) { return }
    var lane = lanes[outcome.endpoint.value] ?? freshLane(outcome.endpoint)
    if outcome.position < lane.cursor {
      apply(outcome, to: &lane)
    } else {
      advance(&lane, past: outcome)
    }
    lanes[outcome.endpoint.value] = lane
  }

  private func count(_ outcome: Outcome) {
    switch outcome.kind {
    case .delivered: counters.delivered += 1
    case .retry: if !outcome.isRedelivery { counters.retried += 1 }
    case .dead: counters.dead += outcome.deliveries
    case .expired: counters.expired += 1
    case .removed: counters.removed += 1
    case .endpointRemoved: counters.removed += outcome.dropped
    default: break
    }
  }

  private func remove(_ endpoint: EndpointNumber) {
    removed.insert(endpoint.value)
    lanes[endpoint.value] = nil
  }

  private func freshLane(_ endpoint: EndpointNumber) -> Lane {
    let through = walkedThrough(endpoint)
    return Lane(
      cursor: Position(sequence: through + 1, index: 0), behind: 0, countedThrough: through)
  }

  private func walkedThrough(_ endpoint: EndpointNumber) -> UInt64 {
    walked.isEmpty ? 0 : walked[Int(endpoint.value) % walked.count]
  }

  /// An outcome of a delivery behind the cursor. What is no hole was settled before: an older
  /// outcome of it, read again, changes nothing, unless it opens the delivery anew. Then what
  /// settled it since comes further on.
  private func apply(_ outcome: Outcome, to lane: inout Lane) {
    guard let hole = lane.holes[outcome.position.packed] else {
      if outcome.isRedelivery { lane.holes[outcome.position.packed] = Hole(outcome) }
      return
    }
    if outcome.kind.settles {
      lane.holes[outcome.position.packed] = nil
    } else if outcome.attempt >= hole.attempt {
      lane.holes[outcome.position.packed] = Hole(outcome)
    }
  }

  private func advance(_ lane: inout Lane, past outcome: Outcome) {
    let position = outcome.position
    for skipped in source.matches(outcome.endpoint, from: lane.cursor, to: position) {
      // In flight when the log ended, or its outcome comes further on.
      lane.holes[skipped.packed] = Hole(position: skipped, attempt: 0, due: UnixMilliseconds(0))
      lane.take(skipped)
    }
    if outcome.isLoss { lane.takeLoss() }
    let next = Position(packed: position.packed + 1)
    let exists = !source.matches(outcome.endpoint, from: position, to: next).isEmpty
    // An event that can't be read was counted by the image; one that somebody asked for need not be
    // the lane's at all.
    let isCounted = position.sequence <= lane.countedThrough && !outcome.isRedelivery
    if exists || (isCounted && !outcome.isLoss) { lane.take(position) }
    if !outcome.kind.settles { lane.holes[position.packed] = Hole(outcome) }
    lane.cursor = next
    lane.isFresh = false
  }

  /// The lanes as of the end of the log, ascending by endpoint.
  func finish(end: UInt64) -> [LaneImage] {
    distribute()
    return lanes.keys.sorted().compactMap { number in
      guard let lane = lanes[number] else { return nil }
      let behind = UInt64(clamping: lane.behind)
      return LaneImage(
        endpoint: EndpointNumber(number),
        cursor: behind == 0 ? Position(sequence: end + 1, index: 0) : lane.cursor,
        behind: behind,
        holes: lane.holes.values.sorted { $0.position < $1.position },
        plainBytes: lane.plainBytes)
    }
  }

  /// Gives every lane the events that its image had not counted.
  private func distribute() {
    for key in tallies.keys.sorted() {
      guard let tally = tallies[key] else { continue }
      let reactor = Int(key >> 32)
      let audience = AudienceNumber(UInt32(truncatingIfNeeded: key))
      for unsafe endpoint in unsafe audiences.endpoints(of: audience)
      where Int(endpoint.value) % walked.count == reactor && !removed.contains(endpoint.value) {
        var lane = lanes[endpoint.value] ?? newLane(endpoint, at: tally.first)
        if lane.isFresh { lane.cursor = min(lane.cursor, tally.first) }
        lane.behind += tally.count
        lane.weighed.events += UInt64(tally.count)
        lane.weighed.bytes += tally.bytes
        lanes[endpoint.value] = lane
      }
    }
  }

  private func newLane(_ endpoint: EndpointNumber, at first: Position) -> Lane {
    Lane(
      cursor: first, behind: 0, countedThrough: walkedThrough(endpoint), isFresh: true)
  }

  /// Remembered ids without repeats, the newest million, oldest first.
  func uniqueRemembered(countMax: Int) -> [RememberedID] {
    var seen: Set<UInt64> = []
    var newest: [RememberedID] = []
    for id in remembered.reversed() {
      if newest.count == countMax { break }
      if seen.insert(id.key).inserted { newest.append(id) }
    }
    return newest.reversed()
  }
}

/// Where the fold finds the events between two places.
protocol EventSource: AnyObject {
  /// Events for `endpoint` in `from..<to`, ascending.
  func matches(_ endpoint: EndpointNumber, from: Position, to: Position) -> [Position]
}

extension Hole {
  /// The delivery that an outcome leaves open.
  fileprivate init(_ outcome: Outcome) {
    self.init(position: outcome.position, attempt: outcome.attempt, due: outcome.due)
  }
}
