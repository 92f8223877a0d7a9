// Goal: a pinned block is never evicted, a stale name pins nothing, over threads too.
// Method: single steps; then one thread refilling blocks while others pin and check what they see.
internal import Base
internal import Flow
internal import Foundation
internal import Synchronization
internal import Testing

@Suite struct BlockArenaTests {
  @Test func `blocks run out by kind and come back by eviction`() {
    let arena = BlockArena(ordinary: 2, large: 1)
    let first = arena.take(large: false)
    let second = arena.take(large: false)
    let large = arena.take(large: true)
    #expect(arena.take(large: false) == nil)
    #expect(arena.take(large: true) == nil)
    guard let first, let second, let large else { return #expect(Bool(false)) }
    #expect(first.slot != second.slot)
    #expect(arena[first].payloadCapacity == BlockLimits.payloadBytes)
    #expect(arena[large].payloadCapacity == BlockLimits.largePayloadBytes)
    #expect(arena[large].eventCapacity == BlockLimits.largeEvents)
    #expect(arena.evict(first))
    #expect(!arena.evict(first), "evicted twice")
    let again = arena.take(large: false)
    #expect(again?.slot == first.slot)
    #expect(again?.generation != first.generation)
  }

  @Test func `a pinned block stays, an evicted one cannot be pinned`() {
    let arena = BlockArena(ordinary: 1, large: 0)
    guard let ref = arena.take(large: false) else { return #expect(Bool(false)) }
    #expect(arena.pin(ref))
    #expect(arena.pin(ref))
    #expect(!arena.evict(ref))
    arena.unpin(ref)
    #expect(!arena.evict(ref))
    arena.unpin(ref)
    #expect(arena.evict(ref))
    #expect(!arena.pin(ref))
    guard let next = arena.take(large: false) else { return #expect(Bool(false)) }
    #expect(!arena.pin(ref))
    #expect(arena.pin(next))
  }

  @Test func `a taken block is empty`() {
    let arena = BlockArena(ordinary: 1, large: 0)
    for _ in 0..<3 {
      guard let ref = arena.take(large: false) else { return #expect(Bool(false)) }
      #expect(arena[ref].eventCount == 0 && arena[ref].sequence == 0)
      let event = TestEvent(type: [1], id: [2], extras: [], data: [3])
      #expect(event.append(to: arena[ref]))
      arena[ref].sequence = 5
      #expect(arena.evict(ref))
    }
  }

  @Test func `memory of all blocks is as large as promised and apart`() {
    let arena = BlockArena(ordinary: 3, large: 2)
    var ranges: [(UInt, UInt)] = []
    for large in [false, false, false, true, true] {
      guard let ref = arena.take(large: large) else { return #expect(Bool(false)) }
      let room = unsafe arena[ref].nextPayload(arena[ref].payloadCapacity)
      let start = UInt(bitPattern: room.baseAddress)
      ranges.append((start, start + UInt(room.count)))
      unsafe room[0] = 1
      unsafe room[room.count - 1] = 1
    }
    ranges.sort { $0.0 < $1.0 }
    for index in 1..<ranges.count { #expect(ranges[index - 1].1 <= ranges[index].0) }
    #expect((ranges.last?.1 ?? 0) - (ranges.first?.0 ?? 0) <= UInt(arena.byteCount))
  }

  @Test func `unpinning more often than pinned stops the process`() async {
    await #expect(processExitsWith: .failure) {
      let arena = BlockArena(ordinary: 1, large: 0)
      guard let ref = arena.take(large: false) else { return }
      arena.unpin(ref)
    }
  }

  /// What the writer says it published last; readers race it on purpose.
  final class Board: Sendable {
    let latest = Atomic<UInt64>(0)
    let stop = Atomic<Bool>(false)
    let torn = Atomic<Int>(0)
    let pinned = Atomic<Int>(0)
    let ended = Atomic<Int>(0)
  }

  @Test(.timeLimit(.minutes(1)))
  func `readers that pin never see a block change under them`() {
    let arena = BlockArena(ordinary: 4, large: 0)
    let window = LogWindow(
      arena: arena, audiences: AudienceTable(), reactorCount: 0, through: 0)
    let board = Board()
    for reader in 0..<2 {
      Foundation.Thread {
        var random = SeededRandom(seed: UInt64(reader))
        while !board.stop.load(ordering: .acquiring) {
          let head = window.committedThrough
          guard head > 0 else { continue }
          let sequence = head - min(head - 1, random.below(5))
          guard let ref = window.pin(sequence: sequence) else { continue }
          board.pinned.add(1, ordering: .relaxed)
          for _ in 0..<4 {
            let block = arena[ref]
            let byte = UInt8(truncatingIfNeeded: sequence)
            let isWhole = unsafe block.event(0).data.allSatisfy { $0 == byte }
            let isRight = block.sequence == sequence && block.header(0).idHash == sequence
            if !isWhole || !isRight { board.torn.add(1, ordering: .relaxed) }
          }
          arena.unpin(ref)
        }
        board.ended.add(1, ordering: .releasing)
      }.start()
    }
    var held: [BlockRef] = []
    var sequence: UInt64 = 0
    // On a busy machine the readers may get no turn for long: go on until they had some.
    while sequence < 10_000 || board.pinned.load(ordering: .relaxed) == 0 {
      var ref = arena.take(large: false)
      while ref == nil {
        for index in held.indices.reversed() where arena.evict(held[index]) {
          held.remove(at: index)
        }
        ref = arena.take(large: false)
        if ref == nil { sched_yield() }
      }
      guard let ref else { break }
      sequence += 1
      let header = EventHeader(
        time: UnixMilliseconds(0), idHash: sequence, typeHash: 0, contentHash: 0,
        payloadOffset: 0, dataLength: 64, extrasLength: 0, audience: .empty,
        application: ApplicationNumber(1), typeLength: 0, idLength: 0, kind: .binary, flags: 0)
      let room = unsafe arena[ref].nextPayload(64)
      for index in room.indices { unsafe room[index] = UInt8(truncatingIfNeeded: sequence) }
      arena[ref].append(header)
      arena[ref].sequence = sequence
      window.publish(sequence: sequence, ref: ref)
      window.commit(through: sequence)
      held.append(ref)
    }
    board.stop.store(true, ordering: .releasing)
    while board.ended.load(ordering: .acquiring) < 2 { sched_yield() }
    #expect(board.torn.load(ordering: .relaxed) == 0)
    #expect(board.pinned.load(ordering: .relaxed) > 0)
    for ref in held { #expect(arena.evict(ref), "a pin was left behind") }
  }
}
