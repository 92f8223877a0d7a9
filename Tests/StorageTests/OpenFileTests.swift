import Base
import Flow
import Glibc
import Platform
import Storage
import Testing

/// Goal: whoever reads history keeps no file open, for an open one keeps the space of a segment
/// that is freed. Method: what this process has open below the directory, before and after.
struct OpenFileTests {
  let directory = TemporaryDirectory()

  /// Files below the directory that are open now.
  private func openFiles() -> [String] {
    Bytes.names("/proc/self/fd").compactMap { name in
      var target = [CChar](repeating: 0, count: 4096)
      let length = unsafe readlink("/proc/self/fd/" + name, &target, target.count)
      guard length > 0 else { return nil }
      let path = String(decoding: target[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
      return path.hasPrefix(directory.path) ? path : nil
    }.sorted()
  }

  private func filled() throws -> World {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 2000, random: true)
    world.settle(milliseconds: 3)
    return world
  }

  @Test func `an event that was read leaves no file open`() throws {
    let world = try filled()
    let before = openFiles()
    let reader = LogReader(
      index: world.recovered.index, directory: directory.path, disk: world.disk)
    #expect(try reader.event(at: Position(sequence: 1, index: 0)).data.count == 2000)
    #expect(openFiles() == before && !before.isEmpty)
  }

  @Test func `a look for damage leaves no file open, whatever it finds`() throws {
    let world = try filled()
    let reader = LogReader(
      index: world.recovered.index, directory: directory.path, disk: world.disk)
    var before = openFiles()
    #expect(reader.damage(at: Position(sequence: 1, index: 0)) == nil)
    #expect(openFiles() == before)
    let struck = try world.strike(block: 1, at: -200)
    before = openFiles()
    #expect(reader.damage(at: Position(sequence: 1, index: 0))?.path == struck.path)
    #expect(openFiles() == before)
  }

  @Test func `a walk that rests has no file open, and goes on`() throws {
    let world = try filled()
    world.seal([world.audience(1)])
    world.settle(milliseconds: 3)
    let before = openFiles()
    let reader = LogReader(
      index: world.recovered.index, directory: directory.path, disk: world.disk)
    let scan = reader.scan(.oldestFirst, from: .start, accepted: LogScan.Span())
    #expect(scan.advance() && openFiles().count == before.count + 1)
    scan.rest()
    #expect(openFiles() == before)
    #expect(scan.event(Position(sequence: 1, index: 0))?.data.count == 2000)
    #expect(scan.advance() && scan.sequence == 2)
  }
}
