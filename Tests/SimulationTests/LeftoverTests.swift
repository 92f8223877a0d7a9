// Goal: what recovery could not tidy up does not stop it, and does not go unsaid.
// Method: a start on a disk that refuses just that call.
internal import Base
internal import Platform
internal import Simulation
internal import Storage
internal import Testing

@Suite struct LeftoverTests {
  /// Starts twice, the second time with a fault.
  static func restart(with fault: DiskFault) throws -> RecoveredLog {
    let world = World(seed: 1)
    for isFirst in [true, false] {
      if !isFirst { world.disk.faults = [fault] }
      let recovered = try Recovery.open(
        directory: "/data", disk: world.disk, now: world.now, segmentBytes: 2 << 20)
      if !isFirst { return recovered }
      _ = try world.disk.open("/data/journal/segment-00000000000000ff.tmp", .create)
      world.disk.processDied()
    }
    throw SystemError(code: 0, operation: "unreachable")
  }

  @Test(arguments: [
    DiskFault(.truncate, path: "0001.log", code: 5), DiskFault(.open, path: "0001.log", number: 4),
    DiskFault(.sync, path: "0001.log"), DiskFault(.remove, path: "00ff.tmp"),
  ])
  func `what could not be tidied up is reported with the system's word`(fault: DiskFault) throws {
    let recovered = try Self.restart(with: fault)
    let finding = try #require(recovered.report.first)
    #expect(recovered.report.count == 1)
    #expect(finding.kind == .leftover)
    #expect(finding.path.contains(fault.path ?? "?"))
    #expect(finding.text.contains("Input/output error"))
    #expect(recovered.wasClean)
  }

  @Test func `a prepared segment that could not be removed is no damage later`() throws {
    let world = World(seed: 1)
    var reports: [[RecoveryFinding]] = []
    for life in 1...3 {
      world.disk.faults = life == 2 ? [DiskFault(.remove, path: "0002.log")] : []
      let recovered = try Recovery.open(
        directory: "/data", disk: world.disk, now: world.now, segmentBytes: 2 << 20)
      reports.append(recovered.report)
      if life == 1 {
        let prepared = try world.disk.open("/data/journal/segment-0000000000000002.log", .create)
        try world.disk.truncate(prepared, to: 2 << 20)
      }
      world.disk.processDied()
    }
    #expect(reports.map(\.count) == [0, 1, 0])
    #expect(world.disk.content("/data/journal/segment-0000000000000002.log") == nil)
  }

  @Test func `a start with nothing to complain of reports nothing`() throws {
    let recovered = try Self.restart(with: DiskFault(.rename, path: "nowhere"))
    #expect(recovered.report.isEmpty)
  }
}
