// Goal: the simulated disk keeps what was synced, and only parts of the rest; faults strike as told.
// Method: small files, every outcome of a power cut over many seeds.
internal import Base
internal import Platform
internal import Simulation
internal import Testing

@Suite struct SimulatedDiskTests {
  static func write(_ disk: SimulatedDisk, _ file: FileHandle, _ bytes: [UInt8], at offset: UInt64)
    throws
  {
    let failure = unsafe bytes.withUnsafeBytes { raw -> SystemError? in
      do throws(SystemError) { try unsafe disk.writeAll(file, raw, at: offset) } catch {
        return error
      }
      return nil
    }
    if let failure { throw failure }
  }

  static func made(_ seed: UInt64, _ name: String = "/a") throws -> (SimulatedDisk, FileHandle) {
    let disk = World(seed: seed).disk
    return (disk, try disk.open(name, .create))
  }

  @Test func `what was synced survives every power cut`() throws {
    for seed in 0..<50 as Range<UInt64> {
      let (disk, file) = try Self.made(seed)
      let bytes = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
      try Self.write(disk, file, bytes, at: 0)
      try disk.syncData(file)
      try disk.syncDirectory("/")
      disk.crash()
      #expect(disk.content("/a") == bytes)
    }
  }

  @Test func `what was not synced survives wholly, partly, torn, or not at all`() throws {
    var outcomes: Set<String> = []
    for seed in 0..<200 as Range<UInt64> {
      let (disk, file) = try Self.made(seed)
      try Self.write(disk, file, [UInt8](repeating: 1, count: 4_096), at: 0)
      try disk.syncData(file)
      try disk.syncDirectory("/")
      try Self.write(disk, file, [UInt8](repeating: 2, count: 4_096), at: 0)
      disk.crash()
      let content = disk.content("/a") ?? []
      #expect(content.count == 4_096)
      #expect(content.allSatisfy { $0 == 1 || $0 == 2 })
      let sectors = stride(from: 0, to: 4_096, by: 512).map { Set(content[$0..<($0 + 512)]) }
      if sectors.contains(where: { $0.count > 1 }) { outcomes.insert("torn") }
      if sectors.allSatisfy({ $0 == [1] }) { outcomes.insert("nothing") }
      if sectors.allSatisfy({ $0 == [2] }) { outcomes.insert("everything") }
      if Set(sectors.filter { $0.count == 1 }.map { $0.first ?? 0 }).count == 2 {
        outcomes.insert("mixed")
      }
    }
    #expect(outcomes == ["torn", "nothing", "everything", "mixed"])
  }

  @Test func `a file's growth may be lost, or come without its content`() throws {
    var sizes: Set<Int> = []
    var hasZeros = false
    for seed in 0..<100 as Range<UInt64> {
      let (disk, file) = try Self.made(seed)
      try disk.syncData(file)
      try disk.syncDirectory("/")
      try Self.write(disk, file, [UInt8](repeating: 9, count: 2_048), at: 0)
      disk.crash()
      let content = disk.content("/a") ?? []
      sizes.insert(content.count)
      if content.count == 2_048, content.contains(0) { hasZeros = true }
    }
    #expect(sizes == [0, 2_048])
    #expect(hasZeros)
  }

  @Test func `a name is durable after its directory's sync, not before`() throws {
    var fates: Set<String> = []
    for seed in 0..<100 as Range<UInt64> {
      let disk = World(seed: seed).disk
      let file = try disk.open("/a", .create)
      try Self.write(disk, file, [7], at: 0)
      try disk.syncData(file)
      try disk.syncDirectory("/")
      try disk.rename("/a", to: "/b")
      disk.crash()
      let names = try disk.list("/")
      fates.insert(names.joined(separator: ","))
      #expect(disk.content(names.first.map { "/" + $0 } ?? "") == [7])
    }
    #expect(fates == ["a", "b"])
  }

  @Test func `what lies in a directory that was lost is lost`() throws {
    var fates: Set<String> = []
    for seed in 0..<60 as Range<UInt64> {
      let disk = World(seed: seed).disk
      try disk.makeDirectory("/d")
      let file = try disk.open("/d/a", .create)
      try disk.syncData(file)
      try disk.syncDirectory("/d")
      disk.crash()
      fates.insert(try disk.list("/").joined())
      if try disk.list("/") == ["d"] { #expect(try disk.list("/d") == ["a"]) }
    }
    #expect(fates == ["", "d"])
  }

  @Test func `after a failed sync the pages look clean and are not on the disk`() throws {
    for seed in 0..<50 as Range<UInt64> {
      let (disk, file) = try Self.made(seed)
      try Self.write(disk, file, [1, 1], at: 0)
      try disk.syncData(file)
      try disk.syncDirectory("/")
      try Self.write(disk, file, [2, 2], at: 0)
      disk.faults = [DiskFault(.sync)]
      #expect(throws: SystemError.self) { try disk.syncData(file) }
      // The trap of fsyncgate: the second call succeeds.
      try disk.syncData(file)
      #expect(disk.content("/a") == [2, 2])
      let direct = try disk.open("/a", .readDirect)
      var bytes: [UInt8] = [0, 0]
      _ = try unsafe bytes.withUnsafeMutableBytes { raw in
        try unsafe disk.read(direct, into: raw, at: 0)
      }
      #expect(bytes == [1, 1])
      disk.crash()
      #expect(disk.content("/a") == [1, 1])
    }
  }

  @Test func `a process that dies loses its handles and nothing else`() throws {
    let (disk, file) = try Self.made(1)
    try Self.write(disk, file, [5], at: 0)
    disk.processDied()
    #expect(disk.content("/a") == [5])
    #expect(throws: SystemError(code: 9, operation: "bad file descriptor")) {
      try disk.syncData(file)
    }
  }

  @Test func `the Nth call fails, once or for ever, or takes less`() throws {
    let (disk, file) = try Self.made(1)
    disk.faults = [DiskFault(.write, number: 2, code: 28)]
    try Self.write(disk, file, [1], at: 0)
    #expect(throws: SystemError(code: 28, operation: "write /a")) {
      try Self.write(disk, file, [1], at: 1)
    }
    try Self.write(disk, file, [1], at: 1)
    disk.faults = [DiskFault(.write, number: 2, code: 5, forEver: true)]
    try Self.write(disk, file, [1], at: 2)
    for _ in 0..<3 {
      #expect(throws: SystemError.self) { try Self.write(disk, file, [1], at: 3) }
    }
    disk.faults = [DiskFault(.write, shortBytes: 2)]
    try Self.write(disk, file, [4, 5, 6, 7], at: 10)
    #expect(disk.content("/a")?.suffix(4) == [4, 5, 6, 7])
    disk.faults = [DiskFault(.open, path: "/b")]
    _ = try disk.open("/a", .read)
    #expect(throws: SystemError.self) { try disk.open("/b", .create) }
  }

  @Test func `a full disk refuses growth and allows overwriting`() throws {
    let (disk, file) = try Self.made(1)
    try Self.write(disk, file, [UInt8](repeating: 0, count: 1_000), at: 0)
    disk.capacityBytes = 1_000
    #expect(throws: SystemError(code: 28, operation: "pwrite /a")) {
      try Self.write(disk, file, [1], at: 1_000)
    }
    try Self.write(disk, file, [1], at: 999)
    #expect(try disk.space("/").free == 0)
  }
}
