public import Base
public import Flow
public import Platform
internal import Synchronization

/// One event, copied out of the log: for the API and the command line.
public struct StoredEvent: Sendable, Equatable {
  /// Where it stands.
  public let position: Position
  /// When it was accepted.
  public let time: UnixMilliseconds
  /// Whom it belongs to.
  public let application: ApplicationNumber
  /// Whom it was accepted for.
  public let audience: AudienceNumber
  /// What the data is.
  public let kind: PayloadKind
  /// Its type.
  public let type: String
  /// Its id.
  public let id: String
  /// The optional attributes, as `ExtraTag` describes.
  public let extras: [UInt8]
  /// The data.
  public let data: [UInt8]

  init(_ event: EventView, position: Position) {
    self.position = position
    time = event.header.time
    application = event.header.application
    audience = event.header.audience
    kind = event.header.kind
    type = unsafe String(decoding: event.type, as: UTF8.self)
    id = unsafe String(decoding: event.id, as: UTF8.self)
    extras = unsafe Array(event.extras)
    data = unsafe Array(event.data)
  }
}

/// What a dead letter keeps of its event.
public struct EventIdentity: Sendable, Equatable {
  /// Its id.
  public let id: String
  /// Its type.
  public let type: String
  /// Whom it belongs to.
  public let application: ApplicationNumber
  /// `EventHeader.plainBytes`.
  public let plainBytes: Int

  init(_ event: EventView) {
    id = unsafe String(decoding: event.id, as: UTF8.self)
    type = unsafe String(decoding: event.type, as: UTF8.self)
    application = event.header.application
    plainBytes = event.header.plainBytes
  }
}

/// Reads single events of the log, and waits for the disk: for the control plane.
public final class LogReader: Sendable {
  private struct Tools: ~Copyable {
    let loader: BlockLoader
    private var made: Block?

    init(loader: BlockLoader) { self.loader = loader }

    deinit { made?.deallocate() }

    /// Large enough for any block; made at the first use.
    mutating func room() -> Block {
      let block = made ?? Block.allocate()
      made = block
      return block
    }
  }

  private let index: SegmentIndex
  private let layout: DirectoryLayout
  private let disk: any Disk
  private let tools: Mutex<Tools>

  /// A reader over the live segments of `directory`.
  public init(index: SegmentIndex, directory: String, disk: any Disk) {
    self.index = index
    self.disk = disk
    layout = DirectoryLayout(root: directory)
    tools = Mutex(Tools(loader: BlockLoader(layout: layout, disk: disk, index: index)))
  }

  /// What the log holds now; the zeros that are written ahead of need are no part of it.
  public var usage: LogUsage { index.usage }

  /// A walk over the log with tools of its own: it holds up nobody who reads single events.
  public func scan(_ direction: LogScan.Direction, from start: Position, accepted: LogScan.Span)
    -> LogScan
  {
    LogScan(
      direction, from: start, accepted: accepted, index: index,
      loader: BlockLoader(layout: layout, disk: disk, index: index))
  }

  /// The sequences that the segments of the log hold, `nil` while there are none.
  public var sequences: ClosedRange<UInt64>? {
    guard let first = index.find(atOrAfter: 0, in: { _ in true }),
      let last = index.find(atOrBefore: .max, in: { _ in true })
    else { return nil }
    return first.sequence...last.sequence
  }

  /// The first place that an event may still stand at, in the log or in its spool.
  public var oldest: Position {
    Position(sequence: index.find(atOrAfter: 0)?.sequence ?? 0, index: 0)
  }

  /// The event at `position`.
  /// - Throws: `eventNotFound` when the log has none there (any more), `damaged` when its block
  ///   can't be read.
  /// > Runs on: any thread; one reads at a time.
  public func event(at position: Position) throws(StorageError) -> StoredEvent {
    guard let place = place(of: position) else { throw .eventNotFound(position) }
    let path = layout.file(of: place)
    let outcome = read(place, position.sequence) { block in
      Self.hasEvent(block, at: position)
        ? StoredEvent(block.event(position.index), position: position) : nil
    }
    switch outcome {
    case .success(let event??): return event
    case .success, .failure(.gone): throw .eventNotFound(position)
    case .failure(.unavailable(let error)): throw .system(path: path, error)
    case .failure(.damaged(let reason)):
      throw .damaged(path: path, offset: place.offset, reason: reason)
    }
  }

  /// Which events stand at `positions`; `nil` where there is none (any more), or it can't be read.
  /// - Complexity: each block is read once, in the order of the log.
  /// > Runs on: any thread; one reads at a time.
  public func identities(at positions: [Position]) -> [EventIdentity?] {
    var found = [EventIdentity?](repeating: nil, count: positions.count)
    for (place, run) in runs(positions) {
      let events = read(place, positions[run[0]].sequence) { block in
        run.map { index in
          Self.hasEvent(block, at: positions[index])
            ? EventIdentity(block.event(positions[index].index)) : nil
        }
      }
      guard case .success(let events?) = events else { continue }
      for (index, event) in zip(run, events) { found[index] = event }
    }
    return found
  }

  /// When the events at `positions` were accepted; `nil` where there is none (any more), or it can't
  /// be read.
  /// - Complexity: of each block the header section is read once, in the order of the log; no
  ///   payload is read or unpacked.
  /// > Runs on: any thread; one reads at a time.
  public func times(at positions: [Position]) -> [UnixMilliseconds?] {
    var found = [UnixMilliseconds?](repeating: nil, count: positions.count)
    for (place, run) in runs(positions) {
      let wanted = run.map { positions[$0] }
      let times = tools.withLock { tools -> [UnixMilliseconds?]? in
        defer { tools.loader.closeAll() }
        do throws(BlockLoader.Failure) { try tools.loader.readSection(place) } catch { return nil }
        return tools.loader.times(at: wanted)
      }
      for (index, time) in zip(run, times ?? []) { found[index] = time }
    }
    return found
  }

  /// The blocks that the events at `positions` stand in, in the order of the log, each with the
  /// indices of its positions, never none.
  private func runs(_ positions: [Position]) -> [(place: BlockPlace, indices: [Int])] {
    var result: [(place: BlockPlace, indices: [Int])] = []
    var rest = positions.indices.sorted { positions[$0] < positions[$1] }[...]
    while let first = rest.first {
      let sequence = positions[first].sequence
      let run = rest.prefix { positions[$0].sequence == sequence }
      rest = rest.dropFirst(run.count)
      if let place = place(of: positions[first]) { result.append((place, Array(run))) }
    }
    return result
  }

  /// Reads the block of the log with this sequence.
  /// - Returns: what `body` makes of it; `nil` when the log has no such block (any more).
  private func read<R: Sendable>(
    _ place: BlockPlace, _ sequence: UInt64, _ body: @Sendable (Block) -> R
  ) -> Result<R?, BlockLoader.Failure> {
    tools.withLock { tools in
      Result { () throws(BlockLoader.Failure) in
        // An open file would keep the space of a segment that is freed meanwhile.
        defer { tools.loader.closeAll() }
        return try Self.load(sequence, at: place, &tools).map(body)
      }
    }
  }

  /// In a block from the spool an event without a type is a gap where a settled one stood.
  private static func hasEvent(_ block: Block, at position: Position) -> Bool {
    position.index < block.eventCount && block.header(position.index).typeLength > 0
  }

  /// Why the event at `position` can't be read, and what is still known of it.
  /// - Returns: `nil` when the log has no block there any more, or it can be read.
  /// > Runs on: any thread; one reads at a time.
  public func damage(at position: Position) -> DamagedEvent? {
    guard let place = place(of: position) else { return nil }
    return tools.withLock { tools in
      defer { tools.loader.closeAll() }
      do throws(BlockLoader.Failure) {
        _ = try Self.load(position.sequence, at: place, &tools)
        return nil
      } catch {
        guard case .damaged(let reason) = error else { return nil }
        var damaged = DamagedEvent(
          path: layout.file(of: place), offset: place.offset, reason: reason)
        let block = tools.room()
        if tools.loader.unpackHeaders(into: block, salvages: true),
          position.index < block.eventCount
        {
          damaged.identify(block.event(position.index))
        }
        return damaged
      }
    }
  }

  /// Where the block that had or has the event stands.
  private func place(of position: Position) -> BlockPlace? {
    guard let place = index.find(atOrAfter: position.sequence),
      place.isSpool || place.sequence == position.sequence
    else { return nil }
    return place
  }

  /// The block of the log with this sequence, unpacked from what stands at `place`.
  /// - Returns: `nil` when no event of it is left there.
  private static func load(_ sequence: UInt64, at place: BlockPlace, _ tools: inout Tools)
    throws(BlockLoader.Failure) -> Block?
  {
    try tools.loader.read(place)
    guard tools.loader.block(atOrAfter: sequence)?.sequence == sequence else {
      return nil
    }
    let block = tools.room()
    guard tools.loader.unpack(sequence, into: block) else {
      throw .damaged("the payload does not unpack to what was stored")
    }
    return block
  }
}

/// An event that can't be read, and what is known of it.
public struct DamagedEvent: Sendable, Equatable {
  /// Which file its block stands in.
  public let path: String
  /// Where in it the block begins, bytes.
  public let offset: UInt64
  /// Which check failed.
  public let reason: String
  /// Its id and its type, where the bytes that are left agree with the hashes in the header section;
  /// empty otherwise.
  public private(set) var id = ""
  public private(set) var type = ""

  init(path: String, offset: UInt64, reason: String) {
    self.path = path
    self.offset = offset
    self.reason = reason
  }

  mutating func identify(_ event: EventView) {
    if unsafe Hash64.of(event.id) == event.header.idHash {
      id = unsafe String(decoding: event.id, as: UTF8.self)
    }
    if unsafe Hash64.of(event.type) == event.header.typeHash {
      type = unsafe String(decoding: event.type, as: UTF8.self)
    }
  }
}
