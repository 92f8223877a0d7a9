import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: whatever a stop leaves, everything that was durable is there, and damage is named exactly.
/// Method: run a journal, leave it without a clean stop, change bytes of its files, recover.
struct RecoveryTests {
  let directory = TemporaryDirectory()
  var layout: DirectoryLayout { DirectoryLayout(root: directory.path) }

  private func open(_ start: UInt64 = 50_000) throws -> RecoveredLog {
    try World(directory.path, start: start).recovered
  }

  /// Where the blocks of segment 1 stand.
  private func blocks(_ number: UInt64 = 1) throws -> [ScannedBlock] {
    let disk = RealDisk()
    let file = try disk.open(layout.segment(number), .read)
    defer { disk.close(file) }
    return try SegmentScan.run(ChunkReader(disk: disk, file: file), salt: nil, first: 1).blocks
  }

  private func event(_ log: RecoveredLog, _ sequence: UInt64) throws -> StoredEvent {
    try LogReader(index: log.index, directory: directory.path, disk: RealDisk())
      .event(at: Position(sequence: sequence, index: 0))
  }

  @Test func `a fresh directory is initialised`() throws {
    let log = try open()
    #expect(log.nextSequence == 1 && log.wasClean && log.lanes.isEmpty && log.report.isEmpty)
    #expect(log.counters == LifetimeCounters() && log.walkedThrough == 0)
    #expect(Bytes.names(layout.journal).contains("segment-0000000000000001.log"))
  }

  @Test func `a clean stop needs no replay and loses nothing`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    world.images = { world in
      let lane = LaneImage(
        endpoint: EndpointNumber(1), cursor: Position(sequence: 1, index: 1), behind: 1, holes: [])
      return [
        ReactorImage(reactor: 0, walkedThrough: world.window.committedThrough, lanes: [lane])
      ]
    }
    world.seal([audience, audience], flags: EventHeader.publisherGaveID)
    world.settle(milliseconds: 3)
    world.push(.delivered, 1, Position(sequence: 1, index: 0))
    world.finish()
    #expect(world.journal.isFinished)
    let log = try open()
    #expect(log.wasClean && log.replayedBlocks <= 1 && log.report.isEmpty)
    #expect(log.lanes.map(\.behind) == [1] && log.counters.delivered == 1)
    #expect(log.lanes[0].cursor == Position(sequence: 1, index: 1))
    #expect(try event(log, 1).id == "id0")
  }

  @Test func `ids that publishers gave are remembered across a kill`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1, 2, 3)
    world.seal([audience, audience], flags: EventHeader.publisherGaveID)
    world.settle(milliseconds: 3)
    let log = try open()
    let hash = unsafe Array("id1".utf8).withUnsafeBytes { unsafe Hash64.of($0) }
    #expect(log.remembered.count == 2 && log.remembered[1].endpoints == 3)
    #expect(
      log.remembered[1].key == RememberedID.key(application: ApplicationNumber(1), idHash: hash))
    #expect(log.remembered[1].contentHash == 7)
  }

  @Test func `what lies beyond the watermark moves to a fresh segment`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    for _ in 0..<5 {
      world.seal([audience], bytes: 5000, random: true)
      world.settle(milliseconds: 1)
    }
    let log = try open()
    #expect(log.nextSequence == 6 && !log.wasClean && log.report.isEmpty)
    let fresh = try #require(log.index.facts.last)
    #expect(fresh.number > 1 && fresh.firstSequence == 5 && fresh.eventBlocks == 1)
    #expect(log.index.find(atOrAfter: 5)?.segment == fresh.number)
    #expect(try event(log, 5).data.count == 5000)
    #expect(log.lanes.map(\.behind) == [5])
    // And once more: the old tail is superseded, not read twice.
    let again = try open(60_000)
    #expect(again.nextSequence == 6 && again.lanes.map(\.behind) == [5])
    #expect(try event(again, 5).data.count == 5000)
  }

  @Test func `a last block torn at any place is quarantined and the rest kept`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    for _ in 0..<3 {
      world.seal([audience], bytes: 1500, random: true)
      world.settle(milliseconds: 1)
    }
    let whole = try Bytes.read(layout.segment(1))
    let last = try #require(try blocks().last)
    #expect(last.sequence == 3)
    for cut in stride(from: 0, to: last.length, by: 64) {
      TemporaryDirectory.remove(directory.path)
      try RealDisk().makeDirectory(directory.path)
      try RealDisk().makeDirectory(layout.journal)
      var bytes = whole
      for index in (last.offset + cut)..<(last.offset + last.length) { bytes[index] = 0 }
      try Bytes.write(bytes, to: layout.segment(1))
      let log = try open()
      // The last 64 bytes may be padding alone: then nothing is missing.
      if bytes == whole { continue }
      #expect(log.nextSequence == 3, "cut at \(cut)")
      #expect(log.lanes.map(\.behind) == [2])
      #expect(log.report.map(\.kind) == (cut == 0 ? [] : [.tornTail]), "cut at \(cut)")
      if cut > 0 {
        #expect(log.report[0].offset == UInt64(last.offset) && log.report[0].firstSequence == 3)
        let kept = try Bytes.read(try #require(log.report[0].quarantine))
        #expect(kept.count >= min(cut, 64) && bytes[last.offset...].starts(with: kept))
      }
      #expect(try event(log, 2).data.count == 1500)
    }
  }

  @Test func `a torn block costs none of the whole ones behind it`() throws {
    let world = try World(directory.path)
    world.sync.isHeld = true
    let audience = world.audience(1)
    for _ in 0..<3 { world.seal([audience], bytes: 1500, random: true) }
    world.turn()
    var bytes = try Bytes.read(layout.segment(1))
    let middle = try blocks()[1]
    bytes[middle.offset + 400] ^= 1
    try Bytes.write(bytes, to: layout.segment(1))
    let log = try open()
    #expect(log.nextSequence == 4 && log.report.map(\.kind) == [.tornTail])
    #expect(log.report[0].firstSequence == 2 && log.report[0].lastSequence == 2)
    #expect(log.report[0].offset == UInt64(middle.offset))
    #expect(try event(log, 3).data.count == 1500 && log.lanes.map(\.behind) == [2])
    #expect(throws: StorageError.self) { try event(log, 2) }
    // The gap is closed by an empty block: the next start has nothing to report.
    #expect(try open(60_000).report.isEmpty)
  }

  @Test(arguments: [20, 36, 63, 64, 70])
  func `damage below the watermark is reported by position and cuts nothing`(at byte: Int) throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    for _ in 0..<5 {
      world.seal([audience], bytes: 1500, random: true)
      world.settle(milliseconds: 1)
    }
    world.settle(milliseconds: 300)
    let second = try blocks()[1]
    var bytes = try Bytes.read(layout.segment(1))
    bytes[second.offset + byte] ^= 0xFF
    try Bytes.write(bytes, to: layout.segment(1))
    let log = try open()
    #expect(log.report.map(\.kind) == [.corruption] && log.nextSequence == 7)
    #expect(log.report[0].offset == UInt64(second.offset))
    #expect(log.report[0].firstSequence == 2 && log.report[0].lastSequence == 2)
    let kept = try Bytes.read(try #require(log.report[0].quarantine))
    #expect(kept.count == second.length && kept[byte] == bytes[second.offset + byte])
    #expect(log.lanes.map(\.behind) == [4])
    for sequence in [1, 3, 4, 5] as [UInt64] {
      #expect(try event(log, sequence).data.count == 1500)
    }
    #expect(throws: StorageError.self) { try event(log, 2) }
  }

  @Test func `a damaged payload is found when it is read, not before`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 1500, random: true)
    world.settle(milliseconds: 300)
    let first = try blocks()[0]
    try Bytes.flip(layout.segment(1), at: first.offset + 700)
    let log = try open()
    #expect(log.report.isEmpty && log.lanes.map(\.behind) == [1])
    #expect {
      try event(log, 1)
    } throws: { error in
      if case .damaged(_, let offset, _)? = error as? StorageError {
        return offset == UInt64(first.offset)
      }
      return false
    }
  }

  @Test func `a damaged segment header loses nothing`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 300)
    try Bytes.flip(layout.segment(1), at: 20)
    let log = try open()
    #expect(log.report.map(\.kind) == [.corruption] && log.report[0].offset == 0)
    #expect(log.lanes.map(\.behind) == [1])
    #expect(try event(log, 1).id == "id0")
  }

  @Test func `a newer format is refused before anything is written`() throws {
    let world = try World(directory.path)
    world.seal([.empty])
    world.settle(milliseconds: 3)
    let buffer = GatherBuffer(capacity: 64)
    SegmentHeader(number: 1, firstSequence: 1, createdAt: 1, segmentBytes: 1).append(to: buffer)
    buffer.store(UInt16(9), at: 4)
    buffer.store((buffer.view.slice(0, 60)?.crc ?? 0).littleEndian, at: 60)
    var bytes = try Bytes.read(layout.segment(1))
    for index in 0..<64 { bytes[index] = buffer.view.u8(index) }
    try Bytes.write(bytes, to: layout.segment(1))
    let before = try contents()
    let refusal = StorageError.newerFormat(path: layout.segment(1), found: 9, supported: 1)
    #expect(throws: refusal) { _ = try open() }
    #expect(throws: refusal) {
      try Recovery.checkFormat(directory: directory.path, disk: RealDisk())
    }
    #expect(try contents() == before)
  }

  @Test func `a newer checkpoint is refused before anything is written`() throws {
    let world = try World(directory.path)
    world.seal([.empty])
    world.settle(milliseconds: 3)
    world.finish()
    let name = try #require(Bytes.names(layout.journal).first { $0.hasPrefix("checkpoint-") })
    let path = layout.journal + "/" + name
    var bytes = try Bytes.read(path)
    bytes[4] = 7
    let buffer = GatherBuffer(capacity: 64)
    for byte in bytes[..<60] { buffer.append(byte) }
    let crc = buffer.view.slice(0, 60)?.crc ?? 0
    for index in 0..<4 { bytes[60 + index] = UInt8(truncatingIfNeeded: crc >> (8 * index)) }
    try Recovery.checkFormat(directory: directory.path, disk: RealDisk())
    try Bytes.write(bytes, to: path)
    let before = try contents()
    let refusal = StorageError.newerFormat(path: path, found: 7, supported: 3)
    #expect(throws: refusal) {
      try Recovery.checkFormat(directory: directory.path, disk: RealDisk())
    }
    #expect(throws: refusal) { _ = try open() }
    #expect(try contents() == before)
  }

  /// Every file of the log, byte by byte.
  private func contents() throws -> [String: [UInt8]] {
    var all: [String: [UInt8]] = [:]
    for name in Bytes.names(layout.journal) {
      all[name] = try Bytes.read(layout.journal + "/" + name)
    }
    return all
  }

  @Test func `a second process is refused`() throws {
    let first = try DirectoryLock(directory: directory.path)
    #expect(throws: StorageError.locked(path: directory.path)) {
      _ = try DirectoryLock(directory: directory.path)
    }
    _ = first
  }

  @Test func `files that are no part of the log are named and left alone`() throws {
    _ = try open(1_000)
    try Bytes.write([1, 2, 3], to: layout.journal + "/notes.txt")
    try Bytes.write([1], to: layout.journal + "/segment-0000000000000009.tmp")
    let log = try open()
    #expect(log.report.map(\.kind) == [.foreignFile])
    #expect(Bytes.names(layout.journal).contains("notes.txt"))
    #expect(!Bytes.names(layout.journal).contains { $0.hasSuffix(".tmp") })
  }

  @Test func `closed segments are found again by their footers`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    for index in 0..<60 {
      world.seal([audience], bytes: 100_000, id: "f\(index)-", random: true)
      world.settle(milliseconds: 1)
    }
    world.finish()
    let sequences = world.committedSequences
    // A header in the middle of a closed segment that only a scan would look at.
    let first = try #require(world.recovered.index.facts.first)
    let third = try #require(world.recovered.index.find(atOrAfter: 3))
    try Bytes.flip(layout.segment(first.number), at: Int(third.offset) + 8)
    let log = try open()
    #expect(log.report.isEmpty && log.index.facts.count >= 4)
    #expect(log.index.facts[0].eventBlocks == first.eventBlocks)
    for (index, sequence) in sequences.enumerated() where sequence != third.sequence {
      #expect(try event(log, sequence).id == "f\(index)-0")
    }
    #expect(throws: StorageError.self) { try event(log, third.sequence) }
  }

  @Test func `a segment deleted by hand is reported with its blocks`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    for _ in 0..<50 {
      world.seal([audience], bytes: 100_000, random: true)
      world.settle(milliseconds: 1)
    }
    world.settle(milliseconds: 300)
    let facts = world.recovered.index.facts
    #expect(facts.count >= 3)
    // The images above say that nothing is pending: say the opposite, as a lane would.
    for name in Bytes.names(layout.journal) where name.hasPrefix("checkpoint-") {
      try RealDisk().remove(layout.journal + "/" + name)
    }
    try RealDisk().remove(layout.segment(facts[1].number))
    let log = try open()
    #expect(log.report.map(\.kind) == [.corruption])
    #expect(log.report[0].firstSequence == facts[1].firstSequence)
    #expect(log.report[0].lastSequence == facts[1].lastSequence)
    #expect(log.lanes.map(\.behind) == [UInt64(50 - facts[1].eventBlocks)])
  }

  @Test func `restarts in a row do not fill the disk`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)])
    world.settle(milliseconds: 3)
    var bytes: UInt64 = 0
    for run in 0..<6 {
      let log = try open(UInt64(run + 2) * 10_000)
      bytes = log.index.byteCount
      #expect(log.lanes.map(\.behind) == [1] && log.nextSequence == 2)
    }
    let onDisk = try Bytes.names(layout.journal)
      .map { try Bytes.read(layout.journal + "/" + $0).count }.reduce(0, +)
    #expect(onDisk < 4 * World.segmentBytes && bytes < 4 * UInt64(World.segmentBytes))
  }
}
