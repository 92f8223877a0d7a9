import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: what `status` calls the journal's bytes is what the log holds: no zeros ahead of need, and
/// the same after a restart.
struct LogUsageTests {
  private let directory = TemporaryDirectory()

  @Test func `an empty log holds nothing, however long its files are`() throws {
    let world = try World(directory.path)
    #expect(world.recovered.index.usage == .zero)
    #expect(world.recovered.index.byteCount >= UInt64(World.segmentBytes))
  }

  @Test func `packed and plain bytes and events are counted as blocks are committed`() throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    world.seal([audience, audience, audience], bytes: 10_000)
    world.settle()
    let usage = world.recovered.index.usage
    #expect(usage.events == 3)
    #expect(usage.plainBytes >= 30_000)
    #expect(usage.bytes < 5_000, "repeated bytes are packed")
    #expect(usage.bytes % 64 == 0)
  }

  @Test func `what does not pack is as large as it is plain`() throws {
    let world = try World(directory.path)
    world.seal([world.audience(1)], bytes: 10_000, random: true)
    world.settle()
    let usage = world.recovered.index.usage
    #expect(usage.bytes == usage.plainBytes && usage.bytes >= 10_000)
  }

  @Test(arguments: [true, false])
  func `a restart counts the same, read by footer or block by block`(isClean: Bool) throws {
    let world = try World(directory.path)
    let audience = world.audience(1)
    // More than one segment, so that closed ones are read by their footers.
    for _ in 0..<14 {
      world.seal([audience, audience], bytes: 90_000, random: true)
      world.seal([audience], bytes: 90_000)
      world.settle(milliseconds: 3)
    }
    if isClean { world.finish() }
    world.settle(milliseconds: 200)
    let before = world.recovered.index.usage
    #expect(world.recovered.index.facts.count > 1)
    #expect(before.events == 42)
    let after = try World(directory.path, start: 20_000).recovered.index.usage
    #expect(after.events == before.events)
    // The stop, or the start, states the watermark in an empty block: a header, no more.
    #expect(after.bytes >= before.bytes && after.bytes - before.bytes <= 64)
    #expect(after.plainBytes == before.plainBytes)
  }

  @Test func `freed segments are no longer counted`() throws {
    let world = try World(directory.path, bytesMax: 9 << 20)
    let audience = world.audience(1)
    for _ in 0..<80 {
      world.seal([audience], bytes: 200_000, random: true)
      world.settle(milliseconds: 3)
    }
    world.settle(milliseconds: 200)
    #expect(world.keeper.segmentsFreed.value > 0)
    #expect(world.recovered.index.usage.bytes <= 9 << 20)
  }
}
