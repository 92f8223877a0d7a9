// Goal: each delivery counts once, a second time is seen, and what is no delivery is no harm.
// Method: a board written as the sink writes it, read through a second mapping as the parent reads.
import Base
import Bench
import Glibc
import Platform
import Testing

@Suite struct BoardTests {
  @Test func `deliveries are told apart, in every process that shares the board`() throws {
    let board = try Board.make(deliveries: 130)
    let other = try Board(inherited: dup(board.memory.descriptor), deliveries: 130)
    for delivery in [0, 63, 64, 129, 63] as [UInt64] {
      other.note(delivery: delivery, lag: 1000, at: Instant(nanoseconds: 7))
    }
    other.note(delivery: 130, lag: 1000, at: Instant(nanoseconds: 9))
    #expect(board.value(.received) == 4)
    #expect(board.value(.again) == 1)
    #expect(board.value(.strange) == 1, "beyond the room")
    #expect(board.value(.lastTime) == 7)
    #expect(board.lag.snapshot().count == 4)
    #expect(board.received(0..<64) == 2)
    #expect(board.received(64..<200) == 2)
  }
}
