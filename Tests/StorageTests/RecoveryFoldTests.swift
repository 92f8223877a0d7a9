import Base
import Flow
import Platform
import Storage
import Testing

/// A lane as recovery must find it again.
private struct ModelLane {
  var matching: [Position] = []
  /// Index into `matching` of the first not yet tried.
  var next = 0
  /// Tried and not settled: attempts and due time as last told.
  var open: [UInt64: Hole] = [:]

  var pending: [Position] {
    (open.values.map(\.position) + matching[next...]).sorted()
  }
}

/// Goal: after a kill at any time the lanes are exactly what the outcomes in the log say.
/// Method: a model of many lanes under random deliveries, checkpoints and segment rolls, compared.
struct RecoveryFoldTests {
  @Test(arguments: 1...8)
  func `recovered lanes hold exactly what is pending`(seed: UInt64) throws {
    let directory = TemporaryDirectory()
    var random = SeededRandom(seed: seed)
    var model: [UInt32: ModelLane] = [:]
    var removed: Set<UInt32> = []
    for life in 0..<3 {
      let reactors = 1 + Int(random.below(3))
      let world = try World(
        directory.path, reactors: reactors, start: UInt64(life + 1) * 100_000)
      if life > 0 { compare(world.recovered, &model, removed) }
      try run(world, &model, &removed, &random)
      if random.oneIn(3) { world.finish() } else { world.settle(milliseconds: 20) }
    }
    let world = try World(directory.path, start: 900_000)
    compare(world.recovered, &model, removed)
    #expect(world.recovered.report.isEmpty)
  }

  private func run(
    _ world: World, _ model: inout [UInt32: ModelLane], _ removed: inout Set<UInt32>,
    _ random: inout SeededRandom
  ) throws {
    var audiences: [(AudienceNumber, [UInt32])] = []
    for _ in 0..<6 {
      let members = (1...12).filter { _ in random.oneIn(2) }.map { UInt32($0) }
        .filter { !removed.contains($0) }
      let number = try #require(
        world.window.audiences.append(members.map { EndpointNumber($0) }))
      audiences.append((number, members))
    }
    for step in 0..<120 {
      let chosen = (0..<(1 + random.below(20))).map { _ in audiences[Int(random.below(6))] }
      world.seal(chosen.map(\.0), bytes: step % 3 == 0 ? 9_000 : 50, random: true)
      commit(world)
      note(world, chosen.map(\.1), &model, removed)
      deliver(world, &model, &random)
      let snapshot = model
      world.images = { Self.images($0, snapshot) }
      if step == 60, random.oneIn(2), let victim = model.keys.sorted().first {
        world.push(.endpointRemoved, victim, .start)
        removed.insert(victim)
        model[victim] = nil
        audiences = try audiences.map { audience in
          let members = audience.1.filter { $0 != victim }
          let number = world.window.audiences.append(members.map { EndpointNumber($0) })
          return (try #require(number), members)
        }
        let pruned = model
        world.images = { Self.images($0, pruned) }
      }
      world.turn()
    }
  }

  private func commit(_ world: World) {
    let count = world.committedSequences.count
    for _ in 0..<200 where world.committedSequences.count == count {
      world.turn()
      world.advance(microseconds: 300)
    }
  }

  private func note(
    _ world: World, _ members: [[UInt32]], _ model: inout [UInt32: ModelLane],
    _ removed: Set<UInt32>
  ) {
    guard let sequence = world.committedSequences.last else { return }
    for (index, endpoints) in members.enumerated() {
      for endpoint in endpoints where !removed.contains(endpoint) {
        model[endpoint, default: ModelLane()].matching.append(
          Position(sequence: sequence, index: index))
      }
    }
  }

  /// Some lanes take some events; some outcomes come, in any order.
  private func deliver(
    _ world: World, _ model: inout [UInt32: ModelLane], _ random: inout SeededRandom
  ) {
    for endpoint in model.keys.sorted() {
      // Endpoints 3, 6, … are slow and lag far behind.
      if endpoint % 3 == 0, !random.oneIn(6) { continue }
      guard var lane = model[endpoint] else { continue }
      for _ in 0..<random.below(12) where lane.next < lane.matching.count && lane.open.count < 8 {
        let position = lane.matching[lane.next]
        lane.open[position.packed] = Hole(
          position: position, attempt: 0, due: UnixMilliseconds(0))
        lane.next += 1
      }
      for packed in lane.open.keys.sorted() {
        guard random.oneIn(2), var hole = lane.open[packed] else { continue }
        if random.oneIn(4) {
          hole.attempt += 1
          hole.due = UnixMilliseconds(random.below(1 << 40) + 1)
          lane.open[packed] = hole
          world.push(
            .retry, endpoint, hole.position, attempt: hole.attempt, due: hole.due.value)
        } else {
          lane.open[packed] = nil
          let kind: OutcomeKind = random.oneIn(9) ? .dead : .delivered
          world.push(kind, endpoint, hole.position, attempt: hole.attempt + 1)
        }
      }
      redeliver(world, endpoint, &lane, &random)
      model[endpoint] = lane
    }
  }

  /// Somebody asks for events that the lane has looked at, its own or not, once more.
  private func redeliver(
    _ world: World, _ endpoint: UInt32, _ lane: inout ModelLane, _ random: inout SeededRandom
  ) {
    guard random.oneIn(5), let last = world.committedSequences.last else { return }
    let isLive = lane.next == lane.matching.count
    let end = isLive ? Position(sequence: last + 1, index: 0) : lane.matching[lane.next]
    for _ in 0..<(1 + random.below(3)) {
      let sequence = world.committedSequences[Int(random.below(UInt64(world.committedSequences.count)))]
      let position = Position(sequence: sequence, index: 0)
      guard position < end, lane.open[position.packed] == nil else { continue }
      let due = random.below(1 << 40) + 1
      lane.open[position.packed] = Hole(
        position: position, attempt: 0, due: UnixMilliseconds(due))
      world.push(.retry, endpoint, position, attempt: 0, due: due)
      // Delivered at once: the outcome often comes to stand in the same block.
      guard random.oneIn(2) else { continue }
      lane.open[position.packed] = nil
      world.push(.delivered, endpoint, position, attempt: 1)
    }
  }

  private static func images(_ world: World, _ model: [UInt32: ModelLane]) -> [ReactorImage] {
    let walked = world.window.committedThrough
    return (0..<world.outcomes.count).map { reactor in
      var lanes: [LaneImage] = []
      for endpoint in model.keys.sorted() where Int(endpoint) % world.outcomes.count == reactor {
        guard let lane = model[endpoint] else { continue }
        let waiting = lane.matching[lane.next...].filter { $0.sequence <= walked }
        if waiting.isEmpty && lane.open.isEmpty { continue }
        lanes.append(
          LaneImage(
            endpoint: EndpointNumber(endpoint),
            cursor: waiting.first ?? Position(sequence: walked + 1, index: 0),
            behind: UInt64(waiting.count),
            holes: lane.open.values.sorted { $0.position < $1.position }))
      }
      return ReactorImage(reactor: reactor, walkedThrough: walked, lanes: lanes)
    }
  }

  /// The recovered lanes against the model, which then goes on from what was recovered.
  private func compare(
    _ log: RecoveredLog, _ model: inout [UInt32: ModelLane], _ removed: Set<UInt32>
  ) {
    var seen: Set<UInt32> = []
    for image in log.lanes {
      let endpoint = image.endpoint.value
      seen.insert(endpoint)
      #expect(!removed.contains(endpoint), "a removed lane came back")
      guard var lane = model[endpoint] else {
        #expect(image.behind == 0 && image.holes.isEmpty)
        continue
      }
      let ahead = lane.matching.filter { $0 >= image.cursor }
      #expect(image.behind == UInt64(ahead.count), "endpoint \(endpoint): behind")
      #expect(
        (image.holes.map(\.position) + ahead).sorted() == lane.pending,
        "endpoint \(endpoint): pending")
      for hole in image.holes {
        let told = lane.open[hole.position.packed]
        #expect(told == hole, "endpoint \(endpoint): hole \(hole.position)")
      }
      lane.next = lane.matching.count - ahead.count
      lane.open = [:]
      for hole in image.holes { lane.open[hole.position.packed] = hole }
      model[endpoint] = lane
    }
    for (endpoint, lane) in model where !seen.contains(endpoint) {
      #expect(lane.pending.isEmpty, "endpoint \(endpoint) is missing")
    }
  }

  @Test func `counters, deaths and removals survive a kill exactly`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path)
    let audience = world.audience(1, 2)
    world.seal([audience, audience, audience])
    world.settle(milliseconds: 3)
    world.push(.delivered, 1, Position(sequence: 1, index: 0))
    world.push(.retry, 1, Position(sequence: 1, index: 1), due: 77)
    world.push(.dead, 1, Position(sequence: 1, index: 2), attempt: 8)
    world.push(.endpointRemoved, 2, .start)
    world.settle(milliseconds: 10)
    let log = try World(directory.path, start: 20_000).recovered
    #expect(log.counters.accepted == 3 && log.counters.delivered == 1)
    #expect(log.counters.retried == 1 && log.counters.dead == 1)
    #expect(log.deadSinceCheckpoint.map(\.attempt) == [8])
    #expect(log.removedEndpoints == [EndpointNumber(2)] && log.lanes.count == 1)
    let hole = Hole(
      position: Position(sequence: 1, index: 1), attempt: 1, due: UnixMilliseconds(77))
    #expect(log.lanes[0].holes == [hole] && log.lanes[0].behind == 0)
  }

  @Test func `a loss takes what the image counted too many, and is told once`() throws {
    let directory = TemporaryDirectory()
    let world = try World(directory.path)
    let audience = world.audience(1)
    world.seal([audience, audience])
    world.settle(milliseconds: 3)
    // The image counts three events of a block that will not be there.
    world.images = { world in
      let lane = LaneImage(
        endpoint: EndpointNumber(1), cursor: Position(sequence: 1, index: 0), behind: 5, holes: [])
      return [
        ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: [lane])
      ]
    }
    world.finish()

    let next = try World(directory.path, start: 100_000)
    #expect(next.recovered.lanes.first?.behind == 5)
    let lanes = next.recovered.lanes
    next.images = { world in
      [ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: lanes)]
    }
    // Past the checkpoint that a start takes.
    next.settle(milliseconds: 20)
    let through = next.window.committedThrough
    next.push(.delivered, 1, Position(sequence: 1, index: 0))
    next.push(.retry, 1, Position(sequence: 1, index: 1), due: 77)
    #expect(
      next.outcomes[0].push(
        Outcome(
          lost: 3, of: EndpointNumber(1), through: through, time: UnixMilliseconds(1))))
    next.seal([audience])
    next.settle(milliseconds: 10)

    let log = try World(directory.path, start: 200_000).recovered
    let lane = try #require(log.lanes.first)
    #expect(lane.behind == 1 && lane.cursor == Position(sequence: through + 1, index: 0))
    #expect(lane.holes.map(\.position) == [Position(sequence: 1, index: 1)])
    #expect(log.counters.dead == 3)
    #expect(log.deadSinceCheckpoint.map(\.isLoss) == [true])
  }

  @Test func `long ranges are searched by posting lists with the same answer`() throws {
    let table = AudienceTable()
    let audiences = (1...40).compactMap { number in
      table.append([EndpointNumber(UInt32(number)), EndpointNumber(UInt32(number + 100))])
    }
    let events = SegmentEvents(table: table)
    let buffer = GatherBuffer(capacity: 1 << 16)
    var random = SeededRandom(seed: 5)
    var expected: [Position] = []
    for sequence in 1...60 as ClosedRange<UInt64> {
      buffer.removeAll()
      var writer = BlockWriter(buffer, kind: .events, sequence: sequence)
      let place = writer.beginTable(TableTag.events)
      for index in 0..<50 {
        let audience = audiences[Int(random.below(40))]
        buffer.append(
          EventHeader(
            time: UnixMilliseconds(0), idHash: 0, typeHash: 0, contentHash: 0, payloadOffset: 0,
            dataLength: 0, extrasLength: 0, audience: audience, application: ApplicationNumber(1),
            typeLength: 0, idLength: 0, kind: .text, flags: 0))
        if table.contains(EndpointNumber(107), in: audience) {
          expected.append(Position(sequence: sequence, index: index))
        }
      }
      writer.endTable(place, count: 50)
      _ = writer.finish()
      let header = try #require(BlockHeader(buffer.view))
      let section = try #require(buffer.view.slice(64, header.headerLength))
      events.add(
        sequence: sequence, tables: try #require(BlockTables(section, count: header.tableCount)))
    }
    let all = events.matches(
      EndpointNumber(107), from: .start, to: Position(sequence: 99, index: 0))
    #expect(all == expected && !expected.isEmpty)
    let from = expected[expected.count / 3]
    let to = expected[expected.count / 3 + 5]
    #expect(
      events.matches(EndpointNumber(107), from: from, to: to)
        == expected.filter { $0 >= from && $0 < to })
  }
}
