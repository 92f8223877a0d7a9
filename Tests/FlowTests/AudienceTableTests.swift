// Goal: sets come back under their numbers; membership is exact; recovery may repeat and skip numbers.
// Method: random sorted sets against Set.
internal import Base
internal import Flow
internal import Testing

@Suite struct AudienceTableTests {
  static func set(_ numbers: [UInt32]) -> [EndpointNumber] { numbers.map { EndpointNumber($0) } }

  static func stored(_ table: AudienceTable, _ number: UInt32) -> [UInt32] {
    unsafe table.endpoints(of: AudienceNumber(number)).map(\.value)
  }

  @Test func `a new table holds only the empty audience`() {
    let table = AudienceTable()
    #expect(table.count == 1)
    #expect(Self.stored(table, 0) == [])
    #expect(Self.stored(table, 1) == [])
    #expect(Self.stored(table, .max) == [])
    #expect(!table.contains(EndpointNumber(1), in: .empty))
    #expect(!table.contains(EndpointNumber(1), in: AudienceNumber(.max)))
  }

  @Test func `numbers are given in order, over chunk borders`() {
    let table = AudienceTable()
    for number in 1...9_000 as ClosedRange<UInt32> {
      #expect(table.append(Self.set([number, number + 10])) == AudienceNumber(number))
    }
    #expect(table.count == 9_001)
    for number in [1, 4_095, 4_096, 4_097, 8_192, 9_000] as [UInt32] {
      #expect(Self.stored(table, number) == [number, number + 10])
    }
  }

  @Test func `recovery puts sets back in any order, twice if it must`() {
    let table = AudienceTable()
    table.insert(Self.set([5]), at: AudienceNumber(10_000))
    table.insert(Self.set([1, 2]), at: AudienceNumber(3))
    table.insert(Self.set([1, 2]), at: AudienceNumber(3))
    #expect(table.count == 10_001)
    #expect(Self.stored(table, 3) == [1, 2])
    #expect(Self.stored(table, 2) == [])
    #expect(Self.stored(table, 10_000) == [5])
    #expect(table.append([]) == AudienceNumber(10_001))
    #expect(Self.stored(table, 10_001) == [])
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `membership equals a set's`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let table = AudienceTable()
    for _ in 0..<30 {
      let members = Set((0..<random.below(200)).map { _ in UInt32(random.below(300)) })
      guard let number = table.append(Self.set(members.sorted())) else { return }
      for value in 0..<300 as Range<UInt32> {
        #expect(table.contains(EndpointNumber(value), in: number) == members.contains(value))
      }
    }
  }

  @Test func `a number past the table's end stops the process instead of writing beside it`() async {
    await #expect(processExitsWith: .failure) {
      AudienceTable().insert([], at: AudienceNumber(1 << 24))
    }
  }
}
