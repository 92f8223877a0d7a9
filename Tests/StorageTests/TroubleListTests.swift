import Platform
import Storage
import Testing

/// Goal: errors reach the log once, in order, and never without end.
/// Method: more and more of them are noted.
struct TroubleListTests {
  private func error(_ number: Int32) -> StorageError {
    .system(path: "/data/\(number)", SystemError(code: number, operation: "write"))
  }

  @Test func `an error is told once, and again after things went well`() {
    let list = TroubleList()
    for number in [3, 1, 3, 2, 1] as [Int32] { list.note(error(number)) }
    #expect(list.drain() == [error(3), error(1), error(2)])
    list.note(error(1))
    #expect(list.drain() == [])
    list.clear()
    list.note(error(1))
    #expect(list.drain() == [error(1)])
  }

  @Test func `no more are told than a log can bear`() {
    let list = TroubleList()
    for number in 0..<2_000 as Range<Int32> { list.note(error(number)) }
    #expect(list.drain().count == 1_000)
    for number in 2_000..<4_000 as Range<Int32> { list.note(error(number)) }
    #expect(list.drain() == [])
  }
}
