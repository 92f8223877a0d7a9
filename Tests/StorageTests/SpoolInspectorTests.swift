import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: the inspector reads the spool too: calls a whole one whole, lists it, and names damage.
/// Method: a log whose old segments were handed over; then single bytes of the ranges are changed.
struct SpoolInspectorTests {
  let directory = TemporaryDirectory()

  private func spooled() throws -> Backlog {
    let backlog = Backlog(try World(directory.path, retentionSeconds: 0))
    backlog.seal(60)
    backlog.world.settle(milliseconds: 100)
    return backlog
  }

  private func inspector() throws -> JournalInspector {
    try JournalInspector(directory: directory.path, disk: RealDisk())
  }

  @Test func `a log with a spool is whole, and its ranges and events are listed`() throws {
    let backlog = try spooled()
    let inspector = try inspector()
    let verdict = try inspector.verify()
    #expect(verdict.faults.map(\.text) == [])
    let ranges = backlog.world.recovered.index.ranges
    #expect(inspector.spool.map(\.ordinal) == ranges.map(\.ordinal) && ranges.count >= 2)
    #expect(inspector.spool.map(\.events) == ranges.map(\.events))
    #expect(verdict.spoolRanges == ranges.count)
    var ids: Set<String> = []
    var positions: [Position] = []
    try inspector.forEachEvent {
      ids.insert($0.id)
      positions.append($0.position)
    }
    #expect(positions == positions.sorted() && Set(positions).count == positions.count)
    for place in backlog.sequences.indices {
      #expect(ids.contains("e\(place)-0") && ids.contains("e\(place)-2"))
    }
    var kinds: Set<String> = []
    try inspector.forEachBlock { kinds.insert($0.kind) }
    #expect(kinds.contains("releases"))
  }

  @Test func `files that a running broker removes meanwhile are passed over`() throws {
    let backlog = try spooled()
    let layout = DirectoryLayout(root: directory.path)
    let live = try JournalInspector(directory: directory.path, disk: RealDisk(), isLive: true)
    let still = try inspector()
    let first = try #require(backlog.world.recovered.index.facts.first)
    for path in [layout.spoolSegment(1), layout.segment(first.number)] {
      try RealDisk().remove(path)
      for inspector in [live, still] {
        let walks: [() throws -> Void] = [
          { _ = try inspector.verify() }, { try inspector.forEachEvent { _ in } },
        ]
        for walk in walks {
          if inspector.isLive {
            try walk()
          } else {
            #expect(throws: StorageError.self) { try walk() }
          }
        }
      }
    }
    #expect(try live.verify().faults.map(\.text) == [])
    try live.forEachBlock { #expect($0.segment != first.number) }
  }

  @Test func `every changed byte of a range is noticed and named`() throws {
    _ = try spooled()
    let range = try #require(try inspector().spool.first)
    let whole = try Bytes.read(range.path)
    for step in 0..<40 {
      var bytes = whole
      let place = Int(range.offset) + step * (Int(range.bytes) - 1) / 39
      bytes[place] ^= 1 << UInt8(step % 8)
      try Bytes.write(bytes, to: range.path)
      let faults = try inspector().verify().faults
      #expect(faults.contains { $0.path == range.path }, "byte \(place)")
    }
    try Bytes.write(whole, to: range.path)
    #expect(try inspector().verify().isClean)
  }

  @Test func `a start names a range whose footer or file is gone`() throws {
    let backlog = try spooled()
    let range = try #require(backlog.world.recovered.index.ranges.first)
    let path = DirectoryLayout(root: directory.path).spoolSegment(range.file)
    try Bytes.flip(path, at: Int(range.offset + range.length - range.footerLength))
    func open() throws -> RecoveredLog {
      try Recovery.open(
        directory: directory.path, disk: RealDisk(), now: backlog.world.now,
        segmentBytes: World.segmentBytes)
    }
    let log = try open()
    #expect(log.report.map(\.kind) == [.corruption] && log.report.first?.path == path)
    let problems = Backlog.check(
      log.index, directory.path, backlog.sequences, failed: backlog.failed)
    #expect(problems == [])
    try RealDisk().remove(path)
    #expect(try open().report.contains { $0.kind == .missingSegment && $0.path == path })
  }
}
