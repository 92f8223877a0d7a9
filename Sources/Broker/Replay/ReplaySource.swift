internal import Base
internal import Catalog
internal import Flow
internal import Routing
internal import Storage
internal import Platform

/// Where the deliveries of a replay to one endpoint come from, in the order of the log.
///
/// > Runs on: the task of its replay.
enum ReplaySource {
  /// These.
  case list([Position])
  /// What was given up.
  case dead(DeadSource)
  /// The log.
  case log(LogSource)

  /// The next deliveries; they may be none, and there may be more all the same.
  /// - Returns: `nil` at the end.
  mutating func next() async throws(ControlError) -> [Position]? {
    switch self {
    case .list(let positions):
      if positions.isEmpty { return nil }
      self = .list([])
      return positions
    case .dead(let source): return try source.next()
    case .log(let source): return await source.next()
    }
  }

  /// 0 to 1.
  var progress: Double {
    switch self {
    case .list(let positions): positions.isEmpty ? 1 : 0
    case .dead(let source): source.progress
    case .log(let source): source.progress
    }
  }

  /// Deliveries that it found and left out, because the lane has yet to come to them.
  var pending: Int {
    if case .log(let source) = self { return source.pending }
    return 0
  }

  var damagedBlocks: Int {
    if case .log(let source) = self { return source.damagedBlocks }
    return 0
  }
}

/// The dead letters of one endpoint, page after page.
final class DeadSource {
  private let catalog: Catalog
  private let endpoint: UInt32
  private let since: UnixMilliseconds
  private let until: UnixMilliseconds
  private let total: Int
  private var found = 0
  private var last: Position?

  init(
    catalog: Catalog, endpoint: UInt32, since: UnixMilliseconds?, until: UnixMilliseconds?
  ) {
    self.catalog = catalog
    self.endpoint = endpoint
    self.since = since ?? UnixMilliseconds(0)
    self.until = until ?? UnixMilliseconds(.max)
    total = catalog.deadCounts()[endpoint] ?? 0
  }

  var progress: Double { total == 0 ? 1 : min(1, Double(found) / Double(total)) }

  func next() throws(ControlError) -> [Position]? {
    let page: [Position]
    do throws(CatalogError) {
      page = try catalog.deadPositions(
        endpoint: endpoint, died: since...until, after: last, limit: 256)
    } catch {
      throw ControlError(error)
    }
    found += page.count
    last = page.last ?? last
    return page.isEmpty ? nil : page
  }
}

/// The events of the log that an endpoint is to get, up to where the log went when it began.
final class LogSource {
  private let scan: LogScan
  private var filter: ReplayFilter
  private let sequences: ClosedRange<UInt64>
  /// The last block with events when it began; what follows is outcomes, and passed in no time.
  private let lastEvents: UInt64
  /// Where the lane's backlog begins: its own events from here on are pending.
  private let backlog: Position?
  private(set) var pending = 0
  private var isOver = false

  init(
    reader: LogReader, filter: ReplayFilter, since: UnixMilliseconds,
    through sequence: UInt64, backlog: Position?
  ) {
    scan = reader.scan(.oldestFirst, from: .start, accepted: LogScan.Span(first: since.value))
    let held = reader.sequences ?? sequence...sequence
    sequences = min(held.lowerBound, sequence)...sequence
    lastEvents = min(held.upperBound, sequence)
    self.filter = filter
    self.backlog = backlog
  }

  var damagedBlocks: Int { scan.damagedBlocks }

  var progress: Double {
    if isOver { return 1 }
    if scan.sequence == 0 { return 0 }
    guard lastEvents > sequences.lowerBound else { return 1 }
    let span = Double(lastEvents - sequences.lowerBound)
    return min(1, Double(scan.sequence - sequences.lowerBound) / span)
  }

  /// Looks at a few blocks, and rests as long as that took: others need the processor more.
  func next() async -> [Position]? {
    if isOver { return nil }
    let began = RealClock.monotonic
    var found: [Position] = []
    for _ in 0..<BrokerControl.blocksPerSlice where found.count < ReplayFeed.batchMax {
      guard scan.advance(), sequences.contains(scan.sequence) else {
        isOver = true
        break
      }
      collect(&found)
    }
    scan.rest()
    let worked = RealClock.monotonic.since(began)
    await ControlThreads.sleep(for: worked)
    return found
  }

  private func collect(_ found: inout [Position]) {
    scan.forEachEvent { position, header in
      switch filter.verdict(header) {
      case .unwanted: return true
      case .wanted: break
      case .open:
        guard scan.withEvent(position, { filter.judge($0) }) == true else { return true }
      }
      if let backlog, position >= backlog, filter.isMember(header) {
        pending += 1
      } else {
        found.append(position)
      }
      return true
    }
  }
}
